// Package arch_test holds the rules of the repository that no compiler checks:
// which package may import which, and what no committed file may contain. The
// rules are tables; docs/architecture.md explains them.
package arch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "holdfast"

// layers are the parts of the program from top to bottom. A part may import
// parts of lower layers and itself, never one of its own layer. A part is its
// folder with all below it.
var layers = [][]string{
	{"cmd/holdfast"},
	{"internal/cli"},
	{"internal/app"},
	{"internal/server", "internal/queue"},
	{"internal/detect", "internal/resolve"},
	{
		"internal/stack", "internal/config", "internal/state", "internal/provider", "internal/terraform",
		"internal/attribution", "internal/report", "internal/alert", "internal/store", "internal/checkout",
	},
	{"internal/drift"},
}

// lab is the test bed. Tests import it, and its own commands (package main below
// it), which in turn may import all that a test may. Nothing else does.
const lab = "internal/lab"

// labMayImport is what the test bed itself stands on: little, so that the tests
// of every package can use it without an import cycle.
var labMayImport = []string{"internal/drift"}

// helpsTests reports whether a package is there for tests alone, by its name: a
// test provider, a generator of values. Only tests, the lab's commands and other
// such packages import one.
func helpsTests(folder string) bool { return strings.HasSuffix(folder, "test") }

// private are packages that not all above them may import: only the listed
// parts. The tests of those parts may too.
var private = map[string][]string{
	"internal/config/funcs":    {"internal/config"},
	"internal/provider/plugin": {"internal/provider"},

	// It can run any command, apply among them; terraform has only those that read.
	"internal/terraform/program": {"internal/terraform", "internal/resolve"},
}

// outside are packages of others that only one part may import, so that what
// they can do is in one place.
var outside = map[string]string{
	"github.com/riverqueue/river":    "internal/queue",
	"github.com/hashicorp/go-plugin": "internal/provider",
	"google.golang.org/grpc":         "internal/provider",
	"google.golang.org/protobuf":     "internal/provider",
	"github.com/coreos/go-oidc":      "internal/server",
	"github.com/danielgtaylor/huma":  "internal/server",
	"github.com/prometheus":          "internal/server",
	"go.opentelemetry.io/otel":       "internal/server",
	"github.com/spf13/cobra":         "internal/cli",
	"github.com/spf13/pflag":         "internal/cli",
	"github.com/Azure":               "internal/state",
	"github.com/pressly/goose":       "internal/store",
	"github.com/jackc/pgx":           "internal/store",
	"modernc.org/sqlite":             "internal/store",

	"github.com/nicholas-fedor/shoutrrr": "internal/alert",

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail": "internal/attribution",
}

// never are pairs of which the first must not reach the second, over any number
// of imports: a check can't change anything.
var never = map[string][]string{
	"internal/detect": {"internal/resolve", "internal/queue", "internal/server"},
	"internal/drift":  {"os/exec", "net", "net/http", "database/sql"},
	"cmd/holdfast": {
		lab, "github.com/hashicorp/terraform-plugin-go",
		// Servers and clients that tests alone use, with all that they bring along.
		"github.com/fsouza/fake-gcs-server", "cloud.google.com/go/storage", "github.com/hashicorp/go-tfe",
		"github.com/chromedp", "github.com/yuin/goldmark",
	},
}

// pure is the part that does no input or output, and what it therefore does not
// import itself.
const pure = "internal/drift"

var impure = []string{"os", "io/fs", "io/ioutil", "net", "syscall", "log", "path/filepath", "database/sql"}

// systems are those that releases are built for: a file of another system must
// keep the rules too.
var systems = []string{"linux", "darwin", "windows"}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, system := range systems {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			packages := list(t, system)
			if len(packages) < 10 {
				t.Fatalf("go list found %d packages of ours; is the module's name still %q?", len(packages), module)
			}
			for _, p := range packages {
				for _, fault := range p.faults() {
					t.Errorf("%s %s", p.ImportPath, fault)
				}
			}
		})
	}
}

