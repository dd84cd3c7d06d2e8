package s3

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"

	"holdfast/internal/state"
	"holdfast/internal/state/wire"
)

// session is a connection to AWS with one set of credentials. Safe for
// concurrent use.
type session struct {
	objects *awss3.Client
	locks   *dynamodb.Client
	region  string
}

// Pool makes S3 backends. Those with the same access share connections and
// credentials, so that a fleet doesn't assume its role anew for every stack. The
// zero value is ready. Safe for concurrent use.
type Pool struct {
	// Patience is how long a digest may differ from the state, because a write is
	// under way, before that is an error. Zero means six seconds.
	Patience time.Duration

	mu       sync.Mutex
	sessions map[string]*session
}

func (p *Pool) session(a access, s state.Settings) (*session, error) {
	// All of the environment that access to AWS may depend on is in it.
	name := fmt.Sprintf("%#v %q", a, s.Env)
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.sessions[name]; known != nil {
		return known, nil
	}
	made, err := newSession(a, s)
	if err != nil {
		return nil, err
	}
	if p.sessions == nil {
		p.sessions = map[string]*session{}
	}
	p.sessions[name] = made
	return made, nil
}

func newSession(a access, s state.Settings) (*session, error) {
	transport, err := wire.Transport(s, wire.Options{
		HTTPProxy: a.httpProxy, HTTPSProxy: a.httpsProxy, NoProxy: a.noProxy, CAFile: a.caFile, Insecure: a.insecure,
	})
	if err != nil {
		return nil, err
	}
	profile, err := loadProfile(a, s)
	if err != nil {
		return nil, err
	}
	a.complete(profile)
	if a.region == "" {
		return nil, fmt.Errorf("the S3 backend has no region; set region in the backend block, or AWS_REGION")
	}
	conf := aws.Config{
		Region: a.region,
		// A redirect is told to the SDK, which knows what S3 means by it.
		HTTPClient: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		Logger:     logging.Nop{},
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = a.attempts, 4*time.Second })
		},
	}
	chain := chain{access: a, settings: s, config: conf}
	if conf.Credentials, err = chain.credentials(profile); err != nil {
		return nil, err
	}
	return &session{objects: a.objects(conf), locks: a.locks(conf), region: a.region}, nil
}

// loadProfile reads the profile's settings from the shared files. Only a profile
// that was named must exist.
func loadProfile(a access, s state.Settings) (*config.SharedConfig, error) {
	named := a.profile
	if named == "" {
		named = s.FirstEnv("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
	}
	name := named
	if name == "" {
		name = "default"
	}
	profile, err := config.LoadSharedConfigProfile(context.Background(), name, func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles, o.CredentialsFiles, o.Logger = a.configFiles, a.credFiles, logging.Nop{}
	})
	if _, missing := err.(config.SharedConfigProfileNotExistError); missing && named == "" { //nolint:errorlint // the SDK returns the bare type
		return &config.SharedConfig{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the AWS profile %s: %w; mend %v or %v, or name another profile", name, err, a.configFiles, a.credFiles)
	}
	return &profile, nil
}

// complete adds what the profile says of what is not set.
func (a *access) complete(profile *config.SharedConfig) {
	if a.region == "" {
		a.region = profile.Region
	}
	if profile.IgnoreConfiguredEndpoints != nil && *profile.IgnoreConfiguredEndpoints {
		return
	}
	for id, endpoint := range map[string]*string{"S3": &a.s3, "DynamoDB": &a.dynamodb, "STS": &a.sts, "SSO": &a.sso} {
		if *endpoint != "" {
			continue
		}
		if own, found, _ := profile.GetServiceBaseEndpoint(context.Background(), id); found {
			*endpoint = own
		} else {
			*endpoint = profile.BaseEndpoint
		}
	}
}

func (a access) objects(conf aws.Config) *awss3.Client {
	return awss3.NewFromConfig(conf, func(o *awss3.Options) {
		o.BaseEndpoint, o.UsePathStyle = endpoint(a.s3), a.pathStyle
		o.EndpointOptions.UseDualStackEndpoint, o.EndpointOptions.UseFIPSEndpoint = a.dualStackState(), a.fipsState()
		o.DisableLogOutputChecksumValidationSkipped = true
	})
}

func (a access) locks(conf aws.Config) *dynamodb.Client {
	return dynamodb.NewFromConfig(conf, func(o *dynamodb.Options) {
		o.BaseEndpoint = endpoint(a.dynamodb)
		o.EndpointOptions.UseDualStackEndpoint, o.EndpointOptions.UseFIPSEndpoint = a.dualStackState(), a.fipsState()
	})
}

func (a access) dualStackState() aws.DualStackEndpointState {
	if a.dualStack {
		return aws.DualStackEndpointStateEnabled
	}
	return aws.DualStackEndpointStateUnset
}

func (a access) fipsState() aws.FIPSEndpointState {
	if a.fips {
		return aws.FIPSEndpointStateEnabled
	}
	return aws.FIPSEndpointStateUnset
}

// endpoint is the SDK's word for an endpoint; nil for AWS's own.
func endpoint(url string) *string {
	if url == "" {
		return nil
	}
	return &url
}
