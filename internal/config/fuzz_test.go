package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
)

// seeds adds the files of every stack and test archive to a corpus.
func seeds(f *testing.F, add func(name, content string)) {
	f.Helper()
	paths, err := filepath.Glob("testdata/stacks/*.txt")
	must(f, err)
	archives := []string{providerArchive, precedenceArchive}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		must(f, err)
		archives = append(archives, string(raw))
	}
	for _, test := range evalCases {
		archives = append(archives, test.archive)
	}
	for _, archive := range archives {
		for name, content := range files(archive) {
			add(name, content)
		}
	}
	for _, test := range decodeCases {
		add("main.tf", "resource \"x\" \"r\" {\n"+test.body+"\n}\n"+decodeVariables)
	}
}

func fuzzName(isJSON bool) string {
	if isJSON {
		return "x.tf.json"
	}
	return "x.tf"
}

// FuzzParse: any file is a module or an error, always the same one.
func FuzzParse(f *testing.F) {
	seeds(f, func(name, content string) { f.Add([]byte(content), strings.HasSuffix(name, ".json"), false) })
	f.Fuzz(func(t *testing.T, src []byte, isJSON, override bool) {
		first, second := parsed(src, fuzzName(isJSON), override), parsed(src, fuzzName(isJSON), override)
		if first != second {
			t.Errorf("parsed once as\n%s\nand then as\n%s", first, second)
		}
	})
}

// parsed describes what a file is parsed as.
func parsed(src []byte, name string, override bool) string {
	m := newModule()
	if override { // of itself
		if err := m.addFile(name, src, false); err != nil {
			return err.Error()
		}
	}
	if err := m.addFile(name, src, override); err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.Variables)) {
		v := *m.Variables[name]
		fmt.Fprintf(&b, "variable %s %#v %v %v\n", name, v.Type, v.Literal, v.Nullable)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Resources)) {
		r := m.Resources[name]
		fmt.Fprintf(&b, "resource %s %v %v %v %s\n", name, r.Range, r.IgnoreAll, len(r.Ignore), r.Provider)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Calls)) {
		fmt.Fprintf(&b, "module %s %s %v\n", name, m.Calls[name].Source, m.Calls[name].Providers)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Locals)) {
		fmt.Fprintf(&b, "local %s %v %s\n", name, m.Locals[name].Range(), m.Quote(m.Locals[name].Range()))
	}
	fmt.Fprintln(&b, slices.Sorted(maps.Keys(m.Outputs)), slices.Sorted(maps.Keys(m.Providers)), m.Required, slices.Sorted(maps.Keys(m.Meta)),
		len(m.Moved), m.Removed, len(m.Imports), m.Backend != nil)
	return b.String()
}

// FuzzVariables: any variables file, and any text of the environment.
func FuzzVariables(f *testing.F) {
	seeds(f, func(name, content string) {
		if strings.Contains(name, "tfvars") {
			f.Add([]byte(content), strings.HasSuffix(name, ".json"), `{ a = [1, "x"] }`)
		}
	})
	untyped := &Variable{Name: "x", Type: cty.DynamicPseudoType, Nullable: true}
	f.Fuzz(func(t *testing.T, src []byte, isJSON bool, text string) {
		name := "x.tfvars"
		if isJSON {
			name += ".json"
		}
		vars := map[string]Assigned{"text": {text: text, from: "the environment"}}
		if err := addVarSource(vars, src, name); err != nil && !strings.Contains(err.Error(), "variables file: ") {
			t.Error(err)
		}
		for _, a := range vars {
			v, err := a.value(untyped)
			if err != nil {
				continue
			}
			accepted, problem := untyped.accept(v)
			if problem != nil || !accepted.RawEquals(v) {
				t.Errorf("%#v became %#v: %v", v, accepted, problem)
			}
		}
	})
}

