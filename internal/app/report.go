package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/internal/drift"
	"holdfast/internal/queue"
	"holdfast/internal/report"
	"holdfast/internal/stack"
	"holdfast/internal/store"
)

// reportFile is the drift report's name where the settings give it no other.
const reportFile = "DRIFT.md"

// ReportOptions choose what a drift report is about.
type ReportOptions struct {
	HistoryOptions
	Path string // a folder: only the stacks in and below it; "" means all
}

// DriftReport gathers what a drift report tells, from the history and the
// settings, and says where the report belongs. No infrastructure is looked at.
func DriftReport(ctx context.Context, o ReportOptions) (in report.DriftReport, file string, err error) {
	settings, err := settingsOf(CheckOptions{Config: o.Config})
	if err != nil {
		return in, "", err
	}
	var paths []string
	if o.Path != "" {
		paths = []string{o.Path}
	}
	within, err := pathsWithin(o.Config, paths)
	if err != nil {
		return in, "", err
	}
	if file, err = reportPlace(o, settings); err != nil {
		return in, "", err
	}
	s, err := OpenHistory(ctx, o.HistoryOptions)
	if err != nil {
		return in, "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if in, err = readReport(ctx, s, within); err != nil {
		return in, "", err
	}
	if len(in.Stacks) == 0 {
		return in, "", fmt.Errorf("the history has no checked stack%s; run holdfast check first", below(paths))
	}
	in.Title, in.Task, in.Environment = settings.Report.Title, settings.Report.Task, settings.Environment
	in.Alerts = len(settings.Alerts) > 0
	in.Schedule = string(settings.Schedule)
	if next, err := queue.Next(in.Schedule, cmp.Or(string(settings.TimeZone), queue.DefaultZone), in.Run.FinishedAt); err == nil {
		in.Next = next
	}
	for _, rule := range settings.Rules() {
		if !rule.Until.IsZero() {
			in.Ignore = append(in.Ignore, rule)
		}
	}
	at, err := settings.WaiversPath(".")
	if err != nil {
		return in, "", err
	}
	in.Waivers, err = stack.ReadWaivers(at, in.Run.FinishedAt)
	return in, file, err
}

// Latest is the latest result of each stack of a drift report, as one run.
func Latest(in report.DriftReport) drift.Run {
	return drift.Run{
		SchemaVersion: drift.SchemaVersion, Tool: in.Run.Tool, StartedAt: in.Run.StartedAt, FinishedAt: in.Run.FinishedAt,
		Summary: drift.Summarize(in.Stacks), Stacks: in.Stacks,
	}
}

// reportPlace is where the report is written: where the settings say, else in
// the folder that it is about, else beside holdfast.yaml or at the top of the
// repository.
func reportPlace(o ReportOptions, settings *stack.Settings) (string, error) {
	name := filepath.FromSlash(settings.Report.File)
	switch {
	case o.Path != "":
		return filepath.Join(o.Path, reportFile), nil
	case filepath.IsAbs(name):
		return name, nil
	case name == "":
		name = reportFile
	}
	base, err := baseFolder(settings)
	if err != nil {
		return "", err
	}
	return filepath.Join(base, name), nil
}

// readReport reads what the history has of the stacks.
func readReport(ctx context.Context, s *store.Store, within func(string) bool) (in report.DriftReport, err error) {
	if in.Run, err = lastEnded(ctx, s); err != nil {
		return in, err
	}
	if in.Stacks, err = collect(s.Stacks(ctx), func(s drift.Stack) bool { return within(s.Path) }); err != nil {
		return in, err
	}
	if in.Baselines, err = collect(s.Baselines(ctx), func(b drift.Baseline) bool { return within(b.Stack.Path) }); err != nil {
		return in, err
	}
	if in.Episodes, err = collect(s.Episodes(ctx, store.Filter{}), func(e drift.Episode) bool { return within(e.Stack.Path) }); err != nil {
		return in, err
	}
	in.Events, err = collect(s.Events(ctx, store.Filter{}), func(e drift.Event) bool {
		return e.Kind == drift.EventBaseline && within(e.Stack.Path)
	})
	return in, err
}

// lastEnded is the last run that was not interrupted.
func lastEnded(ctx context.Context, s *store.Store) (drift.RunRecord, error) {
	run, ok, err := s.LastRun(ctx)
	if err == nil && !ok {
		err = fmt.Errorf("%w: no check has ended; run holdfast check first", ErrNoHistory)
	}
	return run, err
}

func collect[T any](all iter.Seq2[T, error], wanted func(T) bool) ([]T, error) {
	var list []T
	for item, err := range all {
		if err != nil {
			return nil, err
		}
		if wanted(item) {
			list = append(list, item)
		}
	}
	return list, nil
}

func sortByStack[T any](list []T, ref func(T) drift.StackRef) {
	slices.SortStableFunc(list, func(a, b T) int { return strings.Compare(ref(a).String(), ref(b).String()) })
}

// pathsWithin tells which stacks of the history are in or below folders, by the
// paths that the history gives them. No folders means all.
func pathsWithin(config string, folders []string) (func(path string) bool, error) {
	if len(folders) == 0 {
		return func(string) bool { return true }, nil
	}
	settings, err := settingsOf(CheckOptions{Config: config})
	if err != nil {
		return nil, err
	}
	base, err := baseFolder(settings)
	if err != nil {
		return nil, err
	}
	var roots []string
	for _, folder := range folders {
		info, err := os.Stat(folder)
		if err != nil {
			return nil, fmt.Errorf("%s: there is no such folder", folder)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("%s is no folder; name the file to write with -o", folder)
		}
		absolute, err := filepath.Abs(folder)
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(base, absolute)
		if err != nil {
			return nil, err
		}
		roots = append(roots, filepath.ToSlash(rel))
	}
	return func(path string) bool {
		return slices.ContainsFunc(roots, func(root string) bool {
			below := path == root || strings.HasPrefix(path, root+"/")
			return below || root == "." && !strings.HasPrefix(path, "../") && !strings.Contains(path, "://")
		})
	}, nil
}

// UpdateReport brings the text of a drift report up to date. what says which
// file it is, for messages.
func UpdateReport(in report.DriftReport, what string, existing []byte) ([]byte, error) {
	out, err := report.DriftMarkdown(in, existing)
	if broken, is := errors.AsType[*report.BrokenReportError](err); is {
		return nil, fmt.Errorf("%s:%d: %s; nothing was written", what, max(broken.Line, 1), broken.What)
	}
	return out, err
}
