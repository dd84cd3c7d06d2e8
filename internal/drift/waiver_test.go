package drift_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast/internal/drift"
)

func TestPattern(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text  string
		match, covered bool
	}{
		{"aws_instance.web", "aws_instance.web", true, true},
		{"aws_instance.*", "aws_instance.web", true, true},
		{"aws_*.*", "aws_instance.web", true, true},
		{"*", "aws_instance.web", false, true},
		{"*.*", "module.x.aws_instance.web", false, true},
		{"module.*.aws_instance.web", "module.x.aws_instance.web", true, true},
		{"module.*.aws_instance.web", "module.x.module.y.aws_instance.web", false, false},
		{"aws_instance.web", "aws_instance.web[0]", false, true},
		{"aws_instance.web[*]", "aws_instance.web[0]", true, true},
		{"aws_instance.web[*]", `aws_instance.web["a.b]\""]`, true, true},
		{`aws_instance.web["a.b"]`, `aws_instance.web["a.b"]`, true, true},
		{`aws_instance.web["a*"]`, `aws_instance.web["ab"]`, false, false},
		{"aws_instance.we*", "aws_instance.web[0]", false, true},
		{"tags", `tags["owner"]`, false, true},
		{"tag", `tags["owner"]`, false, false},
		{"ebs[*].size", "ebs[3].size", true, true},
		{"ebs[*].size", "ebs.size", false, false},
		{"ebs[*].*", "ebs[3].size", true, true},
		{"ebs[*]", "ebs[3].size", false, true},
		{"a*c", "abc", true, true},
		{"a*a", "a", false, false},
	} {
		p := drift.Pattern(c.pattern)
		if p.Match(c.text) != c.match || p.Covers(c.text) != c.covered {
			t.Errorf("%s on %s: match %v, covers %v", c.pattern, c.text, p.Match(c.text), p.Covers(c.text))
		}
	}
	for _, bad := range []string{"", ".", "a.", "a..b", "a[", `a["]`, "a[0]b", ".a"} {
		if drift.Pattern(bad).Check() == nil {
			t.Errorf("%q is a pattern", bad)
		}
		if drift.Pattern(bad).Match("a.b") || drift.Pattern(bad).Covers("a.b") {
			t.Errorf("%q matches something", bad)
		}
	}
}

