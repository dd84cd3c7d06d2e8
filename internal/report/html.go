package report

import (
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
)

//go:embed page/page.tmpl
var pageTemplate string

//go:embed page/page.css
var pageOwnStyle string

//go:embed page/parts.tmpl
var pageParts string

//go:embed page/parts.css
var pagePartsStyle string

var pageStyle = pagePartsStyle + pageOwnStyle

//go:embed page/page.js
var pageScript string

var page = template.Must(template.New("page").Parse(pageParts + pageTemplate))

// HTML writes a run as one page that needs nothing else: no network, no font, no
// JavaScript, though with JavaScript findings can be searched. Its own policy
// forbids whatever it doesn't bring along.
func HTML(w io.Writer, run drift.Run, o Options) error {
	return page.Execute(w, pageOf(run, o))
}

// pageView is what the template shows.
type pageView struct {
	Policy      string
	Style       template.CSS
	Script      template.JS
	Environment string
	Headline    string
	Tone        string // the status that stands for the whole
	Version     string
	Finished    time.Time
	Took        string
	Total       total
	Bar         []Segment
	Trend       *TrendView
	Attention   []stackView // stacks that aren't clean, or have something to tell
	Clean       []stackView
	Details     []stackView // of Attention, those with details to show
	Filter      bool
}

// Segment is a part of the bar of stacks by status.
type Segment struct {
	Status  drift.Status
	Count   int
	X, Wide string // per cent of the whole
}

type stackView struct {
	drift.Stack
	Anchor     string
	Name       string
	OpenCount  int
	Others     int // waived and ignored
	ResourcesN int
	Took       string
	List       []findingView
	Unfold     bool // its findings are shown at once
}

type findingView struct {
	drift.Finding
	Anchor      string
	Severity    string // high or low; "" for what says nothing
	Address     string
	Place       string
	Who         CauseView
	Waiver      string
	WaiverLabel string
	Doubt       string
	Search      string
	Teaser      string // the paths in short
	Replaces    bool
	Views       []ChangeView
	Since       time.Time
	Seen        int
	Unfold      bool
}

func pageOf(run drift.Run, o Options) pageView {
	t := totalOf(run)
	v := pageView{
		Policy: policy(), Style: template.CSS(pageStyle), Script: template.JS(pageScript), //nolint:gosec // both are ours, embedded
		Environment: OneLine(o.Environment), Headline: headline(t), Tone: tone(t), Version: OneLine(run.Tool.Version),
		Finished: run.FinishedAt.UTC(), Took: took(run.FinishedAt.Sub(run.StartedAt)), Total: t, Bar: bar(t), Trend: trendOf(o.Trend),
	}
	all := t.Findings + t.Waived + t.Ignored
	v.Filter = all > 1
	anchors := anchors{}
	for i, s := range run.Stacks {
		view := viewOfStack(s, fmt.Sprintf("stack-%d", i+1), anchors, o.History, all <= unfoldMost)
		if view.HasDetails() {
			v.Details = append(v.Details, view)
		}
		if s.Status == drift.StatusClean {
			v.Clean = append(v.Clean, view)
		} else {
			v.Attention = append(v.Attention, view)
		}
	}
	slices.SortStableFunc(v.Attention, func(a, b stackView) int { return order(a.Status) - order(b.Status) })
	slices.SortStableFunc(v.Details, func(a, b stackView) int { return order(a.Status) - order(b.Status) })
	return v
}

// unfoldMost is up to how many findings are shown at once; more are a list to
// open.
const unfoldMost = 8

// statuses are those of stacks, in the order in which they want attention.
var statuses = []drift.Status{drift.StatusDrifted, drift.StatusError, drift.StatusIncomplete, drift.StatusClean}

func order(s drift.Status) int { return slices.Index(statuses, s) }

// tone is the status of the stack that is worst off.
func tone(t total) string {
	switch {
	case t.Drifted > 0:
		return string(drift.StatusDrifted)
	case t.Errored > 0:
		return string(drift.StatusError)
	case t.Incomplete > 0 || t.Stacks == 0:
		return string(drift.StatusIncomplete)
	}
	return string(drift.StatusClean)
}

func bar(t total) []Segment {
	return BarOf(map[drift.Status]int{
		drift.StatusClean: t.Clean, drift.StatusDrifted: t.Drifted, drift.StatusIncomplete: t.Incomplete, drift.StatusError: t.Errored,
	})
}