// TestRulesBite breaks every rule and sees it noticed, so that a mistake in the
// tables above can't make all of them pass.
func TestRulesBite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		p    pkg
		want string // in a fault; empty: none
	}{
		{"down", pkg{ImportPath: "internal/cli", Imports: []string{"internal/app"}}, ""},
		{"down, past layers", pkg{ImportPath: "internal/app", Imports: []string{"internal/drift"}}, ""},
		{"inside a part", pkg{ImportPath: "internal/drift/verdict", Imports: []string{"internal/drift/schema"}}, ""},
		{"a subpackage up", pkg{ImportPath: "internal/drift/schema", Imports: []string{"internal/config"}}, "layer"},
		{"up", pkg{ImportPath: "internal/drift", Imports: []string{"internal/stack"}}, "layer"},
		{"sideways", pkg{ImportPath: "internal/state", Imports: []string{"internal/config"}}, "layer"},
		{"detect to resolve", pkg{ImportPath: "internal/detect", Imports: []string{"internal/resolve"}}, "layer"},
		{"detect reaches resolve", pkg{ImportPath: "internal/detect", Deps: []string{"internal/resolve"}}, "reaches"},
		{"a subpackage of detect", pkg{ImportPath: "internal/detect/plan", Deps: []string{"internal/resolve/apply"}}, "reaches"},
		{"a test up", pkg{ImportPath: "internal/state", TestImports: []string{"internal/app"}}, "layer"},
		{"an outer test up", pkg{ImportPath: "internal/state", XTestImports: []string{"internal/app"}}, "layer"},
		{"lab in a test", pkg{ImportPath: "internal/detect", TestImports: []string{"internal/lab"}}, ""},
		{"lab in an outer test", pkg{ImportPath: "internal/detect", XTestImports: []string{"internal/lab"}}, ""},
		{"lab in the program", pkg{ImportPath: "internal/detect", Imports: []string{"internal/lab"}}, "lab"},
		{"test support in the program", pkg{ImportPath: "internal/provider", Imports: []string{"internal/provider/providertest"}}, "only tests"},
		{"test support in a test", pkg{ImportPath: "internal/provider", XTestImports: []string{"internal/provider/providertest"}}, ""},
		{"a test's helper in a test", pkg{ImportPath: "internal/detect", XTestImports: []string{"internal/provider/providertest"}}, ""},
		{"a test's helper in the program", pkg{ImportPath: "internal/detect", Imports: []string{"internal/provider/providertest"}}, "only tests"},
		{"a test's helper in another", pkg{ImportPath: "internal/drift/verdict/verdicttest", Imports: []string{"internal/drift/schema/schematest"}}, ""},
		{"the program with a test's helper", pkg{ImportPath: "cmd/holdfast", Deps: []string{"internal/lab"}}, "reaches"},
		{"lab below lab", pkg{ImportPath: "internal/lab/demo", Name: "main", Imports: []string{"internal/lab", "internal/app"}}, ""},
		{"lab and the program", pkg{ImportPath: "internal/lab", Imports: []string{"internal/app"}}, "lab"},
		{"a lab library and the program", pkg{ImportPath: "internal/lab/bed", Name: "bed", Imports: []string{"internal/app"}}, "lab"},
		{"lab and the words", pkg{ImportPath: "internal/lab", Imports: []string{"internal/drift"}}, ""},
		{"private", pkg{ImportPath: "internal/detect", Imports: []string{"internal/config/funcs"}}, "belongs to"},
		{"private to its owner", pkg{ImportPath: "internal/config", Imports: []string{"internal/config/funcs"}}, ""},
		{"a check that could run terraform apply", pkg{ImportPath: "internal/detect", Imports: []string{"internal/terraform/program"}}, "belongs to"},
		{"what may run terraform apply", pkg{ImportPath: "internal/resolve", Imports: []string{"internal/terraform/program"}}, ""},
		{"outside", pkg{ImportPath: "internal/server", Imports: []string{"github.com/riverqueue/river/rivertype"}}, "belongs to"},
		{"outside to its owner", pkg{ImportPath: "internal/queue", Imports: []string{"github.com/riverqueue/river"}}, ""},
		{"pure", pkg{ImportPath: "internal/drift/verdict", Imports: []string{"os"}}, "input or output"},
		{"pure at depth", pkg{ImportPath: "internal/drift", Deps: []string{"net/http"}}, "reaches"},
		{"unknown", pkg{ImportPath: "internal/misc"}, "table"},
		{"a similar name", pkg{ImportPath: "internal/driftwood"}, "table"},
		{"this", pkg{ImportPath: "internal/arch"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(c.p.qualified().faults(), "\n")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("faults %q, want %q in them", got, c.want)
			}
		})
	}
}

