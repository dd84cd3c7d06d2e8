package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// WaiveOptions say which change is justified, and how.
type WaiveOptions struct {
	HistoryOptions
	Waiver drift.Waiver // reason, owner, ticket, who approved it, from, until; an id where one was chosen
	Whole  bool         // the resource as a whole, its deletion and replacement too
	Values bool         // only the values that are live now
	// Attributes are the patterns to waive; none means what has changed.
	Attributes []string
	Now        time.Time
}

// Waive makes the waiver of a finding. It writes nothing. The
// error says why the finding would not be covered by it.
func Waive(o WaiveOptions, e drift.Episode, taken []drift.Waiver) (drift.Waiver, error) {
	w := o.Waiver
	w.Addresses, w.Stacks = []drift.Pattern{drift.Pattern(e.Finding.Address)}, []string{escapeStack(e.Stack.Path)}
	if w.ID == "" {
		w.ID = freeID("W-"+e.ID(), taken)
	}
	replaces := slices.ContainsFunc(e.Finding.Changes, func(c drift.Change) bool { return c.RequiresReplace })
	switch {
	case o.Whole:
	case e.Finding.Kind == drift.Deleted:
		return w, fmt.Errorf("%s is deleted, which a waiver of attributes never covers; say --whole to waive whatever becomes of the resource", e.Finding.Address)
	case replaces:
		return w, fmt.Errorf("putting %s back would replace it, which a waiver of attributes never covers; say --whole to waive whatever becomes of the resource", e.Finding.Address)
	default:
		w.Attributes = waived(o, e.Finding)
	}
	f := e.Finding
	f.Status, f.Waiver = drift.Open, nil
	probe := drift.Stack{Findings: []drift.Finding{f}}
	day := w.From
	if day.IsZero() {
		day = o.Now
	}
	drift.ApplyWaivers(&probe, e.Stack.Path, []drift.Waiver{w}, day)
	if probe.Findings[0].Status != drift.Waived {
		return w, fmt.Errorf("this waiver would not cover %s: %s", e.Finding.Address, uncovered(w, e.Stack.Path, f, day))
	}
	return w, nil
}

func uncovered(w drift.Waiver, place string, f drift.Finding, day time.Time) string {
	if w.State(day) == drift.WaiverEnded {
		return "its last day is over"
	}
	var paths []string
	for _, c := range f.Changes {
		alone := f
		alone.Changes = []drift.Change{c}
		if !w.Has(place, &alone) {
			paths = append(paths, c.Path)
		}
	}
	return "it leaves out " + strings.Join(paths, ", ")
}

func waived(o WaiveOptions, f drift.Finding) []drift.WaivedAttribute {
	var list []drift.WaivedAttribute
	for _, pattern := range o.Attributes {
		list = append(list, drift.WaivedAttribute{Path: drift.Pattern(pattern)})
	}
	if len(list) > 0 {
		return list
	}
	for _, c := range f.Changes {
		a := drift.WaivedAttribute{Path: drift.Pattern(c.Path)}
		if o.Values && !c.Sensitive {
			a.Value = c.Actual
		}
		list = append(list, a)
	}
	return list
}

// escapeStack is a path as a pattern of itself.
func escapeStack(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "{", `\{`).Replace(path)
}

func freeID(id string, taken []drift.Waiver) string {
	for n := 1; ; n++ {
		try := id
		if n > 1 {
			try = fmt.Sprintf("%s.%d", id, n)
		}
		if !slices.ContainsFunc(taken, func(w drift.Waiver) bool { return w.ID == try }) {
			return try
		}
	}
}

// Waivers reads the waivers and says where their file is, or would be.
func Waivers(config string, now time.Time) (list []drift.Waiver, file string, err error) {
	return waiversOf(CheckOptions{Config: config}, now)
}

func waiversOf(o CheckOptions, now time.Time) (list []drift.Waiver, file string, err error) {
	settings, err := settingsOf(o)
	if err != nil {
		return nil, "", err
	}
	if file, err = settings.WaiversPath("."); err != nil {
		return nil, "", err
	}
	list, err = stack.ReadWaivers(file, now)
	return list, file, err
}

// WithWaivers gives what the file that Waivers names holds, and what it is to hold
// with further ones. It writes nothing.
func WithWaivers(file string, list []drift.Waiver, now time.Time) (was, content []byte, err error) {
	return stack.WithWaivers(file, list, now)
}

// WaiverUses tells what each waiver covers, by the latest results of the history.
// Where there is no history, it covers nothing as far as is known.
func WaiverUses(ctx context.Context, o HistoryOptions, waivers []drift.Waiver, now time.Time) (uses []drift.WaiverUse, err error) {
	uses = drift.WaiverUses(waivers, now)
	s, err := OpenHistory(ctx, o)
	switch {
	case errors.Is(err, ErrNoHistory):
		return uses, nil
	case err != nil:
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return uses, cover(ctx, s, waivers, uses)
}

func cover(ctx context.Context, s *store.Store, waivers []drift.Waiver, uses []drift.WaiverUse) error {
	for result, err := range s.Stacks(ctx) {
		if err != nil {
			return err
		}
		for i, w := range waivers {
			for f := range result.Findings {
				if w.Has(result.Path, &result.Findings[f]) {
					uses[i].Covers = append(uses[i].Covers, drift.Covered{Stack: result.Ref(), Finding: result.Findings[f].ID, Address: result.Findings[f].Address})
				}
			}
		}
	}
	return nil
}