// FuzzManifest: any list of installed modules.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"Modules":[{"Key":"","Source":"","Dir":"."},{"Key":"m","Source":"a/b/c","Version":"1.0.0","Dir":".terraform/modules/m"}]}`))
	f.Add([]byte(`{"Modules":[{"Key":"m","Dir":"/absolute"},{"Key":"m","Dir":"../../.."}]}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		dirs, err := parseManifest(src)
		if err != nil {
			return
		}
		l := &loader{root: t.TempDir(), installed: dirs}
		for name := range dirs {
			if rel, err := l.find(name, ".", "a/b/c"); err == nil && rel == "" {
				t.Errorf("%q is nowhere, and found", name)
			}
		}
	})
}

// FuzzEvaluate: everything in any module is evaluated, twice to the same
// result, within bounds, and without a mistake that is only caught.
func FuzzEvaluate(f *testing.F) {
	seeds(f, func(name, content string) {
		if strings.HasSuffix(name, ".tf") || strings.HasSuffix(name, ".tf.json") {
			f.Add([]byte(content), strings.HasSuffix(name, ".json"))
		}
	})
	f.Fuzz(func(t *testing.T, src []byte, isJSON bool) {
		m := newModule()
		if err := m.addFile(fuzzName(isJSON), src, false); err != nil {
			return
		}
		m.Dir, m.Rel = t.TempDir(), "."
		first := everything(m)
		if strings.Contains(first, "mistake of Holdfast's") {
			t.Error(first)
		}
		if second := everything(m); first != second && !strings.Contains(first, "larger than what") {
			a, b := strings.Split(first, "\n"), strings.Split(second, "\n")
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Errorf("line %d\n first %s\n then  %s", i, a[i], b[i])
				}
			}
			t.Errorf("%d lines, then %d", len(a), len(b))
		}
	})
}

// everything evaluates all that a module has.
func everything(m *Module) string {
	state := objects{"x.r": cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal("r"), "password": cty.StringVal("p").Mark(Sensitive)})}
	e := NewEvaluator(&Tree{Root: m}, Inputs{Workspace: "default", Values: state})
	e.left = 200_000
	var out []string
	add := func(what string, v cty.Value, problems []Problem) {
		out = append(out, what+" "+show(v)+" "+texts(problems))
	}
	for _, name := range slices.Sorted(maps.Keys(m.Variables)) {
		v, problems := e.root.variable(name)
		add("var."+name, v, problems)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Locals)) {
		v, problems := e.root.local(name)
		add("local."+name, v, problems)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Outputs)) {
		v, problems := e.root.output(name)
		add("output."+name, v, problems)
	}
	addrs := []drift.Address{{Mode: drift.Managed, Type: "x", Name: "r"}}
	for _, name := range slices.Sorted(maps.Keys(m.Resources)) {
		r := m.Resources[name]
		for _, key := range []drift.Key{drift.NoKey, drift.IntKey(0), drift.StringKey("a")} {
			addr := drift.Address{Mode: r.Mode, Type: r.Type, Name: r.Name, Key: key}
			src := e.Source(addr, thing())
			add(addr.String(), src.Value, src.Problems)
			addrs = append(addrs, addr)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Providers)) {
		p := m.Providers[name]
		v, problems, err := e.ProviderConfig(drift.ProviderConfig{Provider: m.ProviderSource(p.Name), Alias: p.Alias}, cloud())
		if err == nil {
			add("provider."+name, v, problems)
		}
	}
	moves, err := e.Moves(addrs)
	if err == nil {
		for _, addr := range addrs {
			out = append(out, moves.Follow(addr).String())
		}
	}
	out = append(out, fmt.Sprint(err), fmt.Sprint(e.PendingImports(func(string) bool { return false })))
	e.SensitiveVariables()
	return strings.Join(out, "\n")
}

// FuzzMoves: whatever moves there are, no two objects end up in one place.
func FuzzMoves(f *testing.F) {
	f.Add("x.a x.b\nx.b x.c[0]\nmodule.m module.n[\"k\"]", "x.a x.b[1] module.m.x.a")
	f.Add("x.a module.m.x.a\nmodule.m module.m[0]\nmodule.m[0].x.a x.c", "x.a module.m[0].x.a module.m.x.b")
	for _, test := range moveCases {
		var pairs []string
		for line := range strings.SplitSeq(test.after, "\n") {
			if from, to, ok := strings.Cut(line, " -> "); ok {
				pairs = append(pairs, strings.ReplaceAll(fullAddress(from)+" "+fullAddress(to), "terraform_data", "x"))
			}
		}
		f.Add(strings.Join(pairs, "\n"), "x.a x.a[0] x.b x.r module.m.x.r module.m[0].x.r")
	}
	f.Fuzz(func(t *testing.T, pairs, state string) {
		var b strings.Builder
		for line := range strings.SplitSeq(pairs, "\n") {
			if from, to, ok := strings.Cut(line, " "); ok {
				fmt.Fprintf(&b, "moved {\n  from = %s\n  to = %s\n}\n", from, to)
			}
		}
		b.WriteString("resource \"x\" \"c\" { count = 1 }\nresource \"x\" \"b\" {}\n")
		m := newModule()
		if m.addFile("x.tf", []byte(b.String()), false) != nil {
			return
		}
		var addrs []drift.Address
		seen := map[string]bool{}
		for word := range strings.FieldsSeq(state) {
			if addr, err := drift.ParseAddress(word); err == nil && !seen[addr.String()] {
				addrs, seen[addr.String()] = append(addrs, addr), true
			}
		}
		moves, err := NewEvaluator(&Tree{Root: m}, Inputs{}).Moves(addrs)
		if err != nil {
			return
		}
		there := map[string]string{}
		for _, addr := range addrs {
			to := moves.Follow(addr).String()
			if other, taken := there[to]; taken {
				t.Errorf("%s and %s are both moved to %s", other, addr, to)
			}
			there[to] = addr.String()
		}
	})
}
