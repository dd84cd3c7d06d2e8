package detect_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	verdictpkg "holdfast/internal/drift/verdict"
	"holdfast/internal/lab"
	"holdfast/internal/lab/cases"
	"holdfast/internal/provider"
	"holdfast/internal/stack"
)

// TestAgreement makes the changes of cases to copies of an applied stack and
// holds Holdfast's verdict against the one written by hand beforehand. Then it
// holds both against that of `terraform plan`, by the rule of docs/verdict.md.
//
// A plan and a check take seconds of processor time, so changes that have nothing
// to do with each other share one: what is found must be the sum of what the hand
// says of each. So that no change owes its verdict to another, each is checked once
// more in a company of which no two were together before.
// HOLDFAST_AGREEMENT=single gives every change a plan and a check of its own.
func TestAgreement(t *testing.T) {
	t.Parallel()
	batches := cases.Batches(cases.All, os.Getenv("HOLDFAST_AGREEMENT") == "single")
	for _, batch := range batches {
		t.Run(batch.Name(), func(t *testing.T) {
			t.Parallel()
			compareBatch(t, batch, applied(t, batch[0].Stack))
		})
	}
	for _, batch := range cases.Crosswise(batches) {
		t.Run("crosswise "+batch.Name(), func(t *testing.T) {
			t.Parallel()
			compareWithHand(t, batch, applied(t, batch[0].Stack).changed(t, batch...).check(t, detect.Options{}))
		})
	}
}

// planning bounds how many plans are made at a time: each takes all of a core.
var planning = make(chan struct{}, 2)

