package drift

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Verification is what two engines say of the same stacks: the value of
// `holdfast verify --format json`.
type Verification struct {
	SchemaVersion int             `json:"schema_version"`
	Tool          Tool            `json:"tool"`
	Agree         bool            `json:"agree"`
	Stacks        []VerifiedStack `json:"stacks"`
}

// VerifiedStack is one stack, checked by both engines.
type VerifiedStack struct {
	ID            string         `json:"id"`
	Path          string         `json:"path"`
	Workspace     string         `json:"workspace"`
	Agree         bool           `json:"agree"`
	Resources     int            `json:"resources"` // that the direct engine looked at, or was to
	Agreeing      int            `json:"agreeing"`  // of them, of which both engines say the same
	Direct        Side           `json:"direct"`
	Plan          Side           `json:"plan"`
	Ratio         float64        `json:"ratio"` // of the plan's time to the direct engine's
	Disagreements []Disagreement `json:"disagreements"`
}

// Side is what one engine says of a stack as a whole.
type Side struct {
	Status     Status  `json:"status"`
	Findings   int     `json:"findings"`
	DurationMS int64   `json:"duration_ms"`
	Errors     []Error `json:"errors"` // of the whole stack
}

// Disagreement is a resource instance, or with no address the whole stack, of
// which the engines say different things.
type Disagreement struct {
	Address string  `json:"address"`
	About   string  `json:"about"` // verdict, pending or stack
	Direct  Opinion `json:"direct"`
	Plan    Opinion `json:"plan"`
}

// Opinion is what one engine says of a resource instance.
type Opinion struct {
	Verdict string   `json:"verdict"` // clean, modified, deleted, error, unsupported, pending; or in words
	Changes []Change `json:"changes"`
	Pending []string `json:"pending"` // ACTIONS: PATHS
	Message string   `json:"message,omitempty"`
}

// Verify compares the results of both engines for one stack. Neither engine is
// right by birth: what differs is told with both sides.
func Verify(direct, plan Stack) VerifiedStack {
	v := VerifiedStack{
		ID: direct.ID, Path: direct.Path, Workspace: direct.Workspace, Resources: direct.Resources.total(),
		Direct: sideOf(direct), Plan: sideOf(plan), Disagreements: []Disagreement{},
	}
	if direct.DurationMS > 0 {
		v.Ratio = float64(plan.DurationMS) / float64(direct.DurationMS)
	}
	a, b := opinions(direct), opinions(plan)
	addresses := map[string]bool{}
	for address := range a {
		addresses[address] = true
	}
	for address := range b {
		addresses[address] = true
	}
	differing := map[string]bool{}
	for _, address := range slices.Sorted(maps.Keys(addresses)) {
		if d, same := disagreement(address, opinionOf(a, address), opinionOf(b, address)); !same {
			v.Disagreements = append(v.Disagreements, d)
			differing[address] = true
		}
	}
	v.compareStacks(direct, plan)
	v.Agreeing = max(v.Resources-len(differing), 0)
	if v.Direct.failed() || v.Plan.failed() {
		v.Agreeing = 0
	}
	v.Agree = len(v.Disagreements) == 0
	return v
}

// VerifyAll reports whether all stacks agree.
func VerifyAll(stacks []VerifiedStack) bool {
	return !slices.ContainsFunc(stacks, func(s VerifiedStack) bool { return !s.Agree })
}

func (c Counts) total() int { return c.Checked + c.Unsupported + c.Errored }

func (s Side) failed() bool { return s.Status == StatusError }

func sideOf(s Stack) Side {
	side := Side{Status: s.Status, DurationMS: s.DurationMS, Errors: []Error{}}
	for _, f := range s.Findings {
		if f.Counts() {
			side.Findings++
		}
	}
	for _, e := range s.Errors {
		if e.Address == "" {
			side.Errors = append(side.Errors, e)
		}
	}
	return side
}

