package detect_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/lab/cases"
	"holdfast/internal/state"
)

// TestVerifyCommand runs `holdfast verify`, the program, on both stacks of the
// tests: as they were applied, and with the changes of as many cases as go
// together. Both engines say the same of every resource, and find what the hand
// wrote down beforehand.
func TestVerifyCommand(t *testing.T) {
	t.Parallel()
	lab.Need(t) // before anything is built
	program := buildProgram(t)
	for name, types := range map[string]int{"features": 30, "device-tokens": 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := applied(t, name)
			if n := countTypes(t, base); n < types {
				t.Fatalf("the stack has %d resource types, too few to say something: %d are wanted", n, types)
			}
			for what, changes := range map[string]cases.Batch{"as applied": nil, "changed": largestBatch(name)} {
				t.Run(what, func(t *testing.T) {
					t.Parallel()
					base.changed(t, changes...).verify(t, program, len(handOf(changes...)))
				})
			}
		})
	}
}

// verify runs the command and expects full agreement on so many findings.
func (s *appliedStack) verify(t *testing.T, program string, findings int) {
	t.Helper()
	before, err := os.ReadFile(s.StateFile())
	if err != nil {
		t.Fatal(err)
	}
	v := s.runVerify(t, program)
	if len(v.Stacks) != 1 {
		t.Fatalf("%d stacks", len(v.Stacks))
	}
	got := v.Stacks[0]
	for _, d := range got.Disagreements {
		t.Errorf("%s of %s: direct %+v, plan %+v", d.About, d.Address, d.Direct, d.Plan)
	}
	t.Logf("%d of %d resources agree, %d findings, ratio %.1f", got.Agreeing, got.Resources, got.Direct.Findings, got.Ratio)
	if !v.Agree || got.Resources == 0 || got.Agreeing != got.Resources {
		t.Errorf("%d of %d resources agree", got.Agreeing, got.Resources)
	}
	for engine, side := range map[string]drift.Side{"direct": got.Direct, "plan": got.Plan} {
		if side.Findings != findings || len(side.Errors) > 0 {
			t.Errorf("%s: %d findings, want %d: %+v", engine, side.Findings, findings, side)
		}
	}
	if after, err := os.ReadFile(s.StateFile()); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the state was written to, %v", err)
	}
}

func (s *appliedStack) runVerify(t *testing.T, program string) drift.Verification {
	t.Helper()
	planning <- struct{}{}
	defer func() { <-planning }()
	cmd := exec.CommandContext(t.Context(), program, "verify", "--format", "json", s.Dir)
	cmd.Env = append(s.Env(), "HOLDFAST_TERRAFORM="+lab.Need(t).Terraform, "HOLDFAST_CACHE_DIR="+theBed.Cache())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var v drift.Verification
	if decodeErr := json.Unmarshal(stdout.Bytes(), &v); decodeErr != nil {
		t.Fatalf("no result (%v): %s%s", errors.Join(err, decodeErr), &stdout, &stderr)
	}
	if err != nil {
		t.Errorf("it ended with %v", err)
	}
	if strings.Contains(stdout.String()+stderr.String(), canary) {
		t.Error("a secret is in the output")
	}
	return v
}

// buildProgram builds the program as it is released.
func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "holdfast")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "holdfast/cmd/holdfast").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

// countTypes counts the resource types in a stack's state.
func countTypes(t *testing.T, s *appliedStack) int {
	t.Helper()
	src, err := os.ReadFile(s.StateFile())
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := state.Decode(src)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for _, inst := range decoded.Instances {
		if inst.Address.Mode == drift.Managed {
			types[inst.Address.Type] = true
		}
	}
	return len(types)
}

// largestBatch is the most changes to a stack that TestAgreement makes at once.
func largestBatch(name string) cases.Batch {
	var largest cases.Batch
	for _, b := range cases.Batches(cases.All, false) {
		if b[0].Stack == name && b[0].BeyondPlan == "" && len(b) > len(largest) {
			largest = b
		}
	}
	return largest
}
