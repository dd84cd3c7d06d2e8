package s3

import (
	"context"
	"errors"
	"strings"

	"holdfast/internal/state"
)

// Bucket is a bucket with states of any root modules, to be looked through
// where no code is at hand. Safe for concurrent use.
type Bucket struct{ backend *Backend }

// Bucket opens a bucket with the same settings as a backend, without a key.
// Sends no request. Errors are of the settings.
func (p *Pool) Bucket(s state.Settings) (*Bucket, error) {
	set, err := read(s)
	switch {
	case err != nil:
		return nil, err
	case set.bucket == "":
		return nil, errors.New("it names no bucket; write s3://BUCKET/KEY")
	}
	b, err := p.backend(set, s)
	return &Bucket{b}, err
}

// List gives the keys with a prefix, sorted. Lock files are none of them.
func (b *Bucket) List(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	err := b.backend.list(ctx, prefix, func(key string) {
		if !strings.HasSuffix(key, ".tflock") && !strings.HasSuffix(key, "/") {
			keys = append(keys, key)
		}
	})
	if err != nil {
		return nil, b.backend.explain("listing s3://"+b.backend.bucket+"/"+prefix, "s3:ListBucket on the bucket", err)
	}
	return keys, nil
}

// Source gives the state with a key.
func (b *Bucket) Source(key string) state.Source { return &source{backend: b.backend, key: key} }