// qualified puts the module before the paths of the repository.
func (p pkg) qualified() pkg {
	add := func(paths []string) []string {
		out := slices.Clone(paths)
		for i, path := range out {
			if strings.HasPrefix(path, "internal/") || strings.HasPrefix(path, "cmd/") {
				out[i] = module + "/" + path
			}
		}
		return out
	}
	p.ImportPath = module + "/" + p.ImportPath
	p.Imports, p.TestImports, p.XTestImports, p.Deps = add(p.Imports), add(p.TestImports), add(p.XTestImports), add(p.Deps)
	return p
}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath, Name                         string
	Imports, TestImports, XTestImports, Deps []string
}

// list gives the packages of this module as one system sees them.
func list(t *testing.T, system string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Name,Imports,TestImports,XTestImports,Deps", "./...")
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	var packages []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if _, ours := inModule(p.ImportPath); ours {
			packages = append(packages, p)
		}
	}
	return packages
}

// inModule gives the folder of one of our packages.
func inModule(importPath string) (folder string, ours bool) {
	return strings.CutPrefix(importPath, module+"/")
}

// faults says which rules a package breaks.
func (p pkg) faults() []string {
	var faults []string
	folder, _ := inModule(p.ImportPath)
	if _, _, known := partOf(folder); !known && !within(folder, lab) && folder != "internal/arch" {
		faults = append(faults, "is in no layer; put it into the table of internal/arch, .golangci.yml and docs/architecture.md")
	}
	for _, imported := range p.Imports {
		faults = append(faults, p.importFaults(folder, imported)...)
	}
	for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
		if target, ours := inModule(imported); ours && !within(target, lab) {
			faults = append(faults, p.layerFaults(folder, target)...)
		}
	}
	for from, targets := range never {
		for _, dep := range p.Deps {
			reached, _ := inModule(dep)
			if within(folder, from) && slices.ContainsFunc(targets, func(target string) bool { return dep == target || within(reached, target) }) {
				faults = append(faults, fmt.Sprintf("reaches %s, which %s must never", dep, from))
			}
		}
	}
	slices.Sort(faults)
	return slices.Compact(faults)
}

func (p pkg) importFaults(folder, imported string) []string {
	target, ours := inModule(imported)
	if ours {
		return append(p.layerFaults(folder, target), p.bedFaults(folder, target)...)
	}
	if within(folder, pure) && slices.Contains(impure, imported) {
		return []string{fmt.Sprintf("imports %s, but does no input or output", imported)}
	}
	for theirs, owner := range outside {
		if within(imported, theirs) && !within(folder, owner) && !within(folder, lab) {
			return []string{fmt.Sprintf("imports %s, which belongs to %s", imported, owner)}
		}
	}
	return nil
}

// layerFaults says whether one folder of ours may import another.
func (p pkg) layerFaults(folder, target string) []string {
	if within(folder, lab) || folder == "internal/arch" {
		return nil
	}
	fromPart, from, known := partOf(folder)
	toPart, to, knownTarget := partOf(target)
	if known && knownTarget && fromPart != toPart && from >= to {
		return []string{fmt.Sprintf("imports %s, which is not in a lower layer", target)}
	}
	for inner, users := range private {
		allowed := within(folder, inner) || slices.ContainsFunc(users, func(user string) bool { return within(folder, user) })
		if within(target, inner) && !allowed {
			return []string{fmt.Sprintf("imports %s, which belongs to %s", target, strings.Join(users, ", "))}
		}
	}
	return nil
}

func (p pkg) bedFaults(folder, target string) []string {
	switch {
	case helpsTests(target) && !helpsTests(folder) && !within(folder, lab):
		return []string{"imports " + target + "; only tests may"}
	case !within(folder, lab) && within(target, lab):
		return []string{"imports " + target + "; only tests and the lab's own commands may"}
	case within(folder, lab) && p.Name != "main" && !within(target, lab) &&
		!slices.ContainsFunc(labMayImport, func(allowed string) bool { return within(target, allowed) }):
		return []string{"imports " + target + "; the lab itself stands on " + strings.Join(labMayImport, ", ") + " alone"}
	}
	return nil
}

// partOf finds a folder in the layers; 0 is the topmost.
func partOf(folder string) (part string, layer int, known bool) {
	for layer, parts := range layers {
		for _, part := range parts {
			if within(folder, part) {
				return part, layer, true
			}
		}
	}
	return "", 0, false
}

// within reports whether a path is another or below it.
func within(p, parent string) bool {
	return p == parent || strings.HasPrefix(p, path.Clean(parent)+"/")
}
