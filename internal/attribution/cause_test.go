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
			if len(got.Gaps) != 1 || !strings.Contains(got.Gaps[0], "broken.json.gz") || !strings.Contains(got.Summary, "the evidence is incomplete (") {
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
