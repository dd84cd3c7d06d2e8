package detect_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	verdictpkg "holdfast/internal/drift/verdict"
	"holdfast/internal/lab"
	"holdfast/internal/provider"
	"holdfast/internal/stack"
)

// TestAgreement makes each change of cases to an applied stack of its own and
// holds Holdfast's verdict against the one written by hand beforehand. Then it
// holds both against that of `terraform plan`, by the rule of docs/verdict.md.
//
// A plan takes seconds of processor time, so changes that have nothing to do
// with each other share one: their findings are the sum of the single ones.
// HOLDFAST_AGREEMENT=single gives every change a plan of its own.
func TestAgreement(t *testing.T) {
	t.Parallel()
	for _, batch := range batches(cases, os.Getenv("HOLDFAST_AGREEMENT") == "single") {
		t.Run(batch.name(), func(t *testing.T) {
			t.Parallel()
			batch.compareWithPlan(t, applied(t, batch[0].stack))
		})
		if len(batch) == 1 {
			continue // compared with the hand too
		}
		for _, c := range batch {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				compareWithHand(t, c, applied(t, c.stack).changed(t, c).check(t, detect.Options{}))
			})
		}
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
func (s *appliedStack) changed(t *testing.T, list ...testCase) *appliedStack {
	t.Helper()
	f := s.fork(t)
	needsInit := false
	for _, c := range list {
		if c.terraform != nil {
			if _, err := f.Run(t.Context(), c.terraform...); err != nil {
				t.Fatal(err)
			}
		}
		for _, call := range c.calls {
			if _, err := f.Call(t.Context(), f.emulator, call); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		for _, edit := range c.edits {
			apply(t, f.Dir, edit)
			needsInit = needsInit || edit.needsInit()
		}
	}
	if needsInit {
		if _, err := f.Run(t.Context(), "init", "-input=false"); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// batch is cases of one stack that share a plan.
type batch []testCase

func (b batch) name() string {
	if len(b) == 1 {
		return b[0].name
	}
	return fmt.Sprintf("together with %s, %d changes", b[0].name, len(b))
}

// maxBatch is how many cases share a plan at the most.
const maxBatch = 16

// batches puts cases together that touch different things. A case that runs
// Terraform, is a control, or touches everything stays alone.
func batches(list []testCase, single bool) []batch {
	var out []batch
	var touched []map[string]bool
	for _, c := range list {
		things := c.things()
		at := len(out)
		for i, b := range out {
			if !single && !c.staysAlone() && !b[0].staysAlone() && b[0].stack == c.stack && len(b) < maxBatch && !overlap(touched[i], things) {
				at = i
				break
			}
		}
		if at == len(out) {
			out, touched = append(out, nil), append(touched, map[string]bool{})
		}
		out[at] = append(out[at], c)
		for thing := range things {
			touched[at][thing] = true
		}
	}
	return out
}

func (c testCase) staysAlone() bool {
	return c.terraform != nil || c.refreshOnly > 0 || c.alone
}

func overlap(a, b map[string]bool) bool {
	for thing := range b {
		if a[thing] {
			return true
		}
	}
	return false
}

var placeholder = regexp.MustCompile(`\$\{([^}]+?)\.[a-z_]+(\[\d+\][^}]*)?\}`)

// things are what a case touches, as far as its text shows: addresses, every
// name that its calls give, and the lines of the source that it replaces.
func (c testCase) things() map[string]bool {
	things := map[string]bool{}
	for _, v := range c.want {
		things[v.address] = true
	}
	for _, o := range slices.Concat(c.observed, c.adopted) {
		things[o.address] = true
	}
	for _, address := range c.pending {
		things[address] = true
	}
	for _, call := range c.calls {
		namesIn(call.Params, things)
	}
	for _, edit := range c.edits {
		for line := range strings.Lines(edit.old) {
			if line = strings.TrimRight(line, " {\n"); len(strings.TrimSpace(line)) > len("lifecycle") {
				things[edit.file+": "+line] = true
			}
		}
	}
	return things
}

func namesIn(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for _, elem := range v {
			namesIn(elem, into)
		}
	case []any:
		for _, elem := range v {
			namesIn(elem, into)
		}
	case string:
		for _, match := range placeholder.FindAllStringSubmatch(v, -1) {
			into[match[1]] = true
		}
		if strings.Contains(v, "atlas") || strings.Contains(v, "photoeditor") {
			into[v] = true
		}
	}
}

// compareWithPlan makes all changes of a batch and holds Holdfast's verdict
// against the hand's and the plan's.
func (b batch) compareWithPlan(t *testing.T, base *appliedStack) {
	t.Helper()
	s := base.changed(t, b...)
	result := s.check(t, detect.Options{})
	searchCanaries(t, result)
	if len(b) == 1 {
		compareWithHand(t, b[0], result)
	} else if diff := cmp.Diff(handOf(b...), verdicts(result)); diff != "" {
		t.Errorf("together they are not the sum of the single ones (-hand +holdfast):\n%s", diff)
	}
	plan := s.plan(t)
	compareEngines(t, s, plan, result)
	schemas := base.schemas(t)
	byPlan := driftOf(t, schemas, plan, false)
	if b[0].beyondPlan != "" {
		if cmp.Equal(byPlan, verdicts(result)) {
			t.Error("terraform plan says the same by now: this case is not beyond it any more")
		}
		byPlan = driftOf(t, schemas, plan, true)
	}
	if diff := cmp.Diff(byPlan, verdicts(result)); diff != "" {
		t.Errorf("terraform plan says otherwise (-plan +holdfast):\n%s", diff)
	}
	if want := b[0].refreshOnly; want > 0 {
		noise := s.plan(t, "-refresh-only")
		if len(noise.Drift) != want {
			t.Errorf("refresh-only lists %d drifted resources, want %d: the noise that the control is about", len(noise.Drift), want)
		}
		if result.Status != drift.StatusClean {
			t.Errorf("status %s, want clean", result.Status)
		}
	}
}

func (e sourceEdit) needsInit() bool { return strings.Contains(e.new+e.text, "source ") }

func apply(t *testing.T, dir string, e sourceEdit) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(e.file))
	src, err := os.ReadFile(path)
	if err != nil && e.text == "" {
		t.Fatal(err)
	}
	switch {
	case e.text != "":
		src = append(src, e.text...)
	case bytes.Count(src, []byte(e.old)) != 1:
		t.Fatalf("%s: %q is not there exactly once", e.file, e.old)
	default:
		src = bytes.Replace(src, []byte(e.old), []byte(e.new), 1)
	}
	if err := os.WriteFile(path, src, 0o644); err != nil {
		t.Fatal(err)
	}
}

