package report_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
	"holdfast/internal/report"
)

// told is a history without its notes.
func told(t *testing.T, file string) []string {
	t.Helper()
	var rows []string
	for line := range strings.SplitSeq(historyPart(t, file), "\n") {
		if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "| Date") && !strings.HasPrefix(line, "|--") {
			before, _, _ := strings.Cut(line, " <!--")
			rows = append(rows, strings.TrimSuffix(before, " |"))
		}
	}
	return rows
}

// one is a report about a single finding, as a store knows it.
func one(now string, episodes ...drift.Episode) report.DriftReport {
	in := seedReport()
	in.Run.FinishedAt = at(now)
	in.Episodes, in.Baselines, in.Events = episodes, nil, nil
	in.Stacks[0].Findings = nil
	for _, e := range episodes {
		if !e.Life.Over() {
			in.Stacks[0].Findings = append(in.Stacks[0].Findings, e.Finding)
		}
	}
	in.Stacks[0].Settle(false)
	return in
}

var memory = openFinding("aws_lambda_function.f", "memory_size", "128", "512")

func lived(life drift.Life, first, last string) drift.Episode {
	return episode(memory, life, first, last)
}

func numbered(n int, e drift.Episode) drift.Episode {
	e.Number = n
	return e
}

const (
	openRow     = "| 2026-11-01 | `aws_lambda_function.f` | Modified: `memory_size` | Open"
	resolvedRow = "| 2026-11-01 | `aws_lambda_function.f` | Modified: `memory_size` | Resolved 2026-11-08: in line with the code again"
)

