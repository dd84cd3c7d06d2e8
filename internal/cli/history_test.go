package cli_test

import (
	"context"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// remember puts a short history of two stacks into a file: remember FILE.
func remember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: remember FILE")
	}
	ctx := context.Background()
	s, err := store.Open(ctx, ts.MkAbs(args[0]))
	ts.Check(err)
	app := lambda("aws_lambda_function.app", "memory_size", "timeout")
	role := lambda("aws_iam_role.app", "a", "b", "c", "d", "e", "f")
	justified := role
	justified.Status, justified.Waiver = drift.Waived, &drift.FindingWaiver{ID: "w", State: drift.WaiverActive, Reason: "incident", Ticket: "T-7", Owner: "kim", Until: "2027-01-31"}
	known := app
	known.Cause = &drift.Cause{
		Class: drift.CauseConsole, Summary: "changed by user kim (console) on 2024-03-02 11:00 UTC, UpdateFunctionConfiguration", Confidence: drift.Exact, Rule: "value",
		CauseEvent: drift.CauseEvent{Actor: "user kim", How: "console", At: time.Date(2024, 3, 2, 11, 0, 0, 0, time.UTC), Event: "UpdateFunctionConfiguration", EventID: "e-1"},
	}
	for i, stacks := range [][]drift.Stack{
		{remembered("live/eu", app), remembered("live/us", app)},
		{remembered("live/eu"), remembered("live/us", app, role)},
		{remembered("live/eu", known), remembered("live/us", app, justified)},
	} {
		ts.Check(save(ctx, s, 1+i, stacks))
	}
	ts.Check(s.Close())
}

func save(ctx context.Context, s *store.Store, day int, stacks []drift.Stack) error {
	at := time.Date(2024, 3, day, 6, 0, 0, 0, time.UTC)
	run, err := s.Begin(ctx, drift.RunRecord{StartedAt: at})
	if err != nil {
		return err
	}
	for _, st := range stacks {
		if err := run.SaveAt(ctx, st, nil, at); err != nil {
			return err
		}
	}
	return run.Finish(ctx, at, drift.Summarize(stacks))
}

func lambda(address string, paths ...string) drift.Finding {
	f := drift.Finding{
		ID: drift.FindingID("lineage", address, drift.Modified), Revision: "0123456789ab", Address: address, Kind: drift.Modified,
		Type: strings.Split(address, ".")[0], Provider: "registry.terraform.io/hashicorp/aws",
		Certainty: drift.Certain, Status: drift.Open,
	}
	for _, path := range paths {
		f.Changes = append(f.Changes, drift.Change{Path: path, Expected: []byte("1"), Actual: []byte("2")})
	}
	return f
}

func remembered(path string, findings ...drift.Finding) drift.Stack {
	s := drift.Stack{ID: drift.StackID(path, "default"), Path: path, Workspace: "default", Findings: findings}
	s.Settle(false)
	return s
}