func (s *appliedStack) plan(t *testing.T, args ...string) *lab.Plan {
	t.Helper()
	planning <- struct{}{}
	defer func() { <-planning }()
	plan, err := s.Plan(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// changed is a copy of the stack with the changes of cases made to it.
func (s *appliedStack) changed(t *testing.T, list ...cases.Case) *appliedStack {
	t.Helper()
	f := s.fork(t)
	if err := cases.Change(t.Context(), f.Stack, f.emulator, list...); err != nil {
		t.Fatal(err)
	}
	return f
}

// compareBatch makes all changes of a batch and holds Holdfast's verdict
// against the hand's and the plan's.
func compareBatch(t *testing.T, b cases.Batch, base *appliedStack) {
	t.Helper()
	s := base.changed(t, b...)
	result := s.check(t, detect.Options{})
	searchCanaries(t, result)
	if len(b) == 1 {
		compareWithHand(t, b, result)
	} else if diff := cmp.Diff(handOf(b...), verdicts(result)); diff != "" { // all else of them is compared crosswise
		t.Errorf("together they are not the sum of the single ones (-hand +holdfast):\n%s", diff)
	}
	plan := s.plan(t)
	compareEngines(t, s, plan, result)
	schemas := base.schemas(t)
	byPlan := driftOf(t, schemas, plan, false)
	if b[0].BeyondPlan != "" {
		if cmp.Equal(byPlan, verdicts(result)) {
			t.Error("terraform plan says the same by now: this case is not beyond it any more")
		}
		byPlan = driftOf(t, schemas, plan, true)
	}
	if diff := cmp.Diff(byPlan, verdicts(result)); diff != "" {
		t.Errorf("terraform plan says otherwise (-plan +holdfast):\n%s", diff)
	}
	if want := b[0].RefreshOnly; want > 0 {
		noise := s.plan(t, "-refresh-only")
		if len(noise.Drift) != want {
			t.Errorf("refresh-only lists %d drifted resources, want %d: the noise that the control is about", len(noise.Drift), want)
		}
		if result.Status != drift.StatusClean {
			t.Errorf("status %s, want clean", result.Status)
		}
	}
}

// compareWithHand holds a result against the verdicts written beforehand.
func compareWithHand(t *testing.T, b cases.Batch, result drift.Stack) {
	t.Helper()
	for _, e := range result.Errors {
		t.Errorf("not checked: %s %s: %s", e.Address, e.Code, e.Message)
	}
	want := handOf(b...)
	if diff := cmp.Diff(want, verdicts(result)); diff != "" {
		t.Errorf("the hand says otherwise (-hand +holdfast):\n%s", diff)
		for _, c := range b {
			t.Logf("%s: %s", c.Name, c.Note)
		}
	}
	if (len(want) > 0) != (result.Status == drift.StatusDrifted) {
		t.Errorf("status %s with %d findings expected", result.Status, len(want))
	}
	compareFindings(t, b, result.Findings)
	for _, c := range b {
		compareObservations(t, "observed", c.Observed, result.Observed)
		compareObservations(t, "adopted", c.Adopted, result.Adopted)
		for _, address := range c.Pending {
			if !slices.ContainsFunc(result.Pending, func(p drift.Pending) bool { return p.Address == address }) {
				t.Errorf("%s is not pending", address)
			}
		}
	}
}

// compareFindings holds what is hidden, what a revert would replace, and how sure
// it is, against the hand.
func compareFindings(t *testing.T, b cases.Batch, findings []drift.Finding) {
	t.Helper()
	hidden, replacing := map[string][]string{}, map[string][]string{}
	for _, c := range b {
		for _, v := range c.Want {
			hidden[v.Address], replacing[v.Address] = sortedCopy(v.Sensitive), sortedCopy(v.Replace)
		}
	}
	for _, f := range findings {
		var sensitive, replace []string
		for _, change := range f.Changes {
			if change.Sensitive {
				sensitive = append(sensitive, change.Path)
				if change.Expected != nil || change.Actual != nil {
					t.Errorf("%s: the value of the sensitive %s is shown", f.Address, change.Path)
				}
			}
			if change.RequiresReplace {
				replace = append(replace, change.Path)
			}
		}
		if !slices.Equal(hidden[f.Address], sortedCopy(sensitive)) {
			t.Errorf("%s: sensitive %v, want %v", f.Address, sensitive, hidden[f.Address])
		}
		if !slices.Equal(replacing[f.Address], sortedCopy(replace)) {
			t.Errorf("%s: a revert replaces for %v, want %v", f.Address, replace, replacing[f.Address])
		}
		if f.Certainty != drift.Certain {
			t.Errorf("%s is only %s: %s", f.Address, f.Certainty, f.Doubt)
		}
	}
}

func compareObservations(t *testing.T, what string, want []cases.Observation, got []drift.Paths) {
	t.Helper()
	for _, w := range want {
		i := slices.IndexFunc(got, func(p drift.Paths) bool { return p.Address == w.Address })
		if i < 0 {
			t.Errorf("%s is not among what is %s", w.Address, what)
			continue
		}
		if diff := cmp.Diff(sortedCopy(w.Paths), sortedCopy(got[i].Paths)); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", what, w.Address, diff)
		}
	}
}

// canary starts every secret that the stacks of the tests hold.
const canary = "not-a-real-"

// searchCanaries looks for secrets in all that a result says.
func searchCanaries(t *testing.T, result drift.Stack) {
	t.Helper()
	out, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.Index(out, []byte(canary)); i >= 0 {
		t.Errorf("a secret is in the result: ...%s", out[max(0, i-80):min(len(out), i+40)])
	}
}

// foundDrift is what all three verdicts come down to.
type foundDrift struct {
	Address, Kind string
	Paths         []string
}

// handOf is what was written by hand of cases.
func handOf(list ...cases.Case) []foundDrift {
	var want []foundDrift
	for _, c := range list {
		for _, v := range c.Want {
			want = append(want, foundDrift{v.Address, v.Kind, sortedCopy(v.Paths)})
		}
	}
	return inOrder(want)
}

func inOrder(list []foundDrift) []foundDrift {
	slices.SortFunc(list, func(a, b foundDrift) int { return strings.Compare(a.Address, b.Address) })
	return list
}

func sortedCopy(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return out
}

func verdicts(result drift.Stack) []foundDrift {
	var out []foundDrift
	for _, f := range result.Findings {
		v := foundDrift{Address: f.Address, Kind: string(f.Kind)}
		for _, change := range f.Changes {
			v.Paths = append(v.Paths, change.Path)
		}
		slices.Sort(v.Paths)
		out = append(out, v)
	}
	return inOrder(out)
}

// driftOf takes the drift out of a plan: deletions in resource_drift, and
// attributes that differ in both the resource_drift and the resource_changes
// entry of an address. A planned value that is unknown counts only where the
// configuration sets the attribute. inWhole leaves out what only the provider's
// configuration changed (see beyondPlan).
func driftOf(t *testing.T, schemas *provider.Schemas, plan *lab.Plan, inWhole bool) []foundDrift {
	t.Helper()
	configured := configuredAttributes(t, plan.Raw)
	var out []foundDrift
	for _, d := range plan.Drift {
		if d.Mode != drift.Managed {
			continue
		}
		if d.Change.After == nil {
			out = append(out, foundDrift{Address: d.Address, Kind: string(drift.Deleted)})
			continue
		}
		change := lab.Find(plan.Changes, d.Address)
		sch, err := schemas.Resource(d.Type)
		if err != nil {
			t.Fatal(err)
		}
		if change == nil || sch == nil || change.Change.After == nil {
			continue
		}
		if paths := inBoth(t, sch.Block, d.Change, change.Change, configured[configAddress(d.Address)], inWhole); len(paths) > 0 {
			out = append(out, foundDrift{d.Address, string(drift.Modified), paths})
		}
	}
	return inOrder(out)
}

func inBoth(t *testing.T, b *schema.Block, drifted, planned lab.Change, configured map[string]bool, inWhole bool) []string {
	t.Helper()
	before, live := value(t, b, drifted.Before, nil), value(t, b, drifted.After, nil)
	after := value(t, b, planned.After, planned.AfterUnknown)
	var wanted []cty.Path
	for _, path := range drift.Diff(live, after) {
		root := path[0].(cty.GetAttrStep).Name
		if drift.ValueAt(after, path).IsWhollyKnown() || configured[root] {
			wanted = append(wanted, path)
		}
	}
	var both []string
	for _, path := range drift.Diff(before, live) {
		related := slices.ContainsFunc(wanted, func(other cty.Path) bool { return drift.Related(path, other) })
		if related && !(inWhole && verdictpkg.SameInWhole(path, before, live)) {
			both = append(both, drift.FormatPath(path))
		}
	}
	slices.Sort(both)
	return both
}

// value reads an object of a plan by its resource type's schema.
func value(t *testing.T, b *schema.Block, object map[string]any, unknown any) cty.Value {
	t.Helper()
	src, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ctyjson.Unmarshal(src, b.ImpliedType())
	if err != nil {
		t.Fatal(err)
	}
	return withUnknown(v, unknown)
}

// withUnknown puts unknown values where after_unknown says true.
func withUnknown(v cty.Value, unknown any) cty.Value {
	switch u := unknown.(type) {
	case bool:
		if u {
			return cty.UnknownVal(v.Type())
		}
	case map[string]any:
		if v.IsNull() || !(v.Type().IsObjectType() || v.Type().IsMapType()) {
			break
		}
		vals := v.AsValueMap()
		for name, inner := range u {
			if elem, ok := vals[name]; ok {
				vals[name] = withUnknown(elem, inner)
			}
		}
		return schema.Named(v.Type(), vals)
	case []any:
		if v.IsNull() || !(v.Type().IsListType() || v.Type().IsSetType()) {
			break
		}
		vals := v.AsValueSlice()
		for i := range vals {
			if i < len(u) {
				vals[i] = withUnknown(vals[i], u[i])
			}
		}
		return schema.Collect(v.Type(), vals)
	}
	return v
}

// configuredAttributes lists the arguments that the source sets, by resource
// without keys.
func configuredAttributes(t *testing.T, raw []byte) map[string]map[string]bool {
	t.Helper()
	var doc struct {
		Configuration struct {
			Root configModule `json:"root_module"`
		} `json:"configuration"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]bool{}
	doc.Configuration.Root.collect("", out)
	return out
}

type configModule struct {
	Resources []struct {
		Address     string                     `json:"address"`
		Expressions map[string]json.RawMessage `json:"expressions"`
	} `json:"resources"`
	Calls map[string]struct {
		Module configModule `json:"module"`
	} `json:"module_calls"`
}

func (m configModule) collect(prefix string, into map[string]map[string]bool) {
	for _, r := range m.Resources {
		set := map[string]bool{}
		for name := range r.Expressions {
			set[name] = true
		}
		into[prefix+r.Address] = set
	}
	for name, call := range m.Calls {
		call.Module.collect(prefix+"module."+name+".", into)
	}
}

// configAddress takes the keys off an address.
func configAddress(address string) string {
	addr, err := drift.ParseAddress(address)
	if err != nil {
		return address
	}
	prefix := ""
	for _, step := range addr.Module {
		prefix += "module." + step.Name + "."
	}
	return prefix + addr.Resource()
}

// appliedStack is a stack that was applied once, for all cases to fork.
type appliedStack struct {
	*lab.Stack
	emulator *lab.Emulator
	extra    []string // environment on top
}

// Env is the stack's environment with what the test adds to it.
func (s *appliedStack) Env() []string { return append(s.Stack.Env(), s.extra...) }

// theBed is what the tests of this package share.
var theBed *lab.Bed

var sources = map[string]string{
	"features":      filepath.Join("testdata", "features"),
	"device-tokens": filepath.Join("..", "..", "examples", "device-tokens"),
	"tiny":          filepath.Join("..", "lab", "testdata", "tiny"),
}

// applied gives the stack of that name, applied to an emulator of its own the
// first time somebody asks.
func applied(t *testing.T, name string) *appliedStack {
	t.Helper()
	a := theBed.Applied(t, sources[name])
	return &appliedStack{Stack: a.Stack, emulator: a.Emulator}
}

// fork gives the test its own copy of the stack and of what it is applied to.
func (s *appliedStack) fork(t *testing.T) *appliedStack {
	t.Helper()
	a, err := (&lab.Applied{Stack: s.Stack, Emulator: s.emulator}).Fork(t.Context(), filepath.Join(t.TempDir(), "stack"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Emulator.Close() })
	return &appliedStack{Stack: a.Stack, emulator: a.Emulator}
}

// manager gives the test a provider manager that shares the schema cache.
func manager(t *testing.T) *provider.Manager {
	t.Helper()
	m := provider.NewManager(provider.Options{CacheDir: theBed.Cache()})
	t.Cleanup(m.Close)
	return m
}

// check checks the stack and makes sure that its state stayed as it was.
func (s *appliedStack) check(t *testing.T, o detect.Options) drift.Stack {
	t.Helper()
	before, err := os.ReadFile(s.StateFile())
	if err != nil {
		t.Fatal(err)
	}
	result := s.checkOnly(t, o)
	after, err := os.ReadFile(s.StateFile())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the check changed the state file")
	}
	return result
}

func (s *appliedStack) checkOnly(t *testing.T, o detect.Options) drift.Stack {
	t.Helper()
	opened, err := stack.Open(s.Dir, stack.Options{Env: s.Env()})
	if err != nil {
		t.Fatal(err)
	}
	return detect.New(manager(t), o).Check(t.Context(), opened)
}

// schemas gives the schemas of the stack's AWS provider.
func (s *appliedStack) schemas(t *testing.T) *provider.Schemas {
	t.Helper()
	lock, err := provider.ReadLock(filepath.Join(s.Dir, provider.LockFile))
	if err != nil {
		t.Fatal(err)
	}
	env := s.Env()
	schemas, err := manager(t).Schemas(t.Context(), provider.Request{
		Source: "registry.terraform.io/hashicorp/aws", Env: env,
		Where: provider.Where{Dir: s.Dir, DataDir: filepath.Join(s.Dir, ".terraform"), Lock: lock, Env: func(name string) string { return stack.Getenv(env, name) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	return schemas
}
