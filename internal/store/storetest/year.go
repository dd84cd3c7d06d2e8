// Package storetest fills a history with a year of checks in seconds, for benchmarks
// and tests of what reads it.
package storetest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// Size is how large a year is. The zero value of each but Now is that of the year
// that the benchmarks speak of.
type Size struct {
	Stacks    int       // 10,000, of 20 resource instances each
	Sources   int       // 20
	Rounds    int       // 52, one a week
	NewARound int       // findings: 1,000
	Now       time.Time // the last round was the day before
}

// Year is what a history was filled with.
type Year struct {
	Sources  []string
	Stacks   []drift.StackRef
	Episodes []string // ids, oldest first
	Open     []string // ids of episodes that are open
	Runs     []string // ids, oldest first
	Events   int
}

// Fill fills an empty history. The same size gives the same history.
func Fill(ctx context.Context, s *store.Store, size Size) (Year, error) {
	y := newYear(size)
	err := s.InTransaction(ctx, "filling it with a year", func(tx *sql.Tx) error {
		if !s.IsPostgres() {
			if _, err := tx.ExecContext(ctx, "PRAGMA cache_size = -200000"); err != nil { // kilobytes, for this alone
				return err
			}
		}
		y.rows = &rows{ctx: ctx, tx: tx, waiting: map[string][]any{}, ready: map[string]*sql.Stmt{}}
		for round := range y.Size.Rounds {
			y.round(round)
		}
		y.latest()
		return y.rows.flush()
	})
	if err != nil {
		return y.Year, err
	}
	return y.Year, tidy(ctx, s)
}

// tidy does what the databases do by themselves over a year.
func tidy(ctx context.Context, s *store.Store) error {
	command := "VACUUM ANALYZE"
	if !s.IsPostgres() {
		command = "PRAGMA wal_checkpoint(TRUNCATE)"
	}
	_, err := s.DB().ExecContext(ctx, command)
	return err
}

// year is a year in the making.
type year struct {
	Year
	Size
	random *rand.Rand
	rows   *rows
	there  map[int][]*drift.Episode // by stack, what is not over
	number map[string]int           // of the last episode, by finding
	at     time.Time                // of the last round
	event  int
}

