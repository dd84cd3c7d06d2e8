package s3

import (
	"context"
	"crypto/md5" //nolint:gosec // Terraform's digest of a state
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"holdfast/internal/drift"
	"holdfast/internal/state"
)

// Lock tells who holds the state's lock, of either kind: the item in DynamoDB,
// and the object with the ending .tflock. Where both are there, the one whose
// holder may change something.
func (s *source) Lock(ctx context.Context) (*state.Lock, error) {
	lock, err := s.fileLock(ctx)
	if err != nil || s.backend.table == "" || lock.Changes() {
		return lock, err
	}
	item, err := s.item(ctx, s.path())
	if err != nil {
		return nil, s.explainTable("reading the lock of", err)
	}
	if item == nil {
		return lock, nil
	}
	info, _ := item["Info"].(*types.AttributeValueMemberS)
	if info == nil {
		return state.ParseLock(nil), nil
	}
	return state.ParseLock([]byte(info.Value)), nil
}

// fileLock reads the lock object. It is looked for even where use_lockfile is
// not set, since others may work with it; then it need not be readable.
func (s *source) fileLock(ctx context.Context) (*state.Lock, error) {
	content, err := s.backend.get(ctx, s.key+".tflock")
	switch {
	case missing(err):
		return nil, nil
	case err == nil:
		return state.ParseLock(content), nil
	case forbidden(err) && !s.backend.lockFile:
		return nil, nil
	}
	return nil, s.backend.explain("reading the lock of "+s.String(), "s3:GetObject on "+s.key+".tflock", err)
}

// path names the state in DynamoDB.
func (s *source) path() string { return s.backend.bucket + "/" + s.key }

// item gets an item of the lock table; nil where there is none.
func (s *source) item(ctx context.Context, id string) (map[string]types.AttributeValue, error) {
	out, err := s.backend.session.locks.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &s.backend.table,
		Key:            map[string]types.AttributeValue{"LockID": &types.AttributeValueMemberS{Value: id}},
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// readVerified reads until the state is the one whose digest is in DynamoDB. S3
// and DynamoDB are not written at once, so that they may differ for a moment.
func (s *source) readVerified(ctx context.Context) ([]byte, error) {
	ctxPatience, cancel := context.WithTimeoutCause(ctx, s.backend.patience, errImpatient)
	defer cancel()
	for pause := 100 * time.Millisecond; ; pause *= 2 {
		content, readErr := s.get(ctx)
		if readErr != nil && !errors.Is(readErr, state.ErrNone) {
			return nil, readErr
		}
		want, err := s.digest(ctx)
		if err != nil {
			return nil, s.explainTable("reading the digest of", err)
		}
		if want == "" || (readErr == nil && want == digestOf(content)) {
			return content, readErr
		}
		if !wait(ctxPatience, pause) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, s.mismatch(readErr, content, want)
		}
	}
}

var errImpatient = errors.New("waited long enough")

// wait waits; false when the context ends first.
func wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// digest is the MD5 sum that Terraform wrote last, in hexadecimal; "" where there
// is none.
func (s *source) digest(ctx context.Context) (string, error) {
	item, err := s.item(ctx, s.path()+"-md5")
	if err != nil {
		return "", err
	}
	digest, _ := item["Digest"].(*types.AttributeValueMemberS)
	if digest == nil {
		return "", nil
	}
	return digest.Value, nil
}

func digestOf(content []byte) string {
	sum := md5.Sum(content) //nolint:gosec // Terraform's digest of a state
	return hex.EncodeToString(sum[:])
}

func (s *source) mismatch(readErr error, content []byte, want string) error {
	is := "its digest is " + digestOf(content)
	if readErr != nil {
		is = "it is gone"
	}
	return &state.UnsoundError{Code: drift.FaultDigest, Err: fmt.Errorf(
		"%s is not the state that Terraform wrote last: %s, and the table %s says %s. It is stale, or was changed by hand; restore the version with that digest, or, if the state is right, correct the item %s-md5",
		s, is, s.backend.table, want, s.path())}
}

func (s *source) explainTable(doing string, err error) error {
	return s.backend.explain(doing+" "+s.String()+" in the DynamoDB table "+s.backend.table, "dynamodb:GetItem on the table", err)
}
