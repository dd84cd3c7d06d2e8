package stack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/drift"
	"holdfast/internal/stack"
)

var waiverDay = time.Date(2026, 11, 25, 13, 0, 0, 0, time.UTC)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

const someWaivers = `# reviewed by the platform team
version: 1
waivers:
  # the launch
  - id: LAUNCH-1
    addresses: [aws_lambda_function.device_token, "module.*.aws_lambda_function.x[*]"]
    stacks: ["live/**/prod"]
    attributes:
      - memory_size
      - {path: timeout, value: 30}   # seconds
    reason: more memory for the launch
    owner: platform@example.com
    ticket: OPS-12
    approved_by: Kim
    from: 2026-11-01
    until: 2027-01-31
`

func TestReadWaivers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), stack.WaiversFile)
	if list, err := stack.ReadWaivers(file, waiverDay); err != nil || list != nil {
		t.Errorf("without a file: %v, %v", list, err)
	}
	if err := os.WriteFile(file, []byte(someWaivers), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := stack.ReadWaivers(file, waiverDay)
	if err != nil {
		t.Fatal(err)
	}
	want := []drift.Waiver{{
		ID: "LAUNCH-1", Addresses: []drift.Pattern{"aws_lambda_function.device_token", "module.*.aws_lambda_function.x[*]"},
		Stacks:     []string{"live/**/prod"},
		Attributes: []drift.WaivedAttribute{{Path: "memory_size"}, {Path: "timeout", Value: []byte("30")}},
		Reason:     "more memory for the launch", Owner: "platform@example.com", Ticket: "OPS-12", ApprovedBy: "Kim",
		From: day("2026-11-01"), Until: day("2027-01-31"), Line: 5,
	}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
}

func TestReadWaiversErrors(t *testing.T) {
	t.Parallel()
	const head = "version: 1\nwaivers:\n"
	const good = "- {id: a, addresses: [x.y], reason: r, owner: o, until: 2026-12-01}\n"
	for src, want := range map[string]string{
		"":                   "waivers.yaml: it is empty",
		"version: 2":         "waivers.yaml:1: version must be 1",
		head + good + good:   "waivers.yaml:4: the id a is that of the waiver in line 3 already",
		head + "- {id: a}":   "waivers.yaml:3: a waiver needs addresses: the resource instances that it is about; a waiver needs a reason; a waiver needs an owner: who answers for the change; a waiver needs until: the last day",
		head + "- {id: a b}": "waivers.yaml:3: a waiver needs an id",
		head + strings.Replace(good, "2026-12-01", "2028-01-01", 1):                         "waivers.yaml:3: waiver a ends more than a year ahead",
		head + strings.Replace(good, "until: ", "from: 2026-01-01, until: ", 1):             "",
		head + strings.Replace(good, "until: ", "from: 2025-01-01, until: ", 1):             "waivers.yaml:3: it lasts for more than a year",
		head + strings.Replace(good, "until: ", "from: 2026-12-02, until: ", 1):             "waivers.yaml:3: until is before from",
		head + strings.Replace(good, "2026-12-01", "soon", 1):                               "waivers.yaml:3: until: write a day as 2027-01-31",
		head + strings.Replace(good, "x.y", "x[", 1):                                        "waivers.yaml:2: no YAML",
		head + strings.Replace(good, "x.y", "\"x.y[\"", 1):                                  "waivers.yaml:3: an entry of addresses: \"x.y[\" is no pattern",
		head + strings.Replace(good, "reason", "raison", 1):                                 "waivers.yaml:3: unknown key \"raison\"",
		head + strings.Replace(good, "reason", "attributes: [{value: 3}], reason", 1):       "waivers.yaml:3: an attribute needs a path",
		head + strings.Replace(good, "reason", "attributes: [{path: a, is: 3}], reason", 1): "waivers.yaml:3: unknown key \"is\"",
		head + strings.Replace(good, "reason", "stacks: ['a['], reason", 1):                 "waivers.yaml:3: \"a[\" is no pattern of stacks",
		head + "  id: x\n": "waivers.yaml:3: ",
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, stack.WaiversFile)
		if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := stack.ReadWaivers(file, waiverDay)
		if want == "" && err == nil {
			continue
		}
		if err == nil || want == "" || !strings.HasPrefix(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""), want) {
			t.Errorf("%s\nerror: %v\n want: %s", src, err, want)
		}
	}
}

// add writes a file with a further waiver, as the command does.
func add(file string, w drift.Waiver) error {
	_, content, err := stack.WithWaivers(file, []drift.Waiver{w}, waiverDay)
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o600)
}

