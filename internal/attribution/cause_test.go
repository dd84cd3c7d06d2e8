package attribution

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
)

// write is a change of the function app's memory, or of another thing.
func write(id, user string, at time.Time, params, more string) string {
	return fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/%[2]s","accountId":"111111111111","userName":"%[2]s"},
"eventTime":"%[3]s","eventSource":"lambda.amazonaws.com","eventName":"UpdateFunctionConfiguration20150331v2","awsRegion":"us-east-1","userAgent":"aws-cli/2.1",
"requestParameters":%[4]s,"responseElements":{"memorySize":512,"timeout":9},"eventID":"%[1]s"%[5]s}`, id, user, at.Format(time.RFC3339), params, more)
}

const memory = `{"functionName":"app","memorySize":512}`

// put writes a log object where a trail delivers it.
func put(t *testing.T, dir string, at time.Time, name string, records ...string) string {
	t.Helper()
	day := filepath.Join(dir, "AWSLogs", "o-org1", "111111111111", "CloudTrail", "us-east-1", at.UTC().Format("2006/01/02"))
	if err := os.MkdirAll(day, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(day, fmt.Sprintf("111111111111_CloudTrail_us-east-1_%s_%s.json.gz", at.UTC().Format("20060102T1504Z"), name))
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	_, _ = zip.Write([]byte(`{"Records":[` + strings.Join(records, ",") + `]}`))
	_ = zip.Close()
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func memoryTarget(changes ...change) *Target {
	if changes == nil {
		changes = []change{{"memory_size", "128", "512"}}
	}
	m := matching{kind: "aws_lambda_function", changes: changes}
	return &Target{Finding: finding(m), Identifiers: Identifiers(m.kind, lambda)}
}

func causesIn(t *testing.T, dir string, targets ...*Target) []*drift.Cause {
	t.Helper()
	causes, err := Attribute(t.Context(), []Source{NewFolder(dir)}, targets, Options{Since: base, Until: base.Add(72 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return causes
}

// TestCause: which of several events is it.
func TestCause(t *testing.T) {
	t.Parallel()
	at := base.Add(time.Hour)
	for _, c := range []struct {
		name    string
		records []string
		want    string // the summary
		events  string // ids of the candidates
	}{
		{"nothing", nil, "unknown: no matching event since 2026-11-20 10:00 UTC", ""},
		{"one", []string{write("e1", "alice", at, memory, "")}, "changed by user alice (aws-cli) on 2026-11-20 11:00 UTC, UpdateFunctionConfiguration", "e1"},
		{"the newest of two", []string{write("e2", "bob", at.Add(time.Minute), memory, ""), write("e1", "alice", at, memory, "")},
			"changed by user bob (aws-cli) on 2026-11-20 11:01 UTC, UpdateFunctionConfiguration", "e2 e1"},
		{"what set it, not what came after", []string{write("e1", "alice", at, memory, ""), write("e2", "bob", at.Add(time.Minute), `{"functionName":"app","timeout":9}`, "")},
			"changed by user alice (aws-cli) on 2026-11-20 11:00 UTC, UpdateFunctionConfiguration", "e2 e1"},
		{"delivered twice", []string{write("e1", "alice", at, memory, ""), write("e1", "alice", at, memory, "")}, "changed by user alice (aws-cli) on 2026-11-20 11:00 UTC, UpdateFunctionConfiguration", "e1"},
		{"refused", []string{write("e1", "alice", at, memory, `,"errorCode":"AccessDenied"`)}, "unknown: no matching event since 2026-11-20 10:00 UTC", ""},
		{"read only", []string{write("e1", "alice", at, memory, `,"readOnly":true`)}, "unknown: no matching event since 2026-11-20 10:00 UTC", ""},
		{"too early", []string{write("e1", "alice", base.Add(-time.Second), memory, "")}, "unknown: no matching event since 2026-11-20 10:00 UTC", ""},
		{"later than the check", []string{write("e1", "alice", base.Add(73*time.Hour), memory, "")}, "unknown: no matching event since 2026-11-20 10:00 UTC", ""},
		{"undone, and not seen again", []string{write("e1", "alice", at, memory, ""), write("e2", "bob", at.Add(time.Minute), `{"functionName":"app","memorySize":128}`, "")},
			"unknown: the last recorded write (UpdateFunctionConfiguration, 2026-11-20 11:01 UTC) set something else than what is there now", "e2 e1"},
		{"two in a second, one of them with the value", []string{write("e1", "alice", at, memory, ""), write("e2", "bob", at, `{"functionName":"app","memorySize":128}`, "")},
			"changed by user alice (aws-cli) on 2026-11-20 11:00 UTC, UpdateFunctionConfiguration", "e1 e2"},
		{"two in a second", []string{write("e1", "alice", at, memory, ""), write("e2", "bob", at, memory, "")},
			"unknown: two writes in the same second, by user alice (aws-cli) and by user bob (aws-cli)", "e1 e2"},
		{"Holdfast's own", []string{write("e1", "alice", at, memory, ""), strings.Replace(write("e2", "bob", at.Add(time.Minute), memory, ""), "aws-cli/2.1", "aws-sdk-go-v2/1.3 app/holdfast", 1)},
			"unknown: the last recorded write is Holdfast's own", "e2 e1"},
		{"another region", []string{strings.Replace(write("e1", "alice", at, memory, ""), `"awsRegion":"us-east-1"`, `"awsRegion":"eu-west-1"`, 1)}, "unknown: no matching event since 2026-11-20 10:00 UTC", ""},
		{"another account", []string{write("e1", "alice", at, memory, `,"recipientAccountId":"222222222222"`)}, "unknown: no matching event since 2026-11-20 10:00 UTC", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			put(t, dir, at.Add(5*time.Minute), "x", c.records...)
			got := causesIn(t, dir, memoryTarget())[0]
			var ids []string
			for _, e := range got.Candidates {
				ids = append(ids, e.EventID)
			}
			if got.Summary != c.want || strings.Join(ids, " ") != c.events {
				t.Errorf("got %q, candidates %v\nwant %q, %s", got.Summary, ids, c.want, c.events)
			}
			if known := !strings.HasPrefix(c.want, "unknown"); known != (got.Class != drift.CauseUnknown) || known != (got.EventID != "") || known && got.Confidence != drift.Exact {
				t.Errorf("class %s, event %q, confidence %q", got.Class, got.EventID, got.Confidence)
			}
		})
	}
}

// TestAlike: an object that tells neither account nor region is not taken for one
// of another account that is called the same.
func TestAlike(t *testing.T) {
	t.Parallel()
	at := base.Add(time.Hour)
	mine := write("e1", "alice", at, memory, "")
	for _, c := range []struct {
		name, other, account, region, want string
	}{
		{"one account", mine, "", "", "changed by user alice"},
		{"two accounts", write("e2", "bob", at.Add(time.Minute), memory, `,"recipientAccountId":"222222222222"`), "", "us-east-1",
			"unknown: objects of this name changed in several accounts, and in which it is is not known"},
		{"two accounts, and one is the object's", write("e2", "bob", at.Add(time.Minute), memory, `,"recipientAccountId":"222222222222"`), "111111111111", "us-east-1", "changed by user alice"},
		{"two regions", strings.Replace(write("e2", "bob", at.Add(time.Minute), memory, ""), "us-east-1", "us-west-2", 1), "111111111111", "",
			"unknown: objects of this name changed in several regions, and in which it is is not known"},
		{"two regions, and one is the object's", strings.Replace(write("e2", "bob", at.Add(time.Minute), memory, ""), "us-east-1", "us-west-2", 1), "111111111111", "us-east-1", "changed by user alice"},
	} {
		dir := t.TempDir()
		put(t, dir, at.Add(5*time.Minute), "x", mine, c.other)
		target := memoryTarget()
		target.Identifiers, target.Account, target.Region = []drift.Identifier{{Name: "function_name", Value: "app"}}, c.account, c.region
		confidence := drift.Exact
		if c.account == "" {
			confidence = drift.Likely // there may be another one in an account that is not asked
		}
		if got := causesIn(t, dir, target)[0]; !strings.HasPrefix(got.Summary, c.want) || got.Event != "" && got.Confidence != confidence {
			t.Errorf("%s: %s, %s", c.name, got.Summary, got.Confidence)
		}
	}
}

// TestSince: where a finding's window begins, and what is said of one that is
// longer than the log.
func TestSince(t *testing.T) {
	t.Parallel()
	const until = 72 * time.Hour
	for _, c := range []struct {
		name  string
		since time.Duration // after base
		event time.Duration
		want  string
		gaps  int
	}{
		{"in the second in which it begins", time.Hour + 700*time.Millisecond, time.Hour, "changed by user alice", 0},
		{"the second before", time.Hour + 700*time.Millisecond, time.Hour - time.Second, "unknown: no matching event since 2026-11-20 11:00 UTC", 0},
		{"earlier than that of all", -time.Hour, -time.Minute, "changed by user alice", 0},
		{"longer than the log, and found", until - MaxWindow - time.Hour, time.Hour, "changed by user alice", 0},
		{"longer than the log, and not found", until - MaxWindow - time.Hour, until - MaxWindow - time.Minute, "unknown: no matching event since 2026-08-25 10:00 UTC; the evidence is incomplete", 1},
	} {
		dir := t.TempDir()
		put(t, dir, base.Add(c.event), "x", write("e1", "alice", base.Add(c.event), memory, ""))
		target, other := memoryTarget(), memoryTarget()
		target.Since, other.Since = base.Add(c.since), base.Add(until-time.Hour)
		causes := causesIn(t, dir, target, other)
		if got := causes[0]; !strings.HasPrefix(got.Summary, c.want) || len(got.Gaps) != c.gaps || got.Event != "" && got.Confidence != drift.Exact || !got.Until.Equal(base.Add(until)) {
			t.Errorf("%s: %s, %s, gaps %v, until %s", c.name, got.Summary, got.Confidence, got.Gaps, got.Until)
		}
		if got := causes[1]; got.Class != drift.CauseUnknown || len(got.Gaps) > 0 {
			t.Errorf("%s: another finding: %s, gaps %v", c.name, got.Summary, got.Gaps)
		}
	}
}

// TestForeign: an account that one source does not have is no gap if another has it.
// Logs of other accounts are not read in vain.
func TestForeign(t *testing.T) {
	t.Parallel()
	one, two, at := t.TempDir(), t.TempDir(), base.Add(time.Hour)
	put(t, one, at, "x", write("e1", "alice", at, memory, ""))
	if err := os.WriteFile(put(t, two, at, "x"), []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(two, "AWSLogs", "o-org1", "111111111111"), filepath.Join(two, "AWSLogs", "o-org1", "222222222222")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		sources []Source
		account string
		gaps    string
	}{
		{"both", []Source{NewFolder(one), NewFolder(two)}, "111111111111", ""},
		{"the other alone", []Source{NewFolder(two)}, "111111111111", "there are no logs of account 111111111111"},
		{"nobody", []Source{NewFolder(one), NewFolder(one)}, "333333333333", "there are no logs of account 333333333333"},
		{"the history does not ask it", []Source{NewFolder(one), NewLookup(nil, nil)}, "111111111111", ""},
		{"nor does the folder have it", []Source{NewFolder(one), NewLookup(nil, nil)}, "333333333333", "account 333333333333 is not asked; add it to attribution.lookup_events"},
	} {
		target := memoryTarget()
		target.Account = c.account
		causes, err := Attribute(t.Context(), c.sources, []*Target{target}, Options{Since: base, Until: base.Add(72 * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(causes[0].Gaps, "; "); !strings.Contains(got, c.gaps) || (got == "") != (c.gaps == "") || strings.Contains(got, "broken") {
			t.Errorf("%s: %s, gaps %s", c.name, causes[0].Summary, got)
		}
	}
}

// Every candidate but those that explain the finding says why it does not.
func TestCandidateNotes(t *testing.T) {
	t.Parallel()
	at := base.Add(time.Hour)
	late := at.Add(time.Minute)
	const other, timeout = `{"functionName":"app","memorySize":128}`, `{"functionName":"app","timeout":9}`
	ours := strings.Replace(write("e2", "bob", late, memory, ""), "aws-cli/2.1", "aws-sdk-go-v2/1.3 app/holdfast", 1)
	for _, c := range []struct {
		name    string
		records []string
		want    string // newest first
	}{
		{"an older one of the same", []string{write("e1", "alice", at, memory, ""), write("e2", "bob", late, memory, "")}, "e2: ; e1: a newer event did the same"},
		{"another attribute", []string{write("e1", "alice", at, memory, ""), write("e2", "bob", late, timeout, "")}, "e2: does not touch what has changed; e1: "},
		{"another value later", []string{write("e1", "alice", at, memory, ""), write("e2", "bob", late, other, "")}, "e2: set something else than what is there now; e1: a newer event did the same"},
		{"another value in the same second", []string{write("e1", "alice", at, memory, ""), write("e2", "bob", at, other, "")}, "e1: ; e2: set something else than what is there now"},
		{"two callers in a second", []string{write("e1", "alice", at, memory, ""), write("e2", "bob", at, memory, "")},
			"e1: two writes in the same second, by user alice (aws-cli) and by user bob (aws-cli); e2: two writes in the same second, by user alice (aws-cli) and by user bob (aws-cli)"},
		{"twice by one caller in a second", []string{write("e1", "alice", at, memory, ""), write("e2", "alice", at, memory, "")}, "e1: another event of the same second explains it better; e2: "},
		{"Holdfast's own", []string{write("e1", "alice", at, memory, ""), ours}, "e2: made by Holdfast itself; e1: a newer event did the same"},
		{"without ids", []string{write("", "alice", at, memory, ""), write("", "bob", late, memory, "")}, ": ; : a newer event did the same"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			put(t, dir, at.Add(5*time.Minute), "x", c.records...)
			var notes []string
			for _, e := range causesIn(t, dir, memoryTarget())[0].Candidates {
				notes = append(notes, e.EventID+": "+e.Note)
			}
			if got := strings.Join(notes, "; "); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// Two people changed two attributes of one object.
func TestCauseOfSeveral(t *testing.T) {
	t.Parallel()
	dir, at := t.TempDir(), base.Add(time.Hour)
	put(t, dir, at, "x", write("e1", "alice", at, memory, ""), write("e2", "bob", at.Add(time.Minute), `{"functionName":"app","timeout":9}`, ""))
	got := causesIn(t, dir, memoryTarget(change{"memory_size", "128", "512"}, change{"timeout", "3", "9"}, change{"handler", `"a"`, `"b"`}))[0]
	want := "changed by user bob (aws-cli) on 2026-11-20 11:01 UTC, UpdateFunctionConfiguration; memory_size by user alice (aws-cli) on 2026-11-20 11:00 UTC, UpdateFunctionConfiguration; unknown for handler"
	if got.Summary != want || fmt.Sprint(got.Unexplained, got.Paths) != "[handler] [timeout]" {
		t.Errorf("got %q, %v, %v", got.Summary, got.Unexplained, got.Paths)
	}
}

// A damaged file is named, what is before the damage counts, and nobody is told
// that nobody did it.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	at := base.Add(time.Hour)
	for name, damage := range map[string]func([]byte) []byte{
		"cut":         func(b []byte) []byte { return b[:len(b)/2] },
		"no end":      func(b []byte) []byte { return b[:len(b)-4] },
		"empty":       func([]byte) []byte { return nil },
		"no gzip":     func([]byte) []byte { return []byte("<html>") },
		"a bit":       func(b []byte) []byte { b[len(b)-6] ^= 1; return b },
		"not records": func([]byte) []byte { return zipped(`{"digest":1}`) },
		"two":         func([]byte) []byte { return zipped(`{"Records":[]}{"Records":[]}`) },
		"a number":    func([]byte) []byte { return zipped(`{"Records":[1]}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := put(t, dir, at, "broken", write("e1", "alice", at, `{"functionName":"other"}`, ""))
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			got := causesIn(t, dir, memoryTarget())[0]
			if len(got.Gaps) != 1 || !strings.Contains(got.Gaps[0], "broken.json.gz") || !strings.Contains(got.Summary, "; the evidence is incomplete") {
				t.Errorf("got %q, %v", got.Summary, got.Gaps)
			}
			put(t, dir, at, "sound", write("e2", "bob", at, memory, ""))
			got = causesIn(t, dir, memoryTarget())[0]
			if got.Actor != "user bob" || got.Confidence != drift.Likely || len(got.Gaps) != 1 {
				t.Errorf("got %q, %s, %v", got.Summary, got.Confidence, got.Gaps)
			}
		})
	}
}

