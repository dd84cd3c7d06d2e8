package app

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/attribution"
	"holdfast/internal/drift"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// TestKnown: what the history knows of a finding's cause, and since when its
// object may have been changed.
func TestKnown(t *testing.T) {
	t.Parallel()
	whole, earlier := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 6, 0, 0, 0, time.UTC)
	by := func(change func(*drift.Cause)) *drift.Cause {
		c := &drift.Cause{Class: drift.CauseConsole, Confidence: drift.Exact, Since: earlier, Until: whole, CauseEvent: drift.CauseEvent{Event: "TagResource"}}
		change(c)
		return c
	}
	same := by(func(*drift.Cause) {})
	nobody, missing, half := by(func(c *drift.Cause) { c.Event, c.Confidence = "", "" }), by(func(c *drift.Cause) { c.Gaps = []string{"x"} }), by(func(c *drift.Cause) { c.Unexplained = []string{"x"} })
	likely := by(func(c *drift.Cause) { c.Confidence = drift.Likely })
	notYet := by(func(c *drift.Cause) { c.Event, c.Confidence, c.Until = "", "", time.Time{} })
	unsound := by(func(c *drift.Cause) { c.Class = drift.CauseState })
	ignored := func(cause *drift.Cause) drift.Stack {
		return drift.Stack{Findings: []drift.Finding{{ID: "f", Revision: "r", Status: drift.Ignored, Cause: cause}}}
	}
	for _, c := range []struct {
		name     string
		life     drift.Life
		revision string
		revised  time.Time
		cause    *drift.Cause
		last     drift.Stack
		since    time.Time
		want     *drift.Cause
		settled  bool
	}{
		{"a new finding", "", "", time.Time{}, nil, drift.Stack{}, whole, nil, false},
		{"one that is back", drift.LifeResolved, "r", time.Time{}, same, drift.Stack{}, whole, nil, false},
		{"a known cause", drift.LifeOpen, "r", time.Time{}, same, drift.Stack{}, earlier, same, true},
		{"of a waived one", drift.LifeWaived, "r", time.Time{}, same, drift.Stack{}, earlier, same, true},
		{"changed again", drift.LifeOpen, "q", whole, same, drift.Stack{}, earlier, nil, false},
		{"nobody was found, yet", drift.LifeOpen, "r", whole.Add(-59 * time.Minute), nobody, drift.Stack{}, earlier, nobody, false},
		{"nobody was found when all was there", drift.LifeOpen, "r", whole.Add(-time.Hour), nobody, drift.Stack{}, earlier, nobody, true},
		{"a likely one, yet", drift.LifeOpen, "r", whole.Add(-59 * time.Minute), likely, drift.Stack{}, earlier, likely, false},
		{"a likely one when all was there", drift.LifeOpen, "r", whole.Add(-time.Hour), likely, drift.Stack{}, earlier, likely, true},
		{"nobody was asked", drift.LifeOpen, "r", earlier, notYet, drift.Stack{}, earlier, notYet, false},
		{"nobody knows since when", drift.LifeOpen, "r", time.Time{}, nobody, drift.Stack{}, earlier, nobody, false},
		{"evidence was missing", drift.LifeOpen, "r", earlier, missing, drift.Stack{}, earlier, missing, false},
		{"explained in part, yet", drift.LifeOpen, "r", whole, half, drift.Stack{}, earlier, half, false},
		{"never asked", drift.LifeOpen, "r", time.Time{}, nil, drift.Stack{}, time.Time{}, nil, false},
		{"unsound until now", drift.LifeOpen, "r", earlier, unsound, drift.Stack{}, earlier, nil, false},
		{"ignored until now", drift.LifeResolved, "r", time.Time{}, nil, ignored(same), earlier, same, true},
		{"ignored, never asked", "", "", time.Time{}, nil, ignored(nil), time.Time{}, nil, false},
		{"adopted until now", "", "", time.Time{}, nil, drift.Stack{Adopted: []drift.Paths{{Address: "a.b"}}}, time.Time{}, nil, false},
		{"observed until now", "", "", time.Time{}, nil, drift.Stack{Observed: []drift.Paths{{Address: "a.b"}}}, time.Time{}, nil, false},
		{"pending until now", "", "", time.Time{}, nil, drift.Stack{Pending: []drift.Pending{{Address: "a.b"}}}, time.Time{}, nil, false},
		{"another one observed", "", "", time.Time{}, nil, drift.Stack{Observed: []drift.Paths{{Address: "a.c"}}}, whole, nil, false},
	} {
		before := store.Known{Whole: whole, Last: c.last}
		if c.life != "" {
			before.Episodes = []drift.Episode{{Life: c.life, Revised: c.revised, Finding: drift.Finding{ID: "f", Revision: c.revision, Cause: c.cause}}}
		}
		k := newKnown(before)
		f := drift.Finding{ID: "f", Address: "a.b", Revision: "r"}
		since, cause, settled := k.of(f)
		if !since.Equal(c.since) || !cmp.Equal(cause, c.want) || settled != c.settled {
			t.Errorf("%s: since %s, %+v; want %s, %+v", c.name, since, cause, c.since, c.want)
		}
		findings := []drift.Finding{f}
		carried := k.carry(findings)[0].Cause
		switch {
		case findings[0].Cause != nil:
			t.Errorf("%s: the result itself was changed", c.name)
		case c.want != nil && !cmp.Equal(carried, c.want), c.want == nil && !c.since.IsZero() && !carried.Since.Equal(c.since):
			t.Errorf("%s: carried %+v", c.name, carried)
		}
	}
}

