package servertest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// The stacks and findings of Fleet that tests name.
var (
	Lambda = drift.FindingID("lineage-network-edge", "aws_lambda_function.resize", drift.Modified)
	Bucket = drift.FindingID("lineage-payments-api", "aws_s3_bucket.receipts", drift.Deleted)
	Edge   = drift.StackID("live/network/edge", "default")
	API    = drift.StackID("live/payments/api", "prod")
)

// days ago.
func days(n int) time.Time { return time.Now().AddDate(0, 0, -n).Add(-90 * time.Minute) }

func value(v any) json.RawMessage {
	src, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return src
}

// stack is a result with some findings, which is clean without them.
func stack(path, workspace string, findings ...drift.Finding) drift.Stack {
	st := drift.Stack{
		ID: drift.StackID(path, workspace), Path: path, Workspace: workspace, Engine: "direct", DurationMS: 740,
		Resources: drift.Counts{Checked: 42, Clean: 42 - len(findings), Drifted: len(findings)}, Findings: findings,
		State: drift.State{Source: "s3://states/" + path + ".tfstate", Lineage: "lineage-" + strings.ReplaceAll(strings.TrimPrefix(path, "live/"), "/", "-"), Serial: 21, TerraformVersion: "1.11.4"},
	}
	for i := range st.Findings {
		f := &st.Findings[i]
		f.ID = drift.FindingID(st.State.Lineage, f.Address, f.Kind)
		f.Source = &drift.Position{File: path + "/main.tf", Line: 12 + i}
	}
	st.Settle(false)
	return st
}

func found(address string, kind drift.Kind, cause *drift.Cause, changes ...drift.Change) drift.Finding {
	kindOf, _, _ := strings.Cut(address, ".")
	f := drift.Finding{
		Address: address, Type: kindOf, Provider: "registry.terraform.io/hashicorp/aws", Kind: kind, Changes: changes, Cause: cause,
		Certainty: drift.Certain, Status: drift.Open, Revision: fmt.Sprint(len(changes)),
	}
	drift.Grade(&f, nil)
	return f
}

func byHand(who, how, event string, at time.Time, paths ...string) *drift.Cause {
	class := drift.CauseConsole
	if how != "console" {
		class = drift.CauseCLI
	}
	mfa := true
	e := drift.CauseEvent{
		Actor: "user " + who, ActorARN: "arn:aws:iam::123456789012:user/" + who, How: how, MFA: &mfa, At: at, From: "198.51.100.7", Event: event,
		EventID: "5f0c7a52-0d7b-4b6f-9f0e-2a1f7d1f0001", EventSource: "lambda.amazonaws.com", Region: "eu-central-1", Account: "123456789012",
		UserAgent: "Mozilla/5.0", Paths: paths,
	}
	return &drift.Cause{
		Class: class, Confidence: drift.Exact, Rule: "value", CauseEvent: e, Since: at.AddDate(0, 0, -7), Until: at.Add(time.Hour), Candidates: []drift.CauseEvent{e},
		Summary: fmt.Sprintf("changed by user %s (%s) on %s, %s", who, how, at.UTC().Format("2006-01-02 15:04 MST"), event),
	}
}

func unknown() *drift.Cause {
	return &drift.Cause{Class: drift.CauseUnknown, Summary: "unknown: no event in the trail explains it", Since: days(40), Until: days(1)}
}

