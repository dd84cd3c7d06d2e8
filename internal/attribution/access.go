package attribution

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// agent is how AWS's log shows what we read, and the name of our sessions.
const agent = "holdfast"

// dialTimeout is for a network without a way to AWS, which answers nothing.
const dialTimeout = 10 * time.Second

// Access says as whom AWS is asked: as the SDK finds credentials (environment,
// shared files, the machine's role), or a profile; and, if one is named, as a
// role that those may assume.
type Access struct {
	Profile string
	RoleARN string
	Region  string // "" for that of the environment or the profile
}

// Open makes a configuration of it. No request is made yet.
func (a Access) Open(ctx context.Context) (aws.Config, error) {
	client := awshttp.NewBuildableClient().WithDialerOptions(func(d *net.Dialer) { d.Timeout = dialTimeout })
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client),
		config.WithAppID(agent), config.WithSharedConfigProfile(a.Profile), config.WithRegion(a.Region))
	if err != nil {
		return aws.Config{}, fmt.Errorf("AWS credentials: %w", err)
	}
	cfg.Region = cmp.Or(cfg.Region, globalRegion)
	if a.RoleARN != "" {
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), a.RoleARN,
			func(o *stscreds.AssumeRoleOptions) { o.RoleSessionName = agent }))
	}
	return cfg, nil
}

// pathStyle addresses buckets as emulated ones want it, wherever there is an
// endpoint of its own.
func pathStyle(o *s3.Options) { o.UsePathStyle = o.UsePathStyle || o.BaseEndpoint != nil }