// TestEveryFindingHasACause: also where nobody is asked, and what is known already
// stays.
func TestEveryFindingHasACause(t *testing.T) {
	t.Parallel()
	corrupt := &drift.Cause{Class: drift.CauseState, Summary: "the state"}
	object := drift.Object{Identifiers: []drift.Identifier{{Name: "id", Value: "x"}}}
	trail := stack.Settings{Attribution: stack.Attribution{Trails: []stack.Trail{{Folder: "nowhere"}}}, Dir: t.TempDir()}
	for _, c := range []struct {
		name     string
		settings stack.Settings
		off      bool
		finding  drift.Finding
		want     string
	}{
		{"no log", stack.Settings{}, false, drift.Finding{Object: object}, notAsked},
		{"not wanted", trail, true, drift.Finding{Object: object}, notWanted},
		{"another cloud", trail, false, drift.Finding{}, notOfAWS},
		{"ignored", trail, false, drift.Finding{Object: object, Status: drift.Ignored}, notCounted},
		{"the state", trail, false, drift.Finding{Object: object, Cause: corrupt}, "the state"},
		{"a log that is not there", trail, false, drift.Finding{Object: object, Kind: drift.Deleted}, ""},
	} {
		run := drift.Run{Stacks: []drift.Stack{{ID: "s", Findings: []drift.Finding{c.finding}}}}
		if err := attribute(t.Context(), CheckOptions{NoAttribution: c.off}, &fleet{settings: &c.settings}, nil, &run); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		cause := run.Stacks[0].Findings[0].Cause
		switch {
		case cause == nil || cause.Class == "":
			t.Errorf("%s: no cause", c.name)
		case c.want != "" && cause.Summary != c.want, c.want == "" && len(cause.Gaps) != 1:
			t.Errorf("%s: %+v", c.name, cause)
		}
	}
}