// compareWithHand holds a result against the verdict written beforehand.
func compareWithHand(t *testing.T, c testCase, result drift.Stack) {
	t.Helper()
	for _, e := range result.Errors {
		t.Errorf("not checked: %s %s: %s", e.Address, e.Code, e.Message)
	}
	hidden, replacing := map[string][]string{}, map[string][]string{}
	for _, v := range c.want {
		hidden[v.address], replacing[v.address] = sortedCopy(v.sensitive), sortedCopy(v.replace)
	}
	if diff := cmp.Diff(handOf(c), verdicts(result)); diff != "" {
		t.Errorf("the hand says otherwise (-hand +holdfast): %s\n%s", c.note, diff)
	}
	for _, f := range result.Findings {
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
	compareObservations(t, "observed", c.observed, result.Observed)
	compareObservations(t, "adopted", c.adopted, result.Adopted)
	for _, address := range c.pending {
		if !slices.ContainsFunc(result.Pending, func(p drift.Pending) bool { return p.Address == address }) {
			t.Errorf("%s is not pending", address)
		}
	}
	if wantDrift := len(c.want) > 0; wantDrift != (result.Status == drift.StatusDrifted) {
		t.Errorf("status %s with %d findings expected", result.Status, len(c.want))
	}
}

func compareObservations(t *testing.T, what string, want []observation, got []drift.Paths) {
	t.Helper()
	for _, w := range want {
		i := slices.IndexFunc(got, func(p drift.Paths) bool { return p.Address == w.address })
		if i < 0 {
			t.Errorf("%s is not among what is %s", w.address, what)
			continue
		}
		if diff := cmp.Diff(sortedCopy(w.paths), sortedCopy(got[i].Paths)); diff != "" {
			t.Errorf("%s of %s (-want +got):\n%s", what, w.address, diff)
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
func handOf(list ...testCase) []foundDrift {
	var want []foundDrift
	for _, c := range list {
		for _, v := range c.want {
			want = append(want, foundDrift{v.address, v.kind, sortedCopy(v.paths)})
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

// bed is what the tests of this package share: applied stacks, a schema cache,
// and folders that live as long as the test binary.
type bed struct {
	tools lab.Tools
	dir   string

	mu     sync.Mutex
	stacks map[string]func() (*appliedStack, error)
	ends   []func()
}

var theBed = &bed{stacks: map[string]func() (*appliedStack, error){}}

var sources = map[string]string{
	"features":      filepath.Join("testdata", "features"),
	"device-tokens": filepath.Join("..", "..", "examples", "device-tokens"),
	"tiny":          filepath.Join("..", "lab", "testdata", "tiny"),
}

// applied gives the stack of that name, applied to an emulator of its own the
// first time somebody asks.
func applied(t *testing.T, name string) *appliedStack {
	t.Helper()
	tools := lab.Need(t)
	theBed.mu.Lock()
	get := theBed.stacks[name]
	if get == nil {
		theBed.tools = tools
		get = sync.OnceValues(func() (*appliedStack, error) { return theBed.apply(name) })
		theBed.stacks[name] = get
	}
	theBed.mu.Unlock()
	s, err := get()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (b *bed) apply(name string) (*appliedStack, error) {
	ctx := context.Background()
	emulator, err := lab.Start(ctx, b.tools)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.ends = append(b.ends, func() { emulator.Close() })
	b.mu.Unlock()
	s, err := lab.NewStack(ctx, b.tools, emulator, sources[name], filepath.Join(b.dir, name))
	if err != nil {
		return nil, err
	}
	return &appliedStack{Stack: s, emulator: emulator}, s.Apply(ctx)
}

// fork gives the test its own copy of the stack and of what it is applied to.
func (s *appliedStack) fork(t *testing.T) *appliedStack {
	t.Helper()
	emulator, err := s.emulator.Fork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { emulator.Close() })
	clone, err := s.Clone(filepath.Join(t.TempDir(), "stack"), emulator)
	if err != nil {
		t.Fatal(err)
	}
	return &appliedStack{Stack: clone, emulator: emulator}
}

// manager gives the test a provider manager that shares the schema cache.
func manager(t *testing.T) *provider.Manager {
	t.Helper()
	m := provider.NewManager(provider.Options{CacheDir: filepath.Join(theBed.dir, "cache")})
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
