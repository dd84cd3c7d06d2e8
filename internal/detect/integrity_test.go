package detect_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/provider"
	"holdfast/internal/provider/providertest"
	"holdfast/internal/stack"
	"holdfast/internal/state"
)

// faultsOf are the codes of the faults of a result's state.
func faultsOf(s drift.Stack) []string {
	var codes []string
	for _, f := range s.Integrity {
		codes = append(codes, f.Code)
	}
	return codes
}

// checkState looks at the bench's state alone.
func (b *bench) checkState(t *testing.T, cache string, o detect.Options) drift.Stack {
	t.Helper()
	m := provider.NewManager(provider.Options{CacheDir: cache})
	defer m.Close()
	s, err := stack.Open(b.dir, stack.Options{Env: b.env()})
	if err != nil {
		t.Fatal(err)
	}
	var result drift.Stack
	detect.New(m, o).CheckStates(t.Context(), []stack.Stack{s}, func(_ int, got drift.Stack) { result = got })
	return result
}

func TestStaleLock(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	const held = `{"ID":"8e4c-11","Operation":"OperationTypeApply","Who":"kim@build-7","Created":"2026-03-02T06:00:00Z"}`
	b := newBench(t, providertest.Six, simpleA, aSimple)
	for _, c := range []struct {
		name, lock string
		after      time.Duration
		want       string // in the message; "" for no fault
	}{
		{"nobody holds it", "", 48 * time.Hour, ""},
		{"held for a while", held, 2 * time.Hour, ""},
		{"held for hours", held, 5*time.Hour + time.Minute, "locked for 5 hours, by kim@build-7 since 2026-03-02T06:00:00Z; if nothing of that is running any more, release it with terraform force-unlock 8e4c-11"},
		{"held for days", held, 75 * time.Hour, "locked for 3 days, by kim"},
		{"a plan that was killed", strings.Replace(held, "Apply", "Plan", 1), 3 * time.Hour, "locked for 3 hours"},
		{"by a clock that is ahead", held, -time.Hour, ""},
		{"nobody knows since when", `{"ID":"1","Who":"kim"}`, 48 * time.Hour, ""},
		{"being taken", `{"ID":`, 48 * time.Hour, ""},
		{"nobody knows by whom", `{"Created":"2026-03-02T06:00:00Z"}`, 3 * time.Hour, "locked for 3 hours, since 2026-03-02T06:00:00Z; if nothing of that is running any more, release it as the backend allows"},
	} {
		b.write(t, ".terraform.tfstate.lock.info", c.lock)
		if c.lock == "" {
			if err := os.Remove(filepath.Join(b.dir, ".terraform.tfstate.lock.info")); err != nil {
				t.Fatal(err)
			}
		}
		o := detect.Options{Now: func() time.Time { return created.Add(c.after) }}
		for how, got := range map[string]drift.Stack{"check": b.check(t, o), "state check": b.checkState(t, b.cache, o)} {
			if got.Status != drift.StatusClean && how == "check" {
				t.Errorf("%s: status %s, %+v", c.name, got.Status, got.Errors)
			}
			switch {
			case c.want == "" && len(got.Integrity) > 0, c.want != "" && len(got.Integrity) != 1:
				t.Errorf("%s, %s: %+v", how, c.name, got.Integrity)
			case c.want != "" && (got.Integrity[0].Code != drift.FaultLock || !strings.Contains(got.Integrity[0].Message, c.want)):
				t.Errorf("%s, %s: %+v", how, c.name, got.Integrity[0])
			}
		}
	}
}

// meeting is a source whose lock is not there before the state is asked for, and
// the other way round.
type meeting struct {
	state.Local
	once          sync.Once
	read, locking chan struct{}
}

func (m *meeting) Read(ctx context.Context) ([]byte, error) {
	m.once.Do(func() { close(m.read); <-m.locking })
	return m.Local.Read(ctx)
}

func (m *meeting) Lock(context.Context) (*state.Lock, error) {
	close(m.locking)
	<-m.read
	return nil, errors.New("no lock to be seen")
}

// The lock is read beside the state. One that can't be read costs a check nothing,
// and is said where the state is all that is asked for.
func TestLockBesideState(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Six, simpleA, aSimple)
	source := func(stack.Stack) (state.Source, error) {
		return &meeting{Local: state.Local{Path: filepath.Join(b.dir, "terraform.tfstate")}, read: make(chan struct{}), locking: make(chan struct{})}, nil
	}
	remote := func(s *stack.Stack) { s.StatePath, s.StateNamed = "", true }
	if got := b.checkStack(t, detect.Options{Source: source}, remote); got.Status != drift.StatusClean {
		t.Errorf("status %s, %+v", got.Status, got.Errors)
	}
	m := provider.NewManager(provider.Options{CacheDir: b.cache})
	defer m.Close()
	s, err := stack.Open(b.dir, stack.Options{Env: b.env()})
	if err != nil {
		t.Fatal(err)
	}
	remote(&s)
	detect.New(m, detect.Options{Source: source}).CheckStates(t.Context(), []stack.Stack{s}, func(_ int, got drift.Stack) {
		if !slices.Contains(errorCodes(got), "lock_unreadable") {
			t.Errorf("%+v", got.Errors)
		}
	})
}

