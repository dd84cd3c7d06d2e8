package s3

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // it names the SDK's cache files, no more
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"holdfast/internal/state"
)

// chain finds credentials where the SDK's default chain does, but in a given
// environment: the SDK can read only the process's own.
type chain struct {
	access   access
	settings state.Settings
	config   aws.Config
}

// credentials are those of the settings, then the chosen profile's, then the
// environment's, then the default profile's, then the machine's; and the roles
// that the settings assume with them.
func (c chain) credentials(profile *config.SharedConfig) (aws.CredentialsProvider, error) {
	found, err := c.base(profile)
	if err != nil {
		return nil, err
	}
	for _, role := range c.access.roles {
		if found, err = c.assume(found, role); err != nil {
			return nil, err
		}
	}
	return aws.NewCredentialsCache(found), nil
}

func (c chain) base(profile *config.SharedConfig) (aws.CredentialsProvider, error) {
	env := c.settings.Getenv
	switch {
	case c.access.key != "":
		return credentials.NewStaticCredentialsProvider(c.access.key, c.access.secret, c.access.token), nil
	case c.access.profile != "":
		return c.ofProfile(profile)
	case env("AWS_ACCESS_KEY_ID") != "" && env("AWS_SECRET_ACCESS_KEY") != "":
		return c.ofEnvironment()
	case len(c.access.roles) > 0 && (c.access.roles[0].webToken != "" || c.access.roles[0].webTokenFile != ""):
		return aws.AnonymousCredentials{}, nil // the token is enough
	case env("AWS_WEB_IDENTITY_TOKEN_FILE") != "" && env("AWS_ROLE_ARN") != "":
		return c.assume(aws.AnonymousCredentials{}, role{
			arn: env("AWS_ROLE_ARN"), session: env("AWS_ROLE_SESSION_NAME"), webTokenFile: c.settings.Path(env("AWS_WEB_IDENTITY_TOKEN_FILE")),
		})
	}
	return c.ofProfile(profile)
}

func (c chain) ofEnvironment() (aws.CredentialsProvider, error) {
	env := c.settings.Getenv
	return credentials.NewStaticCredentialsProvider(env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY"), env("AWS_SESSION_TOKEN")), nil
}

// ofProfile are a profile's credentials, with its role assumed.
func (c chain) ofProfile(p *config.SharedConfig) (aws.CredentialsProvider, error) {
	source, err := c.ofProfileSource(p)
	if err != nil || p.RoleARN == "" || p.WebIdentityTokenFile != "" {
		return source, err
	}
	if p.MFASerial != "" {
		return nil, fmt.Errorf("the AWS profile %s asks for an MFA code, which a check can't type; export the credentials of a session", p.Profile)
	}
	one := role{arn: p.RoleARN, session: p.RoleSessionName, externalID: p.ExternalID}
	if p.RoleDurationSeconds != nil {
		one.duration = *p.RoleDurationSeconds
	}
	return c.assume(source, one)
}

func (c chain) ofProfileSource(p *config.SharedConfig) (aws.CredentialsProvider, error) {
	switch {
	case p.Source != nil:
		return c.ofProfile(p.Source)
	case p.Credentials.HasKeys():
		return credentials.StaticCredentialsProvider{Value: p.Credentials}, nil
	case p.CredentialSource != "":
		return c.named(p)
	case p.WebIdentityTokenFile != "":
		return c.assume(aws.AnonymousCredentials{}, role{arn: p.RoleARN, session: p.RoleSessionName, webTokenFile: c.settings.Path(p.WebIdentityTokenFile)})
	case p.SSOAccountID != "":
		return c.signOn(p), nil
	case p.LoginSession != "":
		return nil, fmt.Errorf("the AWS profile %s signs in with `aws login`, which writes to its cache; export its credentials with `aws configure export-credentials`", p.Profile)
	case p.CredentialProcess != "":
		provider := processcreds.NewProviderCommand(processcreds.NewCommandBuilderFunc(c.command(p.CredentialProcess)))
		return process{provider, p.Profile}, nil
	case c.settings.FirstEnv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		return c.container()
	}
	return c.machine()
}

// named are the credentials of a profile's credential_source.
func (c chain) named(p *config.SharedConfig) (aws.CredentialsProvider, error) {
	switch p.CredentialSource {
	case "Environment":
		return c.ofEnvironment()
	case "Ec2InstanceMetadata":
		return c.machine()
	case "EcsContainer":
		return c.container()
	}
	return nil, fmt.Errorf("the AWS profile %s has an unknown credential_source; it is Environment, Ec2InstanceMetadata or EcsContainer", p.Profile)
}

// process are the credentials that a program prints. The SDK's error has all that
// was printed in it, credentials too.
type process struct {
	aws.CredentialsProvider
	profile string
}

func (p process) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := p.CredentialsProvider.Retrieve(ctx)
	if err == nil || ctx.Err() != nil {
		return found, err
	}
	reason := "what it printed is no credentials in version 1 of the format"
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		reason = exit.Error()
	}
	return found, &credentialsError{fmt.Sprintf(": credential_process of the profile %s: %s", p.profile, reason)}
}