// Every address is a pattern of itself and of nothing longer or shorter, and a
// star in place of a name, or of an index, matches just that one.
func TestPatternProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z_][a-z0-9_]{0,5}`)
		key := rapid.SampledFrom([]string{"[0]", "[12]", `["a"]`, `["a.b"]`, `["x]"]`, `["\"]"]`})
		var parts, loose []string
		n := rapid.IntRange(1, 6).Draw(t, "parts")
		star := rapid.IntRange(0, n-1).Draw(t, "star")
		for i := range n {
			part, pattern := name.Draw(t, "name"), "*"
			if i > 0 && rapid.Bool().Draw(t, "index") {
				part, pattern = key.Draw(t, "key"), "[*]"
			} else if i > 0 {
				part, pattern = "."+part, ".*"
			}
			if i != star {
				pattern = part
			}
			parts, loose = append(parts, part), append(loose, pattern)
		}
		text, pattern := strings.Join(parts, ""), drift.Pattern(strings.Join(loose, ""))
		if err := pattern.Check(); err != nil {
			t.Fatal(err)
		}
		if !drift.Pattern(text).Match(text) || !pattern.Match(text) || !pattern.Covers(text+".more") || pattern.Match(text+".more") || pattern.Match(text+"[0]") {
			t.Fatalf("%s and %s", pattern, text)
		}
		if shorter := strings.Join(parts[:n-1], ""); shorter != "" && (pattern.Match(shorter) || pattern.Covers(shorter)) {
			t.Fatalf("%s covers %s", pattern, shorter)
		}
	})
}

func lastDay(s string) time.Time {
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return day
}

func TestApplyWaivers(t *testing.T) {
	t.Parallel()
	now := lastDay("2026-11-25").Add(13 * time.Hour)
	modified := drift.Finding{
		Address: "aws_lambda_function.f", Kind: drift.Modified, Status: drift.Open, Certainty: drift.Certain,
		Changes: []drift.Change{{Path: "memory_size", Actual: []byte("512")}, {Path: `tags["a"]`, Sensitive: true}},
	}
	replaced := modified
	replaced.Changes = []drift.Change{{Path: "memory_size", RequiresReplace: true}}
	deleted := drift.Finding{Address: "aws_lambda_function.f", Kind: drift.Deleted, Status: drift.Open, Certainty: drift.Certain}
	ignored := modified
	ignored.Status = drift.Ignored
	const all = "aws_lambda_function.*"
	at := func(paths ...string) []drift.WaivedAttribute {
		var list []drift.WaivedAttribute
		for _, path := range paths {
			path, value, ok := strings.Cut(path, "=")
			a := drift.WaivedAttribute{Path: drift.Pattern(path)}
			if ok {
				a.Value = []byte(value)
			}
			list = append(list, a)
		}
		return list
	}
	w := func(attributes []drift.WaivedAttribute, until string) drift.Waiver {
		return drift.Waiver{ID: "w" + until, Addresses: []drift.Pattern{all}, Attributes: attributes, Reason: "r", Owner: "o", Until: lastDay(until)}
	}
	with := func(w drift.Waiver, change func(*drift.Waiver)) drift.Waiver {
		change(&w)
		return w
	}
	whole := w(nil, "2026-12-01")
	for _, c := range []struct {
		name    string
		finding drift.Finding
		waivers []drift.Waiver
		status  drift.FindingStatus
		id      string
		state   drift.WaiverState
	}{
		{"all attributes", modified, []drift.Waiver{w(at("memory_size", "tags"), "2026-12-01")}, drift.Waived, "w2026-12-01", drift.WaiverActive},
		{"one of two", modified, []drift.Waiver{w(at("memory_size"), "2026-12-01")}, drift.Open, "", ""},
		{"two together, of which the first to end is named", modified, []drift.Waiver{w(at("memory_size"), "2026-12-02"), w(at("tags"), "2026-12-01")}, drift.Waived, "w2026-12-01", drift.WaiverActive},
		{"the expected value", modified, []drift.Waiver{w(at("memory_size=512", "tags"), "2026-12-01")}, drift.Waived, "w2026-12-01", drift.WaiverActive},
		{"another value", modified, []drift.Waiver{w(at("memory_size=1024", "tags"), "2026-12-01")}, drift.Open, "", ""},
		{"a value that can't be seen", modified, []drift.Waiver{w(at("memory_size", `tags["a"]="x"`), "2026-12-01")}, drift.Open, "", ""},
		{"the whole resource", modified, []drift.Waiver{whole}, drift.Waived, "w2026-12-01", drift.WaiverActive},
		{"a deletion, by attributes", deleted, []drift.Waiver{w(at("memory_size", "tags"), "2026-12-01")}, drift.Open, "", ""},
		{"a deletion of the whole resource", deleted, []drift.Waiver{whole}, drift.Waived, "w2026-12-01", drift.WaiverActive},
		{"a replacement, by attributes", replaced, []drift.Waiver{w(at("memory_size"), "2026-12-01")}, drift.Open, "", ""},
		{"on its last day", modified, []drift.Waiver{w(nil, "2026-11-25")}, drift.Waived, "w2026-11-25", drift.WaiverActive},
		{"the day after", modified, []drift.Waiver{w(nil, "2026-11-24")}, drift.Open, "w2026-11-24", drift.WaiverEnded},
		{"partly ended", modified, []drift.Waiver{w(at("memory_size"), "2026-11-24"), w(at("tags"), "2026-12-01")}, drift.Open, "w2026-11-24", drift.WaiverEnded},
		{"before its first day", modified, []drift.Waiver{with(whole, func(w *drift.Waiver) { w.From = lastDay("2026-11-26") })}, drift.Open, "", ""},
		{"on its first day", modified, []drift.Waiver{with(whole, func(w *drift.Waiver) { w.From = lastDay("2026-11-25") })}, drift.Waived, "w2026-12-01", drift.WaiverActive},
		{"another address", modified, []drift.Waiver{with(whole, func(w *drift.Waiver) { w.Addresses = []drift.Pattern{"*"} })}, drift.Open, "", ""},
		{"another stack", modified, []drift.Waiver{with(whole, func(w *drift.Waiver) { w.Stacks = []string{"live/*/dev"} })}, drift.Open, "", ""},
		{"this stack", modified, []drift.Waiver{with(whole, func(w *drift.Waiver) { w.Stacks = []string{"live/**"} })}, drift.Waived, "w2026-12-01", drift.WaiverActive},
		{"ignored already", ignored, []drift.Waiver{whole}, drift.Ignored, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := drift.Stack{Path: "live/eu/prod", Findings: []drift.Finding{c.finding}, Resources: drift.Counts{Checked: 1, Drifted: 1}, Status: drift.StatusDrifted}
			drift.ApplyWaivers(&s, s.Path, c.waivers, now)
			f := s.Findings[0]
			got := drift.FindingWaiver{}
			if f.Waiver != nil {
				got = *f.Waiver
			}
			if f.Status != c.status || got.ID != c.id || got.State != c.state {
				t.Errorf("%s by %+v", f.Status, got)
			}
			if clean := s.Status == drift.StatusClean; clean != (c.status == drift.Waived) {
				t.Errorf("the stack is %s", s.Status)
			}
		})
	}
}

// Wherever the clock is read, a waiver holds from the start of its first day to
// the end of its last, in UTC, without a gap.
func TestWaiverDays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := lastDay("2026-01-01").AddDate(0, 0, rapid.IntRange(0, 700).Draw(t, "from"))
		w := drift.Waiver{From: from, Until: from.AddDate(0, 0, rapid.IntRange(0, 365).Draw(t, "days"))}
		zone := time.FixedZone("", rapid.IntRange(-14*3600, 14*3600).Draw(t, "zone"))
		at := from.Add(time.Duration(rapid.Int64Range(-int64(72*time.Hour), int64(400*24*time.Hour)).Draw(t, "at"))).In(zone)
		day := at.UTC().Format(time.DateOnly)
		want := drift.WaiverActive
		switch {
		case day < w.From.Format(time.DateOnly):
			want = drift.WaiverComing
		case day > w.Until.Format(time.DateOnly):
			want = drift.WaiverEnded
		}
		if got := w.State(at); got != want {
			t.Fatalf("%s on %s, from %s to %s; want %s", got, at, w.From, w.Until, want)
		}
	})
}
