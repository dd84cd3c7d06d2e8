package queue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/queue"
	"holdfast/internal/store"
)

// The bar of `make bench-queue`: what is due in an hour is done in a sixth of it,
// so that the time is the checks'.
const (
	benchStacks = 10_000
	barRound    = 10 * time.Minute
)

// BenchmarkRound runs two rounds of 10,000 stacks with 20 resources each, all due
// at once: with nothing in the history, and with one round in it. The checks take
// no time but that of saving their results. In PostgreSQL two processes share
// them, in SQLite one does them.
func BenchmarkRound(b *testing.B) {
	for _, c := range []struct {
		name      string
		processes int
	}{{"sqlite", 1}, {"postgres", 2}} {
		if place := databases[c.name]; place != nil {
			b.Run(c.name, func(b *testing.B) {
				for b.Loop() {
					rounds(b, place(b), c.processes)
				}
			})
		}
	}
}

func rounds(b *testing.B, where string, processes int) {
	s, q := prepare(b, where)
	c := workers(b, processes, worker{Where: where, Stacks: benchStacks, Save: true})
	for _, name := range []string{"first", "second"} {
		began := time.Now()
		run := ask(b, q, queue.Ask{Source: "infra"})
		waitFor(b, s, run, func(info store.RunInfo) bool { return info.Stacks > 0 })
		b.ReportMetric(time.Since(began).Seconds(), "s/"+name+"-planned")
		info := waitFor(b, s, run, func(info store.RunInfo) bool { return !info.FinishedAt.IsZero() })
		took := time.Since(began)
		b.ReportMetric(took.Seconds(), "s/"+name+"-round")
		b.ReportMetric(benchStacks/took.Seconds(), "checks/s-"+name)
		if info.Stacks != benchStacks || info.Ended != benchStacks || info.Summary.Stacks != benchStacks {
			b.Errorf("%+v", info)
		}
		if took > barRound {
			b.Errorf("a round took %s; the bar is %s", took, barRound)
		}
	}
	c.end(b)
	var cpu time.Duration
	for _, cmd := range c.list {
		cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	c.list = nil
	b.ReportMetric(float64(cpu.Milliseconds())/(2*benchStacks), "cpu-ms/check")
}

func waitFor(b *testing.B, s *store.Store, run string, done func(store.RunInfo) bool) store.RunInfo {
	b.Helper()
	for {
		info, _, err := s.Run(b.Context(), run)
		if err != nil {
			b.Fatal(err)
		}
		if done(info) {
			return info
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// save saves a result that is as large as a real one: 20 resources, and in every
// tenth stack two findings, of which one is another each day.
func save(ctx context.Context, s *store.Store, t queue.Task) (drift.Status, error) {
	run, err := s.Resume(ctx, t.Run)
	if err != nil {
		return "", err
	}
	st := drift.Stack{
		ID: t.Stack.ID, Path: t.Stack.Path, Workspace: t.Stack.Workspace, Engine: "direct", DurationMS: 900,
		State: drift.State{Source: "s3://states/" + t.Stack.Path, Lineage: t.Stack.ID, Serial: 7},
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.Stack.ID)) // it never fails
	if h.Sum32()%10 == 0 {
		st.Findings = []drift.Finding{changed(t, "aws_lambda_function.app", "same"), changed(t, "aws_sqs_queue.jobs", t.Run)}
	}
	st.Resources = drift.Counts{Checked: 20, Clean: 20 - len(st.Findings), Drifted: len(st.Findings)}
	for i := range 4 { // a real result has some of these
		st.Observed = append(st.Observed, drift.Paths{Address: fmt.Sprintf("aws_iam_role.app[%d]", i), Paths: []string{"inline_policy", "tags_all"}})
	}
	st.Settle(false)
	return st.Status, run.SaveAt(ctx, st, nil, time.Now())
}

func changed(t queue.Task, address, revision string) drift.Finding {
	return drift.Finding{
		ID: drift.FindingID(t.Stack.ID, address, drift.Modified), Revision: revision, Address: address, Type: "aws_lambda_function",
		Provider: "registry.terraform.io/hashicorp/aws", Kind: drift.Modified, Certainty: drift.Certain, Status: drift.Open,
		Changes: []drift.Change{{Path: "memory_size", Expected: json.RawMessage("128"), Actual: json.RawMessage("512")}},
	}
}