// An object of a newer provider is named, also where the state is all that is
// looked at, if the provider's schema is known.
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Six, simpleA, aSimple)
	b.editState(t, func(doc attrs) {
		doc["resources"].([]any)[0].(attrs)["instances"].([]any)[0].(attrs)["schema_version"] = 99
	})
	if got := b.checkState(t, t.TempDir(), detect.Options{}); len(got.Integrity) > 0 || len(b.Calls(t)) > 0 {
		t.Errorf("without a schema: %+v, calls %v", got.Integrity, b.Calls(t))
	}
	got := b.check(t, detect.Options{})
	if !slices.Equal(faultsOf(got), []string{drift.FaultSchema}) || got.Integrity[0].Address != "test_simple.a" || !strings.Contains(got.Integrity[0].Message, "version 99, newer than version 0") {
		t.Errorf("check: %+v", got.Integrity)
	}
	if got.Resources.Unsupported != 1 {
		t.Errorf("counts %+v", got.Resources)
	}
	calls := len(b.Calls(t))
	if got := b.checkState(t, b.cache, detect.Options{}); !slices.Equal(faultsOf(got), []string{drift.FaultSchema}) || len(b.Calls(t)) != calls {
		t.Errorf("with a schema: %+v, calls %v", got.Integrity, b.Calls(t)[calls:])
	}
}

// One in the version of the schema is none of a newer provider.
func TestSameSchema(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Six, `resource "test_upgraded" "a" { name = "n" }`,
		resource{Type: "test_upgraded", Name: "a", Attributes: attrs{"name": "n"}})
	b.editState(t, func(doc attrs) {
		doc["resources"].([]any)[0].(attrs)["instances"].([]any)[0].(attrs)["schema_version"] = 2
	})
	if got := b.check(t, detect.Options{}); len(got.Integrity) > 0 || got.Status != drift.StatusClean {
		t.Errorf("%s, %+v, %+v", got.Status, got.Integrity, got.Errors)
	}
}

// The plan engine knows which Terraform there is.
func TestNewerTerraformThanPlan(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Six, simpleA, aSimple)
	o := planOptions(t)
	if got := b.check(t, o); len(got.Integrity) > 0 || got.Engine != "plan" {
		t.Errorf("%+v, %+v", got.Integrity, got.Errors)
	}
	b.editState(t, func(doc attrs) { doc["terraform_version"] = "99.1.0" })
	got := b.check(t, o)
	if !slices.Equal(faultsOf(got), []string{drift.FaultTerraform}) || !strings.Contains(got.Integrity[0].Message, "Terraform 99.1.0 wrote the state, and the one at hand is 1.") {
		t.Errorf("%+v, %+v", got.Integrity, got.Errors)
	}
	if got := b.check(t, detect.Options{}); len(got.Integrity) > 0 {
		t.Errorf("the direct engine knows of no Terraform, and says %+v", got.Integrity)
	}
	b.write(t, "versions.tf", "terraform {\n  required_version = \"~> 1.5\"\n}\n")
	for name, o := range map[string]detect.Options{"direct": {}, "plan": o} {
		if got := b.check(t, o); !slices.Equal(faultsOf(got), []string{drift.FaultTerraform}) || !strings.Contains(got.Integrity[0].Message, "~> 1.5") {
			t.Errorf("%s: %+v, %+v", name, got.Integrity, got.Errors)
		}
	}
}

// A finding that a fault of the state explains has that for its cause, at both
// addresses of one object.
func TestFindingOfUnsoundState(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Six, `
resource "test_simple" "a" { name = "n" }
resource "test_simple" "b" { name = "n" }
resource "test_simple" "c" { name = "c" }
`, aSimple, resource{Type: "test_simple", Name: "c", Attributes: attrs{"name": "c"}})
	id := ""
	b.editState(t, func(doc attrs) {
		list := doc["resources"].([]any)
		first := list[0].(attrs)
		id = first["instances"].([]any)[0].(attrs)["attributes"].(attrs)["id"].(string)
		second := attrs{"mode": first["mode"], "type": first["type"], "name": "b", "provider": first["provider"], "instances": first["instances"]}
		doc["resources"] = append(list, second)
	})
	b.Delete(t, "test_simple", id)
	b.Delete(t, "test_simple", "c")
	got := b.check(t, detect.Options{})
	causes := map[string]string{}
	for _, f := range got.Findings {
		causes[f.Address] = ""
		if f.Cause != nil {
			causes[f.Address] = string(f.Cause.Class) + " " + f.Cause.Rule
		}
	}
	for address, want := range map[string]string{"test_simple.a": "state-corruption shared_object", "test_simple.b": "state-corruption shared_object", "test_simple.c": ""} {
		if cause, found := causes[address]; !found || cause != want {
			t.Errorf("%s: found %v, cause %q, want %q", address, found, cause, want)
		}
	}
}

// replaced is a source whose state is another one from the second read on than
// the one whose digest was written.
type replaced struct {
	state.Local
	mu    sync.Mutex
	reads int
}

func (r *replaced) Read(ctx context.Context) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reads++; r.reads > 1 {
		return nil, &state.UnsoundError{Code: drift.FaultDigest, Err: errors.New("it is not the state that Terraform wrote last")}
	}
	return r.Local.Read(ctx)
}

// A state that is replaced while it is checked explains what was found.
func TestStateReplacedMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t, providertest.Six, simpleA, aSimple)
	b.Delete(t, "test_simple", "a")
	source := &replaced{Local: state.Local{Path: filepath.Join(b.dir, "terraform.tfstate")}}
	got := b.checkStack(t, detect.Options{Source: func(stack.Stack) (state.Source, error) { return source, nil }},
		func(s *stack.Stack) { s.StatePath, s.StateNamed = "", true })
	if len(got.Findings) != 1 || !slices.Equal(faultsOf(got), []string{drift.FaultDigest}) {
		t.Fatalf("%+v, %+v, %+v", got.Findings, got.Integrity, got.Errors)
	}
	if f := got.Findings[0]; f.Certainty != drift.Possible || f.Cause == nil || f.Cause.Class != drift.CauseState || f.Cause.Rule != drift.FaultDigest {
		t.Errorf("%+v, cause %+v", f, f.Cause)
	}
}