// command builds the command of credential_process, in the stack's environment.
func (c chain) command(line string) func(context.Context) (*exec.Cmd, error) {
	return func(ctx context.Context) (*exec.Cmd, error) {
		shell := []string{"sh", "-c"}
		if runtime.GOOS == "windows" {
			shell = []string{"cmd.exe", "/C"}
		}
		cmd := exec.CommandContext(ctx, shell[0], append(shell[1:], line)...)
		cmd.Env = c.settings.Env
		return cmd, nil
	}
}

// signOn takes the token that `aws sso login` left. One that has ended is not
// renewed, since that would write to the user's cache.
func (c chain) signOn(p *config.SharedConfig) aws.CredentialsProvider {
	name, region, start := p.SSOStartURL, p.SSORegion, p.SSOStartURL
	if p.SSOSession != nil {
		name, region, start = p.SSOSession.Name, p.SSOSession.SSORegion, p.SSOSession.SSOStartURL
	}
	conf := c.config.Copy()
	conf.Region = region
	client := sso.NewFromConfig(conf, func(o *sso.Options) { o.BaseEndpoint = endpoint(c.access.sso) })
	return ssocreds.New(client, p.SSOAccountID, p.SSORoleName, start, func(o *ssocreds.Options) {
		sum := sha1.Sum([]byte(name)) //nolint:gosec // see the import
		o.CachedTokenFilepath = c.settings.Path("~/.aws/sso/cache/" + hex.EncodeToString(sum[:]) + ".json")
	})
}

// container asks ECS or EKS. A plain address must be one of theirs, or this
// machine's: the token goes there.
func (c chain) container() (aws.CredentialsProvider, error) {
	env := c.settings.Getenv
	address := env("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if relative := env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); relative != "" {
		address = "http://169.254.170.2" + relative
	}
	parsed, err := url.Parse(address)
	if err != nil || (parsed.Scheme != "https" && !containerHost(parsed.Hostname())) {
		return nil, errors.New("AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of ECS, EKS or this machine; unset it")
	}
	return endpointcreds.New(address, func(o *endpointcreds.Options) {
		o.HTTPClient = c.config.HTTPClient
		o.AuthorizationToken = env("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		if file := env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
			o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
				token, err := os.ReadFile(c.settings.Path(file))
				return string(token), err
			})
		}
	}), nil
}

func containerHost(host string) bool {
	ip := net.ParseIP(host)
	known := []string{"169.254.170.2", "169.254.170.23", "fd00:ec2::23"}
	return host == "localhost" || (ip != nil && (ip.IsLoopback() || slices.Contains(known, ip.String())))
}