// TestBetter: who was named is not forgotten because the log can't be read now.
func TestBetter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	cause := func(event string, days int, gaps ...string) *drift.Cause {
		return &drift.Cause{Until: now, Gaps: gaps, CauseEvent: drift.CauseEvent{Event: event, At: now.AddDate(0, 0, -days)}}
	}
	for _, c := range []struct {
		name        string
		before, now *drift.Cause
		keep        bool
	}{
		{"nothing was known", nil, cause("", 0, "x"), false},
		{"nobody was named", cause("", 0, "x"), cause("", 0, "y"), false},
		{"another is named", cause("TagRole", 2, "x"), cause("UntagRole", 1, "x"), false},
		{"the log can't be read", cause("TagRole", 2, "x"), cause("", 0, "y"), true},
		{"all was read, and contradicts", cause("TagRole", 2, "x"), cause("", 0), false},
		{"the log has forgotten it", cause("TagRole", 91, "x"), cause("", 0), true},
	} {
		if got := better(c.before, c.now); (got == c.before) != c.keep || !c.keep && got != c.now {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestKeepWhoWasNamed: a check that is ended while it asks leaves what was known.
func TestKeepWhoWasNamed(t *testing.T) {
	t.Parallel()
	before := &drift.Cause{Class: drift.CauseCLI, Gaps: []string{"x"}, CauseEvent: drift.CauseEvent{Event: "TagRole"}}
	f := drift.Finding{ID: "f", Revision: "r", Object: drift.Object{Identifiers: []drift.Identifier{{Name: "id", Value: "x"}}}}
	other := f
	other.ID = "g"
	run := drift.Run{Stacks: []drift.Stack{{ID: "s", Findings: []drift.Finding{f, other}}}}
	was := f
	was.Cause = before
	history := &recorder{known: map[string]known{"s": newKnown(store.Known{Episodes: []drift.Episode{{Life: drift.LifeOpen, Finding: was}}})}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	settings := stack.Settings{Attribution: stack.Attribution{Trails: []stack.Trail{{Folder: "."}}}, Dir: t.TempDir()}
	if err := attribute(ctx, CheckOptions{}, &fleet{settings: &settings}, history, &run); err == nil {
		t.Error("no error")
	}
	if got := run.Stacks[0].Findings; got[0].Cause != before || got[1].Cause == nil || got[1].Cause.Summary != notReached || len(got[1].Cause.Gaps) == 0 {
		t.Errorf("%+v, %+v", got[0].Cause, got[1].Cause)
	}
}

// TestOpenLogs: credentials that are not there keep nobody from asking the others.
func TestOpenLogs(t *testing.T) {
	t.Parallel()
	trails := []stack.Trail{{Bucket: "logs", Profile: "no-such-profile"}, {Folder: "."}}
	settings := stack.Settings{Dir: t.TempDir(), Attribution: stack.Attribution{Trails: trails, LookupEvents: []stack.Account{{ID: "123456789012", Profile: "no-such-profile"}}}}
	sources := openLogs(t.Context(), &settings)
	var where []string
	for _, source := range sources {
		gaps, err := source.Each(t.Context(), attribution.Query{}, nil)
		if err != nil || len(gaps) != 1 {
			t.Fatal(gaps, err)
		}
		where = append(where, gaps[0].Account+" "+gaps[0].Where)
		if _, unread := source.(attribution.Unread); unread && !strings.Contains(gaps[0].Reason, "no-such-profile") {
			t.Errorf("%s does not name the profile", gaps[0])
		}
	}
	want := []string{"123456789012 CloudTrail LookupEvents", " s3://logs", " " + settings.Dir}
	if diff := cmp.Diff(want, where); diff != "" {
		t.Error(diff)
	}
}

// TestCarried: a run that ends before anybody was asked leaves in the history what
// was known of causes, and since when there is nothing known.
func TestCarried(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	old, fresh := drift.Finding{ID: "old", Revision: "1", Address: "a.old", Kind: drift.Modified}, drift.Finding{ID: "new", Revision: "1", Address: "a.new", Kind: drift.Modified}
	st := drift.Stack{ID: "s", Path: "s", Resources: drift.Counts{Checked: 2}}
	begin := func() *store.Run {
		run, err := s.Begin(t.Context(), drift.RunRecord{StartedAt: at})
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	caused := old
	caused.Cause = &drift.Cause{Class: drift.CauseCLI, Summary: "changed by user bob", Since: at.Add(-time.Hour)}
	first := st
	first.Findings = []drift.Finding{caused}
	if err := begin().SaveAt(t.Context(), first, nil, at); err != nil {
		t.Fatal(err)
	}
	r := &recorder{
		store: s, saved: begin(), began: time.Now(), run: drift.RunRecord{StartedAt: at.Add(time.Minute)},
		unsound: map[string][]drift.Integrity{}, known: map[string]known{}, looks: map[string]time.Time{},
	}
	st.Findings = []drift.Finding{old, fresh}
	if err := r.add(t.Context(), looked{st, time.Now()}); err != nil {
		t.Fatal(err)
	}
	got, err := s.Known(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range got.Episodes {
		want := caused.Cause
		if e.Finding.ID == "new" {
			want = unanswered(at)
		}
		if diff := cmp.Diff(want, e.Finding.Cause); diff != "" {
			t.Errorf("%s: %s", e.Finding.ID, diff)
		}
	}
	if len(got.Episodes) != 2 {
		t.Errorf("%d episodes", len(got.Episodes))
	}
}