// Fleet fills a history with eight weeks of a fleet of two sources: drift of every
// kind and cause, waived and ignored findings, a state that is unsound, stacks that
// were not checked lately, a round under way and one that failed, schedules and
// requests.
func Fleet(t testing.TB, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	policy := func(actions ...string) json.RawMessage {
		return value(string(value(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": actions, "Resource": "*"}}})))
	}
	lambda := found("aws_lambda_function.resize", drift.Modified, byHand("alice", "console", "UpdateFunctionConfiguration", days(9), "memory_size", "timeout"),
		drift.Change{Path: "memory_size", Expected: value(128), Actual: value(512)},
		drift.Change{Path: "timeout", Expected: value(3), Actual: value(30)},
		drift.Change{Path: `environment[0].variables["DB_PASSWORD"]`, Sensitive: true})
	role := found("aws_iam_role_policy.deploy", drift.Modified, byHand("ci-legacy", "aws-cli", "PutRolePolicy", days(16), "policy"),
		drift.Change{Path: "policy", Expected: policy("dynamodb:GetItem"), Actual: policy("dynamodb:*", "s3:*")})
	group := found(`module.vpc.aws_security_group.ingress["public"]`, drift.Modified, unknown(),
		drift.Change{Path: "description", Expected: value("Managed by Terraform"), Actual: value("opened for the vendor, remove after the move"), RequiresReplace: true})
	bucket := found("aws_s3_bucket.receipts", drift.Deleted, byHand("bob", "console", "DeleteBucket", days(2)))
	alarm := found("aws_cloudwatch_metric_alarm.errors", drift.Modified, &drift.Cause{Class: drift.CauseAutomation, Summary: "changed by autoscaler (boto3) on a schedule", CauseEvent: drift.CauseEvent{Automation: "autoscaler", How: "boto3", At: days(20)}},
		drift.Change{Path: "threshold", Expected: value(5), Actual: value(50)})
	table := found("aws_dynamodb_table.orders", drift.Modified, unknown(), drift.Change{Path: "ttl[0].enabled", Expected: value(true), Actual: value(false)})
	table.Certainty, table.Doubt = drift.Possible, "whether the source sets ttl can't be told: variable ttl has no value"
	waived := found("aws_autoscaling_group.workers", drift.Modified, byHand("kim", "console", "UpdateAutoScalingGroup", days(12)),
		drift.Change{Path: "desired_capacity", Expected: value(4), Actual: value(12)})
	waived.Status = drift.Waived
	waived.Waiver = &drift.FindingWaiver{ID: "W-peak", State: drift.WaiverActive, Reason: "black friday", Owner: "kim@example.com", Ticket: "OPS-118", Until: time.Now().AddDate(0, 0, 9).Format(time.DateOnly)}
	ignored := found("aws_ecs_service.web", drift.Modified, nil, drift.Change{Path: "desired_count", Expected: value(2), Actual: value(3)})
	ignored.Status, ignored.IgnoreReason = drift.Ignored, "the autoscaler owns it"

	for week := 8; week >= 1; week-- {
		edge := stack("live/network/edge", "default")
		if week <= 2 {
			edge = stack("live/network/edge", "default", lambda, waived)
		}
		if week == 1 {
			edge = stack("live/network/edge", "default", lambda, waived, role, ignored)
			edge.Pending = []drift.Pending{{Address: "aws_sqs_queue.dead_letters", Actions: []string{"create"}}}
			edge.Adopted = []drift.Paths{{Address: "aws_s3_bucket.logs", Paths: []string{`tags["owner"]`}}}
			edge.Observed = []drift.Paths{{Address: "aws_iam_role.edge", Paths: []string{"inline_policy"}}}
			edge.Integrity = []drift.Integrity{{Code: drift.FaultTainted, Severity: drift.SeverityWarning, Address: "aws_instance.bastion", Message: "the object is tainted: the next apply replaces it"}}
		}
		vpc := stack("live/network/vpc", "default", group)
		api := stack("live/payments/api", "prod", alarm)
		if week == 4 {
			api = stack("live/payments/api", "prod", alarm, table)
		}
		if week == 1 {
			api = stack("live/payments/api", "prod", alarm, table, bucket)
			api.Errors = []drift.Error{{Address: "aws_kms_key.signing", Code: "failed", Message: "reading it: AccessDeniedException: not authorized to perform kms:DescribeKey"}}
			api.Settle(false)
		}
		record(ctx, t, s, "network", days(7*week-5), edge, vpc, stack("live/network/dns", "default"), stack("live/network/transit", "default"))
		record(ctx, t, s, "payments", days(7*week-5).Add(time.Hour), api, stack("live/payments/ledger", "prod"), stack("live/payments/ledger", "staging"))
		if week == 6 {
			failed := stack("live/payments/batch", "prod")
			failed.Errors = []drift.Error{{Code: "no_credentials", Message: "no credentials: the role of the worker could not be assumed"}}
			failed.Settle(true)
			record(ctx, t, s, "payments", days(33), stack("live/payments/archive", "default"), failed)
		}
	}
	fillQueue(ctx, t, s)
	fillRequests(ctx, t, s)
}

// record keeps a round that is over.
func record(ctx context.Context, t testing.TB, s *store.Store, source string, at time.Time, results ...drift.Stack) {
	t.Helper()
	id := begin(ctx, t, s, source, at, refs(results)...)
	run, err := s.Resume(ctx, id)
	must(t, err)
	for i, st := range results {
		must(t, run.SaveAt(ctx, st, nil, at))
		set(ctx, t, s, id, store.RunStack{Stack: st.Ref(), State: store.StackDone, Outcome: st.Status, Worker: "worker-1", StartedAt: at, FinishedAt: at.Add(time.Duration(740+90*i) * time.Millisecond)})
	}
	must(t, run.Finish(ctx, at.Add(14*time.Second), drift.Summarize(results)))
}

func refs(results []drift.Stack) (list []drift.StackRef) {
	for _, st := range results {
		list = append(list, st.Ref())
	}
	return list
}

// begin begins a round of stacks, which are known to be of its source from then on.
func begin(ctx context.Context, t testing.TB, s *store.Store, source string, at time.Time, stacks ...drift.StackRef) (id string) {
	t.Helper()
	must(t, s.InTransaction(ctx, "beginning", func(tx *sql.Tx) (err error) {
		id, err = s.BeginRound(ctx, tx, store.Round{Source: source, Trigger: "schedule", Tool: drift.Tool{Name: "holdfast", Version: "1.0.0"}, At: at})
		if err != nil {
			return err
		}
		for _, ref := range stacks {
			if err := s.PlanStack(ctx, tx, store.RunStack{Run: id, Stack: ref, Source: source, State: store.StackQueued, Job: jobOf(id, ref)}); err != nil {
				return err
			}
		}
		return nil
	}))
	known, err := s.Fleet(ctx, store.FleetFilter{Sources: []string{source}, Limit: 500})
	must(t, err)
	for _, one := range known.Items {
		stacks = append(stacks, one.Stack)
	}
	must(t, s.InTransaction(ctx, "noting", func(tx *sql.Tx) error { return s.NoteStacks(ctx, tx, source, stacks, at) }))
	return id
}

func jobOf(run string, ref drift.StackRef) int64 {
	n := int64(17)
	for _, c := range run + ref.ID {
		n = n*31 + int64(c)
	}
	return n & (1<<53 - 1)
}

// Set records how far a run is with a stack.
func set(ctx context.Context, t testing.TB, s *store.Store, run string, one store.RunStack) {
	t.Helper()
	must(t, s.InTransaction(ctx, "recording", func(tx *sql.Tx) error {
		_, err := s.SetStack(ctx, tx, jobOf(run, one.Stack), one)
		return err
	}))
}

func waivers(_ context.Context, source string) ([]drift.Waiver, error) {
	today := time.Now().UTC().Truncate(24 * time.Hour)
	w := func(id, address string, until int, line int) drift.Waiver {
		return drift.Waiver{ID: id, Addresses: []drift.Pattern{drift.Pattern(address)}, Reason: "black friday: more workers for a while", Owner: "kim@example.com", Ticket: "OPS-118", ApprovedBy: "lee@example.com", Until: today.AddDate(0, 0, until), Line: line}
	}
	if source != "network" {
		return []drift.Waiver{w("W-freeze", "aws_rds_cluster.*", 120, 4)}, nil
	}
	list := []drift.Waiver{w("W-peak", "aws_autoscaling_group.workers", 9, 4), w("W-role", "aws_iam_role_policy.*", 90, 16), w("W-old", "aws_instance.bastion", -20, 28), w("W-move", "aws_vpc.*", 60, 40)}
	list[3].From = today.AddDate(0, 0, 14)
	return list, nil
}

// fillQueue adds schedules, a round under way and one whose source could not be
// fetched.
func fillQueue(ctx context.Context, t testing.TB, s *store.Store) {
	t.Helper()
	stacks := []drift.Stack{stack("live/network/edge", "default"), stack("live/network/vpc", "default"), stack("live/network/dns", "default"), stack("live/network/transit", "default")}
	under := begin(ctx, t, s, "network", time.Now().Add(-40*time.Second), refs(stacks)...)
	began := time.Now().Add(-30 * time.Second)
	set(ctx, t, s, under, store.RunStack{Stack: stacks[0].Ref(), State: store.StackDone, Outcome: drift.StatusDrifted, Worker: "worker-1", StartedAt: began, FinishedAt: began.Add(900 * time.Millisecond)})
	set(ctx, t, s, under, store.RunStack{Stack: stacks[1].Ref(), State: store.StackRunning, Worker: "worker-2", StartedAt: began, Error: "the first attempt failed: throttled; it is tried again"})
	failed := begin(ctx, t, s, "payments", time.Now().Add(-26*time.Hour))
	must(t, s.InTransaction(ctx, "failing", func(tx *sql.Tx) error {
		return s.FailRun(ctx, tx, failed, "the repository could not be fetched: could not resolve host git.example.com")
	}))
	run, err := s.Resume(ctx, failed)
	must(t, err)
	must(t, run.Finish(ctx, time.Now().Add(-26*time.Hour).Add(5*time.Second), drift.Summary{}))
	for _, one := range []store.Schedule{
		{ID: "weekly", Source: "network", Name: "Network, weekly", Cron: "0 6 * * MON", Zone: "Europe/Berlin", Spread: 20 * time.Minute, NextAt: time.Now().AddDate(0, 0, 4).Truncate(time.Hour)},
		{ID: "nightly", Source: "payments", Cron: "30 2 * * MON-FRI", Zone: "UTC", NextAt: time.Now().Add(9 * time.Hour).Truncate(time.Hour)},
		{ID: "hourly", Source: "payments", Name: "Payments, hourly while the migration lasts", Cron: "0 * * * *", Zone: "UTC", Paused: true},
	} {
		_, err := s.SaveSchedule(ctx, one)
		must(t, err)
	}
}

func fillRequests(ctx context.Context, t testing.TB, s *store.Store) {
	t.Helper()
	api, edge := stack("live/payments/api", "prod"), stack("live/network/edge", "default")
	add := func(r store.Request, then ...store.Request) {
		must(t, s.InTransaction(ctx, "asking", func(tx *sql.Tx) error {
			if _, err := s.AddRequest(ctx, tx, r); err != nil {
				return err
			}
			for _, next := range then {
				if _, err := s.UpdateRequest(ctx, tx, r.State, next); err != nil {
					return err
				}
				r = next
			}
			return nil
		}))
	}
	add(store.Request{ID: "waits1", Kind: store.RequestRevert, Stack: api.Ref(), Source: "payments", Findings: []string{Bucket}, Addresses: []string{"aws_s3_bucket.receipts"}, Reason: "the bucket is needed for the audit", Ticket: "OPS-131", State: store.RequestWaiting, AskedBy: "lee@example.com", AskedAt: time.Now().Add(-3 * time.Hour)})
	done := store.Request{ID: "done1", Kind: store.RequestAccept, Stack: edge.Ref(), Source: "network", Findings: []string{Lambda}, Addresses: []string{"aws_lambda_function.resize"}, Reason: "the new size is right", State: store.RequestApproved, AskedBy: "kim@example.com", AskedAt: days(1)}
	running, over := done, done
	running.State = store.RequestRunning
	over.State, over.FinishedAt, over.Outcome = store.RequestDone, days(1).Add(2*time.Minute), "The edit of one file is ready as a patch: nobody has given credentials to push with."
	over.Patch = "--- a/live/network/edge/main.tf\n+++ b/live/network/edge/main.tf\n@@ -12,7 +12,7 @@\n resource \"aws_lambda_function\" \"resize\" {\n   function_name = \"resize\"\n-  memory_size   = 128\n+  memory_size   = 512\n }\n"
	add(done, running, over)
}