// A waiver is added to whatever is there, which stays as it is, byte for byte.
func TestAddWaiver(t *testing.T) {
	t.Parallel()
	w := drift.Waiver{
		ID: "W-2", Addresses: []drift.Pattern{`aws_s3_bucket.b["a: #b"]`}, Stacks: []string{"live/eu"},
		Attributes: []drift.WaivedAttribute{{Path: `tags["owner"]`, Value: []byte(`"x: y"`)}, {Path: "acl"}},
		Reason:     "it's \"urgent\": see #3\nsecond line", Owner: "yes", Until: day("2026-12-24"),
	}
	for name, before := range map[string]string{
		"no file":                    "",
		"one entry":                  someWaivers,
		"no newline at the end":      strings.TrimSuffix(someWaivers, "\n"),
		"a comment at the end":       someWaivers + "    # the end\n",
		"no indentation":             "version: 1\nwaivers:\n- {id: a, addresses: [x.y], reason: r, owner: o, until: 2026-12-01}\n",
		"an empty list":              "version: 1\n# none yet\nwaivers:\n",
		"lines end as in Windows":    strings.ReplaceAll(someWaivers, "\n", "\r\n"),
		"a block of text at the end": strings.Replace(someWaivers, "until: 2027-01-31", "until: 2027-01-31\n    ticket: |\n      many\n      lines", 1),
	} {
		if name == "a block of text at the end" {
			before = strings.Replace(before, "    ticket: OPS-12\n", "", 1)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), stack.WaiversFile)
			if before != "" {
				if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := add(file, w); err != nil {
				t.Fatal(err)
			}
			after, err := os.ReadFile(file)
			if err != nil || !strings.HasPrefix(string(after), before) {
				t.Fatalf("%v; what was there has changed:\n%s", err, after)
			}
			list, err := stack.ReadWaivers(file, waiverDay)
			if err != nil {
				t.Fatal(err)
			}
			got := list[len(list)-1]
			got.Line = 0
			if diff := cmp.Diff(w, got); diff != "" {
				t.Errorf("%s\n%s", diff, after)
			}
		})
	}
}

// Where nothing can be added, nothing is written.
func TestAddWaiverRefuses(t *testing.T) {
	t.Parallel()
	w := drift.Waiver{ID: "a", Addresses: []drift.Pattern{"x.y"}, Reason: "r", Owner: "o", Until: day("2026-12-24")}
	for name, c := range map[string][2]string{
		"broken":        {"version: 1\nwaivers: [", "no YAML"},
		"the same id":   {"version: 1\nwaivers:\n- {id: a, addresses: [x.y], reason: r, owner: o, until: 2026-12-01}\n", "the id a is that of"},
		"in brackets":   {"version: 1\nwaivers: [{id: b, addresses: [x.y], reason: r, owner: o, until: 2026-12-01}]\n", "one below the other"},
		"not the last":  {"waivers:\n- {id: b, addresses: [x.y], reason: r, owner: o, until: 2026-12-01}\nversion: 1\n", "must be its last key"},
		"a closed file": {"version: 1\nwaivers:\n- {id: b, addresses: [x.y], reason: r, owner: o, until: 2026-12-01}\n...\n", "waivers.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), stack.WaiversFile)
			if err := os.WriteFile(file, []byte(c[0]), 0o600); err != nil {
				t.Fatal(err)
			}
			err := add(file, w)
			if err == nil || !strings.Contains(err.Error(), c[1]) {
				t.Errorf("error %v; want %s", err, c[1])
			}
			if after, err := os.ReadFile(file); err != nil || string(after) != c[0] {
				t.Errorf("%v; it was changed: %s", err, after)
			}
		})
	}
}

// What goes in comes out unchanged, with the new waiver behind it, or nothing is
// written.
func FuzzAddWaiver(f *testing.F) {
	f.Add(someWaivers)
	f.Add("version: 1\nwaivers:\n")
	f.Add("version: 1\nwaivers: ~\n")
	w := drift.Waiver{ID: "new", Addresses: []drift.Pattern{"x.y"}, Reason: "r", Owner: "o", Until: day("2026-12-24")}
	f.Fuzz(func(t *testing.T, src string) {
		file := filepath.Join(t.TempDir(), stack.WaiversFile)
		if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		before, readErr := stack.ReadWaivers(file, waiverDay)
		err := add(file, w)
		out, ioErr := os.ReadFile(file)
		if ioErr != nil {
			t.Fatal(ioErr)
		}
		if err != nil {
			if string(out) != src {
				t.Fatalf("it failed (%v) and wrote %q", err, out)
			}
			return
		}
		after, err := stack.ReadWaivers(file, waiverDay)
		if readErr != nil || err != nil || !strings.HasPrefix(string(out), src) {
			t.Fatalf("%v, %v: %q became %q", readErr, err, src, out)
		}
		if len(after) != len(before)+1 || !cmp.Equal(before, after[:len(before)]) && len(before) > 0 {
			t.Fatalf("%q became %q", src, out)
		}
	})
}