// BarOf lays out how many stacks have which status, as parts of a bar: those that
// want attention first.
func BarOf(counts map[drift.Status]int) []Segment {
	all := 0
	for _, n := range counts {
		all += n
	}
	var segments []Segment
	x := 0.0
	for _, s := range statuses {
		wide := 0.0
		if all > 0 {
			wide = 100 * float64(counts[s]) / float64(all)
		}
		segments = append(segments, Segment{s, counts[s], fmt.Sprintf("%.3f%%", x), fmt.Sprintf("%.3f%%", wide)})
		x += wide
	}
	return segments
}

func viewOfStack(s drift.Stack, anchor string, taken anchors, history map[string]drift.Episode, unfold bool) stackView {
	v := stackView{
		Stack: cleaned(s), Anchor: anchor, Name: stackName(s), OpenCount: open(s), ResourcesN: resources(s),
		Took: took(time.Duration(s.DurationMS) * time.Millisecond), Unfold: unfold,
	}
	v.Others = len(s.Findings) - v.OpenCount
	for _, f := range drift.WorstFirst(s.Findings) {
		v.List = append(v.List, viewOfFinding(f, taken.of(f.ID), history, unfold))
	}
	return v
}

// HasDetails reports whether there is more to say of a stack than its line.
func (s stackView) HasDetails() bool {
	return len(s.Findings)+len(s.Stack.Errors)+len(s.Stack.Pending)+len(s.Stack.Adopted)+len(s.Stack.Observed)+len(s.Stack.Integrity) > 0 || s.EngineReason != ""
}

// cleaned is a stack whose lists can be shown.
func cleaned(s drift.Stack) drift.Stack {
	s.EngineReason = OneLine(s.EngineReason)
	s.Errors = mapped(s.Errors, func(e drift.Error) drift.Error {
		return drift.Error{Address: OneLine(e.Address), Code: OneLine(e.Code), Message: OneLine(e.Message)}
	})
	s.Integrity = mapped(s.Integrity, func(i drift.Integrity) drift.Integrity {
		i.Address, i.Message = OneLine(i.Address), OneLine(i.Message)
		return i
	})
	s.Pending = mapped(s.Pending, func(p drift.Pending) drift.Pending {
		return drift.Pending{Address: OneLine(p.Address), Actions: mapped(p.Actions, OneLine), Paths: mapped(p.Paths, OneLine)}
	})
	paths := func(p drift.Paths) drift.Paths {
		return drift.Paths{Address: OneLine(p.Address), Paths: mapped(p.Paths, OneLine)}
	}
	s.Adopted, s.Observed = mapped(s.Adopted, paths), mapped(s.Observed, paths)
	return s
}

func mapped[T any](list []T, f func(T) T) []T {
	out := make([]T, 0, len(list))
	for _, item := range list {
		out = append(out, f(item))
	}
	return out
}

func viewOfFinding(f drift.Finding, anchor string, history map[string]drift.Episode, unfold bool) findingView {
	v := findingView{
		Finding: f, Anchor: anchor, Severity: severityWord(f), Address: OneLine(f.Address), Place: place(f.Source), Waiver: waiverText(f), WaiverLabel: waiverLabel(f), Doubt: OneLine(f.Doubt),
		Who: CauseOf(f), Unfold: unfold,
	}
	v.ID, v.Provider = OneLine(f.ID), OneLine(f.Provider)
	var paths []string
	for _, c := range f.Changes {
		view := viewOf(c)
		v.Views = append(v.Views, view)
		v.Replaces = v.Replaces || view.Replaces
		paths = append(paths, view.Path)
	}
	v.Teaser = shorten(strings.Join(paths, ", "), 200)
	if f.Kind == drift.Deleted {
		v.Teaser = "the object is gone"
	}
	v.Search = strings.ToLower(strings.Join([]string{v.Address, v.Teaser, v.ID, causeBy(f), v.Waiver}, " "))
	if e, ok := history[f.ID]; ok {
		v.Since, v.Seen = e.FirstSeen.UTC(), e.Seen
	}
	return v
}

// anchors gives findings anchors that are the same tomorrow, and none twice.
type anchors map[string]int

var anchorID = regexp.MustCompile(`^[0-9a-f]{4,64}$`)

func (a anchors) of(id string) string {
	if !anchorID.MatchString(id) {
		id = "x"
	}
	a[id]++
	if n := a[id]; n > 1 || id == "x" {
		return fmt.Sprintf("finding-%s-%d", id, n)
	}
	return "finding-" + id
}

// policy lets the page do nothing but what it brings along.
// https://www.w3.org/TR/CSP3/
func policy() string {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; img-src data:; base-uri 'none'; form-action 'none'", hash(pageStyle), hash(pageScript))
}

func took(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// Plural names a number of things, for the template.
func (pageView) Plural(n int, what string) string { return count(n, what) }
