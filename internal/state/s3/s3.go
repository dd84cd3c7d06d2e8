// Package s3 reads states that Terraform's S3 backend keeps. It sends requests
// that get and list, and AssumeRole; none that writes or takes a lock.
package s3

import (
	"context"
	"crypto/md5" //nolint:gosec // Terraform's digest of a state, and S3's of a key
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"holdfast/internal/state"
)

// Backend is a bucket with the states of one root module. Safe for concurrent
// use.
type Backend struct {
	settings
	session  *session
	patience time.Duration
	hide     []string // secrets that no message may hold
}

// New makes a backend that shares nothing.
func New(s state.Settings) (*Backend, error) { return new(Pool).New(s) }

// New makes a backend from the backend block's arguments and the environment.
// Sends no request. Errors are of the settings.
func (p *Pool) New(s state.Settings) (*Backend, error) {
	set, err := read(s)
	if err == nil {
		err = set.check()
	}
	if err != nil {
		return nil, err
	}
	return p.backend(set, s)
}

func (p *Pool) backend(set settings, s state.Settings) (*Backend, error) {
	b := &Backend{settings: set, patience: p.Patience, hide: set.secrets(s)}
	if b.patience == 0 {
		b.patience = 6 * time.Second
	}
	var err error
	if b.session, err = p.session(set.access, s); err != nil {
		return nil, state.Hide(err, b.hide...)
	}
	return b, nil
}

// String names the bucket and the key of the default workspace's state.
func (b *Backend) String() string { return "s3://" + b.bucket + "/" + b.key }

// GoString keeps credentials out of %#v.
func (b *Backend) GoString() string { return b.String() }

// State gives the source of a workspace's state.
func (b *Backend) State(workspace string) state.Source {
	return &source{backend: b, key: b.keyOf(workspace)}
}

func (b *Backend) keyOf(workspace string) string {
	if workspace == "default" {
		return b.key
	}
	return path.Join(b.workspacePrefix, workspace, b.key)
}

// Workspaces lists those that have a state under the workspace prefix.
func (b *Backend) Workspaces(ctx context.Context) ([]string, error) {
	names := []string{"default"}
	prefix := b.workspacePrefix
	if prefix != "" {
		prefix += "/"
	}
	err := b.list(ctx, prefix, func(key string) {
		name, rest, found := strings.Cut(strings.TrimPrefix(key, prefix), "/")
		if found && name != "" && name != "default" && rest == b.key {
			names = append(names, name)
		}
	})
	if err != nil {
		return nil, b.explain("listing the workspaces in s3://"+b.bucket, "s3:ListBucket on the bucket", err)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// list gives all keys with a prefix, in S3's order.
func (b *Backend) list(ctx context.Context, prefix string, each func(key string)) error {
	pages := awss3.NewListObjectsV2Paginator(b.session.objects, &awss3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, object := range page.Contents {
			each(aws.ToString(object.Key))
		}
	}
	return nil
}

// source is one state: an object.
type source struct {
	backend *Backend
	key     string
}

// String is the object's URL.
func (s *source) String() string { return "s3://" + s.backend.bucket + "/" + s.key }

// GoString keeps credentials out of %#v.
func (s *source) GoString() string { return s.String() }

// Read gets the object, and compares it with the digest that Terraform keeps in
// DynamoDB where there is a table. One that stays different is *state.UnsoundError.
func (s *source) Read(ctx context.Context) ([]byte, error) {
	if s.backend.table == "" {
		return s.get(ctx)
	}
	return s.readVerified(ctx)
}

func (s *source) get(ctx context.Context) ([]byte, error) {
	content, err := s.backend.get(ctx, s.key)
	switch {
	case missing(err):
		return nil, fmt.Errorf("%w at %s", state.ErrNone, s)
	case err != nil:
		return nil, s.backend.explain("reading "+s.String(), "s3:GetObject on it, and s3:ListBucket on the bucket,", err)
	}
	return content, nil
}

// get reads a whole object.
func (b *Backend) get(ctx context.Context, key string) ([]byte, error) {
	input := &awss3.GetObjectInput{Bucket: &b.bucket, Key: &key}
	if b.customerKey != nil {
		sum := md5.Sum(b.customerKey) //nolint:gosec // S3's own check of the key
		input.SSECustomerAlgorithm = aws.String("AES256")
		input.SSECustomerKey = aws.String(base64.StdEncoding.EncodeToString(b.customerKey))
		input.SSECustomerKeyMD5 = aws.String(base64.StdEncoding.EncodeToString(sum[:]))
	}
	object, err := b.session.objects.GetObject(ctx, input)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(object.Body)
	if err := errors.Join(err, object.Body.Close()); err != nil {
		return nil, err
	}
	return content, nil
}
