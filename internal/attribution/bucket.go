package attribution

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// bucket is an S3 bucket of log objects.
type bucket struct {
	name   string
	prefix string
	client *s3.Client
}

// NewBucket reads the log objects that a trail delivers to a bucket, below the
// trail's prefix. It needs s3:ListBucket and s3:GetObject. cfg has credentials,
// and the bucket's region.
func NewBucket(cfg aws.Config, name, prefix string, options ...func(*s3.Options)) *Objects {
	prefix = clean(prefix)
	return &Objects{tree: bucket{name, prefix, s3.NewFromConfig(cfg, append(options, pathStyle)...)}, prefix: prefix}
}

func (b bucket) String() string { return "s3://" + b.name }

func (b bucket) list(ctx context.Context, prefix string) (folders, objects []string, err error) {
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{
		Bucket: &b.name, Prefix: &prefix, Delimiter: aws.String("/"),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return folders, objects, explain(err, "s3:ListBucket", b.String())
		}
		for _, p := range page.CommonPrefixes {
			folders = append(folders, strings.TrimPrefix(aws.ToString(p.Prefix), prefix))
		}
		for _, o := range page.Contents {
			if name := strings.TrimPrefix(aws.ToString(o.Key), prefix); name != "" {
				objects = append(objects, name)
			}
		}
	}
	return folders, objects, nil
}

func (b bucket) open(ctx context.Context, name string) (io.ReadCloser, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &name})
	if err != nil {
		return nil, explain(err, "s3:GetObject", b.String())
	}
	return out.Body, nil
}

// explain makes an answer of AWS a message with a next step. The SDK's own text
// has request ids and no more.
func explain(err error, action, where string) error {
	failure, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return errors.New("AWS can't be reached, or there are no credentials: " + innermost(err))
	}
	switch code := failure.ErrorCode(); code {
	case "NoSuchBucket":
		return errors.New("there is no such bucket; check the name in attribution.trails")
	case "AccessDenied", "AccessDeniedException", "403", "Forbidden", "UnauthorizedOperation":
		return errors.New("access denied; allow " + action + " on " + where)
	case "ThrottlingException", "SlowDown":
		return errors.New("AWS refused again and again, because of too many requests; try later")
	default:
		return errors.New(code + ": " + failure.ErrorMessage())
	}
}

// innermost is the last error in a chain: what went wrong, without the SDK's
// account of what it tried.
func innermost(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
