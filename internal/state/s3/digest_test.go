package s3_test

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"holdfast/internal/state"
	holdfasts3 "holdfast/internal/state/s3"
)

func sum(content string) string {
	digest := md5.Sum([]byte(content))
	return hex.EncodeToString(digest[:])
}

// hasty opens a backend with a lock table that gives up soon.
func hasty(t *testing.T, st *store, patience time.Duration) state.Source {
	t.Helper()
	pool := &holdfasts3.Pool{Patience: patience}
	b, err := pool.New(state.Settings{Config: st.config(map[string]any{"dynamodb_table": st.table}), Env: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return b.State("default")
}

func TestDigest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, content, digest string // "" for none
		want                  string // in the error
		none                  bool
	}{
		{name: "none, as before there was a table", content: "{}"},
		{name: "right", content: "{}", digest: sum("{}")},
		{name: "changed by hand", content: "{ }", digest: sum("{}"), want: "its digest is " + sum("{ }")},
		{name: "removed by hand", digest: sum("{}"), want: "it is gone"},
		{name: "neither", none: true, want: "there is no state"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			st := newStore(t)
			if c.content != "" {
				st.object(t, st.key, []byte(c.content))
			}
			if c.digest != "" {
				st.digest(t, "default", c.digest)
			}
			got, err := hasty(t, st, 200*time.Millisecond).Read(t.Context())
			if c.want == "" {
				if err != nil || string(got) != c.content {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "s3://"+st.bucket+"/"+st.key) || got != nil {
				t.Errorf("got %q, %v", got, err)
			}
			unsound, is := errors.AsType[*state.UnsoundError](err)
			if errors.Is(err, state.ErrNone) != c.none || is == c.none || (is && unsound.Code != "state_digest_mismatch") {
				t.Errorf("it is another kind of error: %#v", err)
			}
		})
	}
}

// A write under way is waited for: S3 and DynamoDB are not written at once.
func TestDigestCatchesUp(t *testing.T) {
	t.Parallel()
	st := newStore(t)
	st.object(t, st.key, []byte("new"))
	st.digest(t, "default", sum("old"))
	source := hasty(t, st, time.Minute)
	done := make(chan error, 1)
	go func() {
		got, err := source.Read(t.Context())
		if err == nil && string(got) != "new" {
			err = errors.New("got " + string(got))
		}
		done <- err
	}()
	st.digest(t, "default", sum("new"))
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The newest version counts, and one that was deleted is none.
func TestVersions(t *testing.T) {
	t.Parallel()
	st := newStore(t)
	st.versioned(t)
	for _, content := range []string{"one", "two"} {
		st.put(t, "default", []byte(content))
	}
	source := open(t, st.config(nil)).State("default")
	if got, err := source.Read(t.Context()); err != nil || string(got) != "two" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := st.objects.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &st.bucket, Key: &st.key}); err != nil {
		t.Fatal(err)
	}
	if got, err := source.Read(t.Context()); !errors.Is(err, state.ErrNone) {
		t.Errorf("got %q, %v", got, err)
	}
}

// Both kinds of lock are seen, whatever the backend block says, and of two the
// one whose holder may change something counts.
func TestBothLocks(t *testing.T) {
	t.Parallel()
	plan := state.Lock{ID: "p", Operation: "OperationTypePlan"}
	apply := state.Lock{ID: "a", Operation: "OperationTypeApply"}
	for _, c := range []struct {
		name       string
		file, item *state.Lock
		want       string
	}{
		{"file of others", &apply, nil, "a"},
		{"item", nil, &apply, "a"},
		{"plan in the file, apply in the item", &plan, &apply, "a"},
		{"apply in the file, plan in the item", &apply, &plan, "a"},
		{"plan in the file", &plan, nil, "p"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			st := newStore(t)
			if c.file != nil {
				st.object(t, st.key+".tflock", []byte(lockJSON(t, *c.file)))
			}
			if c.item != nil {
				st.lockItem(t, "default", lockJSON(t, *c.item))
			}
			got, err := open(t, st.config(map[string]any{"dynamodb_table": st.table})).State("default").Lock(t.Context())
			if err != nil || got == nil || got.ID != c.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