func newYear(size Size) *year {
	for _, d := range []struct {
		value *int
		usual int
	}{{&size.Stacks, 10_000}, {&size.Sources, 20}, {&size.Rounds, 52}, {&size.NewARound, 1_000}} {
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	y := &year{Size: size, random: rand.New(rand.NewPCG(1, 2)), there: map[int][]*drift.Episode{}, number: map[string]int{}} //nolint:gosec // the same each time
	for i := range size.Sources {
		y.Year.Sources = append(y.Year.Sources, fmt.Sprintf("team-%02d", i))
	}
	for i := range size.Stacks {
		path := fmt.Sprintf("live/%s/service-%05d", []string{"eu-central-1", "us-east-1", "ap-south-1"}[i%3], i)
		y.Year.Stacks = append(y.Year.Stacks, drift.StackRef{ID: drift.StackID(path, "default"), Path: path, Workspace: "default"})
	}
	return y
}

// Year.Sources and Size.Sources have one name; these tell them apart.
func (y *year) source(stack int) string { return y.Year.Sources[stack%y.Size.Sources] }

func (y *year) runID(round, source int) string {
	return fmt.Sprintf("%s-%04x%02x", y.at.Format("20060102T150405.000Z"), round, source)
}

// round is a week's: what was there is gone or not, and something new is found.
func (y *year) round(round int) {
	y.at = y.Now.UTC().Truncate(time.Millisecond).AddDate(0, 0, -1-7*(y.Size.Rounds-1-round))
	for stack := range y.Year.Stacks {
		y.follow(round, stack)
	}
	for range y.NewARound {
		y.found(round, y.random.IntN(y.Size.Stacks))
	}
	for source := range y.Size.Sources {
		y.run(round, source)
	}
}

// follow looks again at what was there.
func (y *year) follow(round, stack int) {
	y.there[stack] = slices.DeleteFunc(y.there[stack], func(e *drift.Episode) bool {
		e.LastSeen, e.LastRun, e.Seen = y.at, y.runID(round, stack%y.Size.Sources), e.Seen+1
		switch chance := y.random.IntN(100); {
		case chance < 30:
			e.Life, e.Ended = drift.LifeResolved, y.at
			y.tell(drift.EventResolved, e, -1)
		case chance < 40:
			e.Life, e.Ended, e.Actor, e.Reason = drift.LifeReverted, y.at, "kim@example.com", "back to the code"
			y.tell(drift.EventReverted, e, -1)
		case chance < 45:
			e.Finding.Revision += "x"
			y.tell(drift.EventChanged, e, 0)
		case chance < 48 && e.Life == drift.LifeOpen:
			e.Life, e.Finding.Status = drift.LifeWaived, drift.Waived
			e.Finding.Waiver = &drift.FindingWaiver{ID: "load-test", State: drift.WaiverActive, Reason: "load test", Owner: "kim", Until: "2030-12-31"}
			y.tell(drift.EventWaived, e, -1)
		}
		if e.Life.Over() {
			y.episode(e)
		}
		return e.Life.Over()
	})
}

var causes = []drift.CauseClass{
	drift.CauseConsole, drift.CauseConsole, drift.CauseConsole, drift.CauseCLI, drift.CauseAutomation, drift.CauseCode, drift.CauseUnknown, drift.CauseUnknown,
}

// found is new drift of a stack, unless its resource has some already.
func (y *year) found(round, stack int) {
	address := fmt.Sprintf("module.service.aws_lambda_function.app[%d]", y.random.IntN(20))
	ref := y.Year.Stacks[stack]
	kind := drift.Modified
	if y.random.IntN(20) == 0 {
		kind = drift.Deleted
	}
	id := drift.FindingID(ref.ID, address, kind)
	if slices.ContainsFunc(y.there[stack], func(e *drift.Episode) bool { return e.Finding.ID == id }) {
		return
	}
	y.number[id]++
	run := y.runID(round, stack%y.Size.Sources)
	e := &drift.Episode{
		Number: y.number[id], Stack: ref, Life: drift.LifeOpen, FirstSeen: y.at, LastSeen: y.at, Revised: y.at, FirstRun: run, LastRun: run, Seen: 1,
		Finding: drift.Finding{
			ID: id, Revision: "r", Address: address, Type: "aws_lambda_function", Provider: "registry.terraform.io/hashicorp/aws",
			Kind: kind, Certainty: drift.Certain, Status: drift.Open, Changes: changes(kind),
			Cause: &drift.Cause{
				Class: causes[y.random.IntN(len(causes))], Summary: "changed by user alice in the console", Confidence: drift.Exact, Rule: "value",
				CauseEvent: drift.CauseEvent{Actor: "user alice", How: "console", At: y.at.Add(-time.Hour), Event: "UpdateFunctionConfiguration", EventID: id, Region: "eu-central-1"},
			},
		},
	}
	drift.Grade(&e.Finding, nil)
	y.there[stack] = append(y.there[stack], e)
	event := drift.EventFound
	if e.Number > 1 {
		event = drift.EventReopened
	}
	y.tell(event, e, 1)
}

func changes(kind drift.Kind) []drift.Change {
	if kind == drift.Deleted {
		return []drift.Change{}
	}
	return []drift.Change{
		{Path: "memory_size", Expected: json.RawMessage("128"), Actual: json.RawMessage("512")},
		{Path: `environment[0].variables["LOG_LEVEL"]`, Expected: json.RawMessage(`"info"`), Actual: json.RawMessage(`"debug"`)},
		{Path: "environment[0].variables[\"TOKEN\"]", Sensitive: true},
	}
}

// tell adds an event. delta is by how much the number of open findings changes.
func (y *year) tell(kind drift.EventKind, e *drift.Episode, delta int) {
	if e.Finding.Status == drift.Waived && kind != drift.EventWaived {
		delta = 0
	}
	y.event++
	event := drift.Event{
		ID: fmt.Sprintf("%012x-%016x-storet-0000", y.at.UnixMilli(), y.event), At: y.at, Kind: kind, Run: e.LastRun, Stack: e.Stack,
		Address: e.Finding.Address, Finding: e.Finding.ID, Episode: e.Number, Detail: e.Finding.What(),
	}
	y.rows.add("events (id, at, stack_id, finding_id, address, delta, event, kind)",
		event.ID, y.at.UnixMilli(), e.Stack.ID, e.Finding.ID, e.Finding.Address, delta, text(event), string(kind))
	y.Events++
}

func (y *year) episode(e *drift.Episode) {
	ended := int64(0)
	if !e.Ended.IsZero() {
		ended = e.Ended.UnixMilli()
	}
	y.Episodes = append(y.Episodes, e.ID())
	if e.Life == drift.LifeOpen {
		y.Open = append(y.Open, e.ID())
	}
	y.rows.add("episodes (stack_id, finding_id, number, address, life, first_seen, last_seen, ended, episode, cause, kind, severity, find)",
		e.Stack.ID, e.Finding.ID, e.Number, e.Finding.Address, string(e.Life), e.FirstSeen.UnixMilli(), e.LastSeen.UnixMilli(), ended,
		text(e), string(e.Finding.Cause.Class), string(e.Finding.Kind), string(e.Finding.Severity), strings.ToLower(e.Finding.Address+"\n"+e.Stack.Path+"\n"))
}

// run is a round of a source, with its stacks.
func (y *year) run(round, source int) {
	id, ended := y.runID(round, source), y.at.Add(40*time.Minute)
	sum := drift.Summary{}
	for stack := source; stack < y.Size.Stacks; stack += y.Size.Sources {
		status := y.status(stack)
		sum.Stacks, sum.Resources, sum.Findings = sum.Stacks+1, sum.Resources+20, sum.Findings+len(y.there[stack])
		if status == drift.StatusDrifted {
			sum.Drifted++
		} else {
			sum.Clean++
		}
		y.rows.add("run_stacks (run, stack_id, stack, source, state, outcome, error, worker, job, started_at, finished_at)",
			id, y.Year.Stacks[stack].ID, text(y.Year.Stacks[stack]), y.source(stack), "done", string(status), "", "worker-1", round*y.Size.Stacks+stack,
			y.at.UnixMilli(), ended.UnixMilli())
	}
	y.Runs = append(y.Runs, id)
	y.rows.add("runs (id, tool, started_at, finished_at, summary, started_by, source, actor, cancelled_at, error)",
		id, text(drift.Tool{Name: "holdfast", Version: "1"}), y.at.UnixMilli(), ended.UnixMilli(), text(sum), "schedule", y.Year.Sources[source], "", 0, "")
}

func (y *year) status(stack int) drift.Status {
	if slices.ContainsFunc(y.there[stack], func(e *drift.Episode) bool { return e.Life == drift.LifeOpen }) {
		return drift.StatusDrifted
	}
	return drift.StatusClean
}

// latest writes what is there at the end: the latest results, and the list of
// stacks.
func (y *year) latest() {
	for stack, ref := range y.Year.Stacks {
		result := drift.Stack{
			ID: ref.ID, Path: ref.Path, Workspace: ref.Workspace, Engine: "direct", DurationMS: 900,
			Resources: drift.Counts{Checked: 20, Clean: 20 - len(y.there[stack]), Drifted: len(y.there[stack])},
			State:     drift.State{Source: "s3://states/" + ref.Path, Lineage: ref.ID, Serial: 7, TerraformVersion: "1.11.4", Instances: 20},
		}
		open, waived, oldest := 0, 0, int64(0)
		for _, e := range y.there[stack] {
			y.episode(e)
			result.Findings = append(result.Findings, e.Finding)
			if e.Life == drift.LifeWaived {
				waived++
				continue
			}
			if open++; oldest == 0 || e.FirstSeen.UnixMilli() < oldest {
				oldest = e.FirstSeen.UnixMilli()
			}
		}
		for j := range 4 {
			result.Observed = append(result.Observed, drift.Paths{Address: fmt.Sprintf("aws_iam_role.app[%d]", j), Paths: []string{"inline_policy", "tags_all"}})
		}
		result.Settle(false)
		run, at := y.runID(y.Size.Rounds-1, stack%y.Size.Sources), y.at.UnixMilli()
		y.rows.add("stacks (id, run, looked_at, whole_at, result)", ref.ID, run, at, at, text(result))
		y.rows.add("fleet (stack_id, source, path, workspace, name, status, open, waived, pending, errors, looked_at, decided_at, oldest_open, gone_at, run)",
			ref.ID, y.source(stack), ref.Path, ref.Workspace, "", string(result.Status), open, waived, 0, 0, at, at, oldest, 0, run)
	}
}

func text(value any) string {
	src, err := json.Marshal(value)
	if err != nil {
		panic(err) // nothing in it can't be written
	}
	return string(src)
}

// together is how many rows are inserted at once.
const together = 64

// rows inserts rows, many at once.
type rows struct {
	ctx     context.Context
	tx      *sql.Tx
	waiting map[string][]any
	ready   map[string]*sql.Stmt // for as many rows as go together
	err     error
}

// add puts a row off until there are many of its table.
func (r *rows) add(table string, values ...any) {
	r.waiting[table] = append(r.waiting[table], values...)
	if len(r.waiting[table]) == together*len(values) {
		r.insert(table)
	}
}

func (r *rows) insert(table string) {
	values := r.waiting[table]
	r.waiting[table] = values[:0]
	if r.err != nil || len(values) == 0 {
		return
	}
	width := strings.Count(table, ",") + 1
	if len(values) < together*width {
		_, r.err = r.tx.ExecContext(r.ctx, statement(table, width, len(values)), values...)
		return
	}
	if r.ready[table] == nil {
		if r.ready[table], r.err = r.tx.PrepareContext(r.ctx, statement(table, width, len(values))); r.err != nil { //nolint:sqlclosecheck // the transaction's end closes it
			return
		}
	}
	_, r.err = r.ready[table].ExecContext(r.ctx, values...)
}

func statement(table string, width, values int) string {
	var marks strings.Builder
	for i := range values {
		switch {
		case i == 0:
			marks.WriteString("(")
		case i%width == 0:
			marks.WriteString("), (")
		default:
			marks.WriteString(", ")
		}
		fmt.Fprintf(&marks, "$%d", i+1)
	}
	return "INSERT INTO " + table + " VALUES " + marks.String() + ")"
}

func (r *rows) flush() error {
	for table := range r.waiting {
		r.insert(table)
	}
	for _, prepared := range r.ready {
		r.err = errors.Join(r.err, prepared.Close())
	}
	return r.err
}