func zipped(text string) []byte {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	_, _ = zip.Write([]byte(text))
	_ = zip.Close()
	return b.Bytes()
}

// Only the days and regions needed are read: everything else is broken here.
func TestWindow(t *testing.T) {
	t.Parallel()
	dir, at := t.TempDir(), base.Add(time.Hour)
	put(t, dir, at, "x", write("e1", "alice", at, memory, ""))
	for _, other := range []string{
		"AWSLogs/o-org1/111111111111/CloudTrail/us-east-1/2026/11/19/111111111111_CloudTrail_us-east-1_20261119T1200Z_x.json.gz",
		"AWSLogs/o-org1/111111111111/CloudTrail/us-east-1/2026/11/20/111111111111_CloudTrail_us-east-1_20261120T0900Z_x.json.gz",
		"AWSLogs/o-org1/111111111111/CloudTrail/us-east-1/2026/11/25/111111111111_CloudTrail_us-east-1_20261125T0900Z_x.json.gz",
		"AWSLogs/o-org1/111111111111/CloudTrail/eu-west-1/2026/11/20/111111111111_CloudTrail_eu-west-1_20261120T1200Z_x.json.gz",
		"AWSLogs/o-org1/222222222222/CloudTrail/us-east-1/2026/11/20/222222222222_CloudTrail_us-east-1_20261120T1200Z_x.json.gz",
		"AWSLogs/o-org1/111111111111/CloudTrail-Digest/us-east-1/2026/11/20/111111111111_CloudTrail-Digest_us-east-1_x.json.gz",
		"AWSLogs/o-org1/111111111111/CloudTrail/us-east-1/2026/11/20/readme.txt",
		"other/111111111111_CloudTrail_us-east-1_20261120T1200Z_x.json.gz",
	} {
		file := filepath.Join(dir, filepath.FromSlash(other))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := causesIn(t, dir, memoryTarget())[0]; got.Actor != "user alice" || len(got.Gaps) != 0 {
		t.Errorf("got %q, %v", got.Summary, got.Gaps)
	}
	for _, missing := range []string{filepath.Join(dir, "nothing"), t.TempDir()} {
		if got := causesIn(t, missing, memoryTarget())[0]; len(got.Gaps) != 1 {
			t.Errorf("%s: got %q, %v", missing, got.Summary, got.Gaps)
		}
	}
	// Copied out of their layout.
	loose := t.TempDir()
	if err := os.WriteFile(filepath.Join(loose, "log.json"), []byte(`{"Records":[`+write("e1", "alice", at, memory, "")+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := causesIn(t, loose, memoryTarget())[0]; got.Actor != "user alice" || len(got.Gaps) != 0 {
		t.Errorf("got %q, %v", got.Summary, got.Gaps)
	}
}