// compareStacks compares what is not about one resource. Two engines that both
// could not check a stack agree on nothing.
func (v *VerifiedStack) compareStacks(direct, plan Stack) {
	say := func(a, b string) {
		v.Disagreements = append(v.Disagreements, Disagreement{
			About: "stack", Direct: Opinion{Verdict: a, Changes: []Change{}, Pending: []string{}}, Plan: Opinion{Verdict: b, Changes: []Change{}, Pending: []string{}},
		})
	}
	switch {
	case v.Direct.failed() || v.Plan.failed() || len(v.Direct.Errors)+len(v.Plan.Errors) > 0:
		say(describeSide(v.Direct), describeSide(v.Plan))
	case direct.State.Serial != plan.State.Serial:
		say(fmt.Sprintf("looked at the state with serial %d", direct.State.Serial), fmt.Sprintf("looked at the state with serial %d", plan.State.Serial))
	case direct.Resources.total() != plan.Resources.total():
		say(fmt.Sprintf("looked at %d resources", direct.Resources.total()), fmt.Sprintf("looked at %d resources", plan.Resources.total()))
	}
}

func describeSide(s Side) string {
	parts := []string{string(s.Status)}
	for _, e := range s.Errors {
		parts = append(parts, e.Message)
	}
	return strings.Join(parts, ": ")
}

// opinions sorts a result by resource; one that is not in it is clean.
func opinions(s Stack) map[string]*Opinion {
	all := map[string]*Opinion{}
	at := func(address string) *Opinion {
		if all[address] == nil {
			all[address] = &Opinion{Verdict: string(StatusClean), Changes: []Change{}, Pending: []string{}}
		}
		return all[address]
	}
	for _, f := range s.Findings {
		o := at(f.Address)
		o.Verdict, o.Changes, o.Message = string(f.Kind), f.Changes, f.Doubt
	}
	for _, p := range s.Pending {
		o := at(p.Address)
		text := strings.Join(p.Actions, ", ")
		if len(p.Paths) > 0 {
			text += ": " + strings.Join(slices.Sorted(slices.Values(p.Paths)), ", ")
		}
		o.Pending = append(o.Pending, text)
	}
	for _, e := range s.Errors {
		if e.Address == "" {
			continue
		}
		o := at(e.Address)
		o.Verdict, o.Message = "error", e.Message
		if e.Code == "unsupported" {
			o.Verdict = e.Code
		}
	}
	for _, o := range all {
		slices.Sort(o.Pending)
	}
	return all
}

func opinionOf(all map[string]*Opinion, address string) Opinion {
	if o := all[address]; o != nil {
		return *o
	}
	return Opinion{Verdict: string(StatusClean), Changes: []Change{}, Pending: []string{}}
}

// disagreement compares two opinions. A resource that an engine could not check
// is never agreed on.
func disagreement(address string, direct, plan Opinion) (Disagreement, bool) {
	d := Disagreement{Address: address, Direct: direct.hiding(plan), Plan: plan.hiding(direct)}
	unchecked := func(o Opinion) bool { return o.Verdict == "error" || o.Verdict == "unsupported" }
	switch {
	case unchecked(direct) || unchecked(plan) || direct.Verdict != plan.Verdict || !sameChanges(direct.Changes, plan.Changes):
		d.About = "verdict"
		return d, false
	case !slices.Equal(direct.Pending, plan.Pending):
		d.About = "pending"
		return d, false
	}
	return d, true
}

// hiding is the opinion without the values that the other side calls sensitive.
func (o Opinion) hiding(other Opinion) Opinion {
	changes := slices.Clone(o.Changes)
	for i, c := range changes {
		related := func(d Change) bool {
			return d.Sensitive && (strings.HasPrefix(c.Path, d.Path) || strings.HasPrefix(d.Path, c.Path))
		}
		if slices.ContainsFunc(other.Changes, related) {
			changes[i].Expected, changes[i].Actual = nil, nil
		}
	}
	o.Changes = changes
	return o
}

func sameChanges(a, b []Change) bool {
	byPath := func(a, b Change) int { return strings.Compare(a.Path, b.Path) }
	return slices.EqualFunc(slices.SortedFunc(slices.Values(a), byPath), slices.SortedFunc(slices.Values(b), byPath), func(a, b Change) bool {
		return a.Path == b.Path && a.Sensitive == b.Sensitive && a.RequiresReplace == b.RequiresReplace &&
			sameJSON(a.Expected, b.Expected) && sameJSON(a.Actual, b.Actual)
	})
}

// sameJSON compares two documents, numbers by their digits.
func sameJSON(a, b json.RawMessage) bool {
	return bytes.Equal(a, b) || len(a) > 0 && len(b) > 0 && canonicalJSON(a) == canonicalJSON(b)
}

func canonicalJSON(raw json.RawMessage) string {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return string(raw)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return string(raw)
	}
	return string(out)
}