// TestHistoryMerges goes through what can become of a row from one report to the
// next.
func TestHistoryMerges(t *testing.T) {
	t.Parallel()
	open := lived(drift.LifeOpen, "2026-11-01 06:00", "2026-11-01 06:00")
	resolved := lived(drift.LifeResolved, "2026-11-01 06:00", "2026-11-08 05:00") // ended at 06:00
	first := write(t, one("2026-11-01 06:00", open), "")
	closed := write(t, one("2026-11-08 06:00", resolved), first)
	unchecked := one("2026-11-08 06:00")
	unchecked.Stacks[0].Errors = []drift.Error{{Address: "aws_lambda_function.f", Code: "failed", Message: "AccessDenied"}}
	unchecked.Stacks[0].Settle(false)
	otherFailed := one("2026-11-08 06:00")
	otherFailed.Stacks[0].Errors = []drift.Error{{Address: "aws_lambda_function.other", Code: "failed", Message: "AccessDenied"}}
	otherFailed.Stacks[0].Settle(false)
	otherState := one("2026-11-08 06:00")
	otherState.Stacks[0].Integrity = []drift.Integrity{{Code: drift.FaultSerial, Severity: drift.SeverityError}}
	otherState.Stacks[0].Settle(false)
	skipped := one("2026-11-08 06:00")
	skipped.Stacks[0].Resources.Skipped = 3
	noStack := one("2026-11-08 06:00")
	noStack.Stacks = nil
	edited := strings.Replace(first, "| Open <", "| Open: ana asks the vendor <", 1)
	renamed := strings.Replace(first, "Modified: `memory_size` | Open", "more memory | Open", 1)
	ours := strings.Replace(first, "<!-- holdfast:end history", "| 2026-11-02 | `by hand`| x | wrote it ourselves\n<!-- holdfast:end history", 1)
	wide := strings.Replace(first, "| Open <", "| a | b <", 1)
	for name, c := range map[string]struct {
		file string
		in   report.DriftReport
		want []string
	}{
		"the same store, still open":         {first, one("2026-11-08 06:00", lived(drift.LifeOpen, "2026-11-01 06:00", "2026-11-08 06:00")), []string{openRow}},
		"the same store, resolved":           {first, one("2026-11-08 06:00", resolved), []string{resolvedRow}},
		"a new store, still open":            {first, one("2026-11-08 06:00", lived(drift.LifeOpen, "2026-11-08 06:00", "2026-11-08 06:00")), []string{openRow}},
		"a new store, gone":                  {first, one("2026-11-08 06:00"), []string{resolvedRow}},
		"a new store, gone, another failed":  {first, otherFailed, []string{resolvedRow}},
		"a new store, not checked":           {first, unchecked, []string{openRow}},
		"a new store, an older state":        {first, otherState, []string{openRow}},
		"a new store, only a part checked":   {first, skipped, []string{openRow}},
		"a new store, its stack not checked": {first, noStack, []string{openRow}},
		"a new store, resolved since":        {first, one("2026-11-08 06:00", lived(drift.LifeResolved, "2026-11-03 06:00", "2026-11-08 05:00")), []string{resolvedRow}},
		"back, the same store": {closed, one("2026-11-15 06:00", resolved, numbered(2, lived(drift.LifeOpen, "2026-11-15 06:00", "2026-11-15 06:00"))),
			[]string{resolvedRow, strings.Replace(openRow, "11-01", "11-15", 1)}},
		"back, a new store": {closed, one("2026-11-15 06:00", lived(drift.LifeOpen, "2026-11-15 06:00", "2026-11-15 06:00")),
			[]string{resolvedRow, strings.Replace(openRow, "11-01", "11-15", 1)}},
		"a store that did not see it gone, long ago": {closed, one("2026-11-15 06:00", lived(drift.LifeOpen, "2026-11-01 06:00", "2026-11-07 06:00")), []string{resolvedRow}},
		"a store that did not see it gone, and sees it": {closed, one("2026-11-15 06:00", lived(drift.LifeOpen, "2026-11-01 06:00", "2026-11-15 06:00")),
			[]string{resolvedRow, strings.Replace(openRow, "11-01", "11-08", 1)}},
		"an empty store, over":        {closed, one("2026-11-15 06:00"), []string{resolvedRow}},
		"edited, still open":          {edited, one("2026-11-08 06:00", lived(drift.LifeOpen, "2026-11-01 06:00", "2026-11-08 06:00")), []string{openRow + ": ana asks the vendor"}},
		"edited, resolved":            {edited, one("2026-11-08 06:00", resolved), []string{openRow + ": ana asks the vendor; Resolved 2026-11-08: in line with the code again"}},
		"edited, gone, a new store":   {edited, one("2026-11-08 06:00"), []string{openRow + ": ana asks the vendor; Resolved 2026-11-08: in line with the code again"}},
		"another cell edited":         {renamed, one("2026-11-08 06:00", resolved), []string{"| 2026-11-01 | `aws_lambda_function.f` | more memory | Open; Resolved 2026-11-08: in line with the code again"}},
		"a row of people's":           {ours, one("2026-11-08 06:00", resolved), []string{resolvedRow, "| 2026-11-02 | `by hand`| x | wrote it ourselves"}},
		"a bar in a cell":             {wide, one("2026-11-08 06:00", resolved), []string{strings.Replace(openRow, "Open", `a \| b; Resolved 2026-11-08: in line with the code again`, 1)}},
		"aligned by an editor":        {strings.Replace(strings.Replace(first, "| Open <", "|   Open     <", 1), "| Modified", "|Modified", 1), one("2026-11-08 06:00", resolved), []string{resolvedRow}},
		"accepted, and then it's new": {first, one("2026-11-08 06:00", accepted()), []string{strings.Replace(openRow, "Open", "Accepted into the code 2026-11-08 by ana: it is right (OPS-1)", 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, told(t, write(t, c.in, c.file))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func accepted() drift.Episode {
	e := lived(drift.LifeAccepted, "2026-11-01 06:00", "2026-11-08 05:00")
	e.Actor, e.Reason, e.Ticket = "ana", "it is right", "OPS-1"
	return e
}

// TestHistoryIsNeverLost: a store that has nothing keeps every row of a long
// file, and two stores that take turns don't double any.
func TestHistoryIsNeverLost(t *testing.T) {
	t.Parallel()
	in := bigReport(5, 200)
	file := write(t, in, "")
	rows := told(t, file)
	empty := one("2026-12-01 06:00")
	empty.Stacks = nil
	if diff := cmp.Diff(rows, told(t, write(t, empty, file))); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	other := bigReport(5, 5) // another machine: first seen later
	for i := range other.Episodes {
		other.Episodes[i].FirstSeen = at("2026-11-22 06:00")
	}
	for range 3 {
		file = write(t, in, write(t, other, file))
	}
	if diff := cmp.Diff(rows, told(t, file)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// TestHistoryOfBaselines: the first row of a stack is its baseline, also of a
// new store, which believes that tracking began today.
func TestHistoryOfBaselines(t *testing.T) {
	t.Parallel()
	in := one("2026-11-01 06:00")
	in.Events = seedReport().Events
	first := write(t, in, "")
	later := one("2026-12-01 06:00")
	later.Events = []drift.Event{
		{ID: "x", At: at("2026-11-20 06:00"), Kind: drift.EventBaseline, Stack: infra},
		{ID: "y", At: at("2026-12-01 06:00"), Kind: drift.EventBaseline, Stack: infra, Actor: "ana", Reason: "the table was rebuilt"},
	}
	want := []string{"| 2026-10-15 | Initial | N/A | Baseline established", "| 2026-12-01 | Baseline | N/A | Baseline renewed by ana: the table was rebuilt"}
	if diff := cmp.Diff(want, told(t, write(t, later, write(t, later, first)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
