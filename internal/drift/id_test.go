package drift_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"holdfast/internal/drift"
)

var hexadecimal = regexp.MustCompile(`^[0-9a-f]{12}$`)

// Ids are kept in stores, waivers and tickets: these values, computed with
// another program, must never change.
func TestIDsAreStable(t *testing.T) {
	t.Parallel()
	const lineage = "5d1a3b0e-8c1f-4f0e-9a57-0f6f6f3f1c11"
	for _, c := range []struct{ got, want string }{
		{drift.FindingID(lineage, "aws_sqs_queue.jobs", drift.Modified), "497dc8dc5743"},
		{drift.FindingID(lineage, "aws_sqs_queue.jobs", drift.Deleted), "c8138a468b9c"},
		{drift.FindingID(lineage, `module.a["x"].aws_sqs_queue.jobs[0]`, drift.Modified), "d0fb794bc04c"},
		{drift.FindingID("", "aws_sqs_queue.jobs", drift.Modified), "72c753d3764b"},
		{drift.StackID("envs/prod", "default"), "0d9a2cdb81c3"},
		{drift.StackID("envs/prod", "blue"), "627d922b6d4f"},
		{drift.Revision([]byte("key"), drift.Deleted, nil), "b62c90cd015d"},
		{drift.Revision([]byte("key"), drift.Modified, []drift.RawChange{{Path: "size", Actual: "512"}}), "dd908fcd7ad9"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
		if !hexadecimal.MatchString(c.got) {
			t.Errorf("%q is no id", c.got)
		}
	}
}

func TestIDsTellApart(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, id := range []string{
		drift.FindingID("a", "b.c", drift.Modified), drift.FindingID("a", "b.c", drift.Deleted),
		drift.FindingID("ab", ".c", drift.Modified), drift.FindingID("", "ab.c", drift.Modified),
		drift.StackID("a", "b"), drift.StackID("ab", ""), drift.StackID("", "ab"),
	} {
		if seen[id] {
			t.Errorf("%s twice", id)
		}
		seen[id] = true
	}
}

func TestRevision(t *testing.T) {
	t.Parallel()
	key := []byte("what only the state holds")
	changes := []drift.RawChange{{Path: "memory", Actual: "512"}, {Path: "secret", Actual: `"hunter2"`}}
	revision := drift.Revision(key, drift.Modified, changes)
	if again := drift.Revision(slices.Clone(key), drift.Modified, slices.Clone(changes)); again != revision {
		t.Errorf("%s, then %s", revision, again)
	}
	for name, other := range map[string]string{
		"another value":    drift.Revision(key, drift.Modified, []drift.RawChange{changes[0], {Path: "secret", Actual: `"hunter3"`}}),
		"another path":     drift.Revision(key, drift.Modified, []drift.RawChange{changes[0], {Path: "secrets", Actual: `"hunter2"`}}),
		"a path less":      drift.Revision(key, drift.Modified, changes[:1]),
		"another kind":     drift.Revision(key, drift.Deleted, changes),
		"another key":      drift.Revision([]byte("another state"), drift.Modified, changes),
		"no key":           drift.Revision(nil, drift.Modified, changes),
		"cut elsewhere":    drift.Revision(key, drift.Modified, []drift.RawChange{{Path: "memory5", Actual: "12"}, changes[1]}),
		"the plain digest": drift.Revision(nil, drift.Modified, nil),
	} {
		if other == revision {
			t.Errorf("%s gives the same revision", name)
		}
	}
	if strings.Contains(revision, "hunter2") || !hexadecimal.MatchString(revision) {
		t.Errorf("%q is no digest", revision)
	}
}

// Whoever has the revision and guesses the value, but not the key, learns
// nothing: with every key the same changes look different.
func TestRevisionIsKeyed(t *testing.T) {
	t.Parallel()
	changes := []drift.RawChange{{Path: "password", Actual: `"hunter2"`}}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOfN(rapid.Byte(), 1, 32).Draw(t, "key"), rapid.SliceOfN(rapid.Byte(), 33, 64).Draw(t, "other key")
		if drift.Revision(a, drift.Modified, changes) == drift.Revision(b, drift.Modified, changes) {
			t.Fatal("the key makes no difference")
		}
	})
}

func TestMatchesID(t *testing.T) {
	t.Parallel()
	f := drift.Finding{ID: "497dc8dc5743"}
	for s, want := range map[string]bool{
		"497dc8dc5743": true, "497dc8": true, "497d": true, "497": false, "": false, "97dc": false, "497dc8dc57430": false, "497DC8": false,
	} {
		if got := f.MatchesID(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}