// machine asks the EC2 metadata service.
func (c chain) machine() (aws.CredentialsProvider, error) {
	if c.access.noMetadata {
		return none{}, nil
	}
	o := imds.Options{
		// It is near, or not there; and never behind a proxy.
		HTTPClient: &http.Client{Timeout: metadataPatience, Transport: &http.Transport{}},
		Endpoint:   c.access.metadata,
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = 2, metadataPatience/4
		}),
		// Not from this process's environment.
		ClientEnableState: imds.ClientEnabled,
	}
	if err := o.EndpointMode.SetFromString(c.access.metadataMode); err != nil {
		return nil, errors.New("ec2_metadata_service_endpoint_mode is neither IPv4 nor IPv6; mend it")
	}
	return machine{ec2rolecreds.New(func(r *ec2rolecreds.Options) { r.Client = imds.New(o) })}, nil
}

// metadataPatience is how long the EC2 metadata service may take to answer.
const metadataPatience = time.Second

// credentialsError says that none were found anywhere, or why none were given.
type credentialsError struct{ reason string }

func (e *credentialsError) Error() string { return "no AWS credentials were found" + e.reason }

// none are no credentials; to be told only when some are needed.
type none struct{}

func (none) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, &credentialsError{}
}

// machine are the credentials of the machine's role. It is asked last: where it
// doesn't answer, there are none.
type machine struct{ aws.CredentialsProvider }

func (m machine) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := m.CredentialsProvider.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		// Only in words: the SDK would take a connection's error for one of S3, and
		// try again.
		return found, &credentialsError{", and the machine has no role: " + err.Error()}
	}
	return found, err
}

// assume gives the credentials of a role that is assumed with others.
func (c chain) assume(with aws.CredentialsProvider, r role) (aws.CredentialsProvider, error) {
	conf := c.config.Copy()
	conf.Credentials = aws.NewCredentialsCache(with)
	conf.Region = cmp.Or(c.access.stsRegion, conf.Region)
	client := sts.NewFromConfig(conf, func(o *sts.Options) {
		o.BaseEndpoint = endpoint(c.access.sts)
		o.EndpointOptions.UseDualStackEndpoint, o.EndpointOptions.UseFIPSEndpoint = c.access.dualStackState(), c.access.fipsState()
	})
	if r.webToken != "" || r.webTokenFile != "" {
		return stscreds.NewWebIdentityRoleProvider(client, r.arn, webToken(r), func(o *stscreds.WebIdentityRoleOptions) {
			o.RoleSessionName, o.Duration, o.Policy, o.PolicyARNs = r.session, r.duration, optional(r.policy), r.policies()
		}), nil
	}
	return stscreds.NewAssumeRoleProvider(client, r.arn, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName, o.ExternalID, o.Policy = r.session, optional(r.externalID), optional(r.policy)
		o.SourceIdentity, o.TransitiveTagKeys = optional(r.source), r.transitive
		o.PolicyARNs = r.policies()
		if r.duration > 0 {
			o.Duration = r.duration
		}
		for _, name := range slices.Sorted(maps.Keys(r.tags)) {
			o.Tags = append(o.Tags, types.Tag{Key: aws.String(name), Value: aws.String(r.tags[name])})
		}
	}), nil
}

func (r role) policies() []types.PolicyDescriptorType {
	var all []types.PolicyDescriptorType
	for _, arn := range r.policyARNs {
		all = append(all, types.PolicyDescriptorType{Arn: aws.String(arn)})
	}
	return all
}

// webToken is the token of a role by web identity, read when it is needed.
func webToken(r role) stscreds.IdentityTokenRetriever {
	if r.webToken != "" {
		return literalToken(r.webToken)
	}
	return stscreds.IdentityTokenFile(r.webTokenFile)
}

type literalToken string

// GetIdentityToken gives the token.
func (t literalToken) GetIdentityToken() ([]byte, error) {
	return []byte(strings.TrimSpace(string(t))), nil
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
