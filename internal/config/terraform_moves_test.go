package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/drift"
)

// moveCases are modules as they were applied, and as they are now. Files of
// modules inside are the same before and after unless given twice. In them,
// "resource NAME" stands for a terraform_data resource, and "FROM -> TO" for a
// moved block; addresses in it are without the type.
var moveCases = map[string]struct{ before, after string }{
	"rename":                {"resource a", "resource b\na -> b"},
	"rename_counted":        {"resource a count 2", "resource b count 2\na -> b"},
	"rename_each":           {"resource a each x y", "resource b each x z\na -> b"},
	"to_key":                {"resource a", "resource b each k l\na -> b[\"k\"]"},
	"from_key":              {"resource a each k l", "resource b\na[\"k\"] -> b"},
	"index_to_key":          {"resource a count 2", "resource a each x y\na[0] -> a[\"x\"]\na[1] -> a[\"y\"]"},
	"key_to_index":          {"resource a each x y", "resource a count 2\na[\"x\"] -> a[1]\na[\"y\"] -> a[0]"},
	"shift":                 {"resource a count 2", "resource a each x\na[0] -> b[0]\na[1] -> a[\"x\"]"},
	"chain":                 {"resource a", "resource c\na -> b\nb -> c"},
	"chain_backwards":       {"resource a", "resource c\nb -> c\na -> b"},
	"chain_of_four":         {"resource a", "resource e\nd -> e\nb -> c\na -> b\nc -> d"},
	"chain_half_way":        {"resource b", "resource c\na -> b\nb -> c"},
	"chain_both":            {"resource a\nresource b", "resource c\na -> b\nb -> c"},
	"chain_of_keys":         {"resource a", "resource a each z\na -> a[0]\na[0] -> a[\"x\"]\na[\"x\"] -> a[\"z\"]"},
	"occupied":              {"resource a\nresource b", "resource b\na -> b"},
	"occupied_instance":     {"resource a\nresource b count 2", "resource b count 3\na -> b[1]"},
	"free_instance":         {"resource a\nresource b count 2", "resource b count 3\na -> b[2]"},
	"occupied_as_a_whole":   {"resource a each x\nresource b each y", "resource b each x y\na -> b"},
	"whole_then_instance":   {"resource a count 2", "resource b each k\nresource c\na -> b\nb[0] -> c\nb[1] -> b[\"k\"]"},
	"instance_then_whole":   {"resource a", "resource c each k\na -> b[\"k\"]\nb -> c"},
	"count_added":           {"resource a", "resource a count 2"},
	"count_added_zero":      {"resource a", "resource a count 0"},
	"count_removed":         {"resource a count 2", "resource a"},
	"count_to_each":         {"resource a count 1", "resource a each x"},
	"each_added":            {"resource a", "resource a each x"},
	"each_to_count":         {"resource a each x", "resource a count 1"},
	"count_added_and_named": {"resource a", "resource a count 2\na -> a[1]"},
	"count_added_to_named":  {"resource a\nresource b count 1", "resource a count 2\nb[0] -> a[1]"},
	"renamed_and_counted":   {"resource a", "resource b count 1\na -> b"},
	"renamed_to_zero":       {"resource a", "resource b count 1\na -> b[0]"},
	"counted_to_single":     {"resource a count 1", "resource b\na -> b"},
	"into_module":           {"resource a", "module m in\na -> module.m.r\n-- in --\nresource r"},
	"into_module_instance":  {"resource a count 2", "module m each k l in\na[1] -> module.m[\"k\"].r\n-- in --\nresource r"},
	"out_of_module":         {"module m in\n-- in --\nresource r count 2", "resource a each x y\nmodule.m.r[0] -> a[\"y\"]\nmodule.m.r[1] -> a[\"x\"]"},
	"out_whole":             {"module m each k in\n-- in --\nresource r count 2", "resource a count 2\nmodule.m[\"k\"].r -> a"},
	"module_renamed":        {"module m in\n-- in --\nresource r count 2\nmodule deep ../deep\n-- deep --\nresource d", "module n in\nmodule.m -> module.n\n-- in --\nresource r count 2\nmodule deep ../deep\n-- deep --\nresource d"},
	"modules_renamed":       {"module m each k l in\n-- in --\nresource r", "module n each k l in\nmodule.m -> module.n\n-- in --\nresource r"},
	"module_to_key":         {"module m in\n-- in --\nresource r", "module n each k in\nmodule.m -> module.n[\"k\"]\n-- in --\nresource r"},
	"module_to_zero":        {"module m in\n-- in --\nresource r", "module m count 2 in\nmodule.m -> module.m[0]\n-- in --\nresource r"},
	"module_index_to_key":   {"module m count 2 in\n-- in --\nresource r", "module m each x y in\nmodule.m[0] -> module.m[\"x\"]\nmodule.m[1] -> module.m[\"y\"]\n-- in --\nresource r"},
	"module_counted":        {"module m in\n-- in --\nresource r", "module m count 1 in\n-- in --\nresource r"},
	"module_uncounted":      {"module m count 1 in\n-- in --\nresource r", "module m in\n-- in --\nresource r"},
	"module_occupied":       {"module m in\nmodule n in\n-- in --\nresource r", "module n in\nmodule.m -> module.n\n-- in --\nresource r"},
	"module_half_occupied":  {"module m in\nmodule n flat\n-- in --\nresource r\nmodule deep ../flat\n-- flat --\nresource f", "module n in\nmodule.m -> module.n\n-- in --\nresource r\nmodule deep ../flat\n-- flat --\nresource f"},
	"module_chain":          {"module m in\n-- in --\nresource r", "module o each k in\nmodule.m -> module.n\nmodule.n -> module.o[\"k\"]\n-- in --\nresource r"},
	"module_of_module":      {"module m in\n-- in --\nmodule deep ../deep\n-- deep --\nresource d", "module out deep\nmodule.m.module.deep -> module.out\n-- deep --\nresource d"},
	"module_and_resource":   {"module m in\n-- in --\nresource r", "module n in\nmodule.m -> module.n\n-- in --\nresource s\nr -> s"},
	"resource_and_module":   {"resource a", "module n each k in\na -> module.m.r\nmodule.m -> module.n[\"k\"]\n-- in --\nresource r"},
	"from_moved_module":     {"module m in\n-- in --\nresource r", "resource a\nmodule.m -> module.n\nmodule.n.r -> a"},
	"inside_instances":      {"module m each k l in\n-- in --\nresource r count 2", "module m each k l in\n-- in --\nresource s each x y\nr[0] -> s[\"x\"]\nr[1] -> s[\"y\"]"},
	"inside_and_implied":    {"module m each k l in\n-- in --\nresource r\nresource s", "module m each k l in\n-- in --\nresource r count 1\nresource s count 1\ns -> s[0]"},
	"inside_two_levels":     {"module m each k in\n-- in --\nresource r\nmodule deep count 2 ../deep\n-- deep --\nresource d", "module m each k in\n-- in --\nresource r\nmodule deeper count 2 ../deep\nmodule.deep -> module.deeper\n-- deep --\nresource e\nd -> e"},
	"reindexed_with_inner":  {"module m in\n-- in --\nresource r", "module m each k in\nmodule.m -> module.m[\"k\"]\n-- in --\nresource s count 1\nr -> s[0]"},
	"reindexed_and_implied": {"module m in\n-- in --\nresource r", "module m each k in\nmodule.m -> module.m[\"k\"]\n-- in --\nresource r count 1"},
	"nothing_to_move":       {"resource z", "resource z\na -> b\nmodule.m -> module.n\nmodule.q.r -> c"},
}

// moveErrors are moves that Terraform refuses.
var moveErrors = map[string]struct{ before, after string }{
	"cycle":                 {"resource a", "resource c\na -> b\nb -> a"},
	"cycle_of_three":        {"resource a", "resource c\na -> b\nb -> c\nc -> a"},
	"two_targets":           {"resource a", "resource c\na -> b\na -> c"},
	"two_sources":           {"resource a", "resource c\na -> c\nb -> c"},
	"still_declared":        {"resource a", "resource a\nresource b\na -> b"},
	"module_still_declared": {"module m in\n-- in --\nresource r", "module m in\nmodule n in\nmodule.m -> module.n\n-- in --\nresource r"},
	"to_itself":             {"resource a", "resource a\na -> a"},
	"mixed":                 {"resource a", "module m in\na -> module.m\n-- in --\nresource r"},
}

// moveModule turns the short form of a case into files below a folder.
func moveModule(t *testing.T, dir, short string) {
	t.Helper()
	var b strings.Builder
	file := "main.tf"
	flush := func() {
		path := filepath.Join(dir, file)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(b.String()), 0o600))
		b.Reset()
	}
	for line := range strings.SplitSeq(short, "\n") {
		words := strings.Fields(line)
		switch {
		case words[0] == "--":
			flush()
			file = filepath.Join(words[1], "main.tf")
		case words[0] == "resource":
			fmt.Fprintf(&b, "resource \"terraform_data\" %q {\n%s}\n", words[1], repeat(words[2:]))
		case words[0] == "module":
			source := words[len(words)-1]
			if !strings.HasPrefix(source, "..") {
				source = "./" + source
			}
			fmt.Fprintf(&b, "module %q {\n  source = %q\n%s}\n", words[1], source, repeat(words[2:len(words)-1]))
		case words[1] == "->":
			fmt.Fprintf(&b, "moved {\n  from = %s\n  to   = %s\n}\n", fullAddress(words[0]), fullAddress(words[2]))
		}
	}
	flush()
}

// repeat writes count or for_each.
func repeat(words []string) string {
	switch {
	case len(words) == 0:
		return ""
	case words[0] == "count":
		return "  count = " + words[1] + "\n"
	}
	return fmt.Sprintf("  for_each = toset([\"%s\"])\n", strings.Join(words[1:], `", "`))
}

// fullAddress puts the type before the name of a resource.
func fullAddress(s string) string {
	prefix, rest := "", s
	for strings.HasPrefix(rest, "module.") {
		end := strings.Index(rest[len("module."):], ".")
		if end < 0 {
			return s
		}
		end += len("module.") + 1
		prefix, rest = prefix+rest[:end], rest[end:]
	}
	return prefix + "terraform_data." + rest
}

// TestTerraformMoves applies all cases as modules of one stack, changes them,
// and compares where Terraform plans to find each object with what Follow says.
func TestTerraformMoves(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tf := findTerraform(t, dir)
	var root strings.Builder
	for _, name := range slices.Sorted(maps.Keys(moveCases)) {
		fmt.Fprintf(&root, "module %q { source = \"./%s\" }\n", name, name)
		moveModule(t, filepath.Join(dir, name), moveCases[name].before)
	}
	moveModule(t, dir, "resource root_a\nresource root_counted")
	must(t, os.WriteFile(filepath.Join(dir, "cases.tf"), []byte(root.String()), 0o600))
	tf.apply(t)
	for name, test := range moveCases {
		must(t, os.RemoveAll(filepath.Join(dir, name)))
		moveModule(t, filepath.Join(dir, name), test.after)
	}
	moveModule(t, dir, "resource root_b each x\nresource root_counted count 1\nroot_a -> root_b[\"x\"]\nmodule.rename.gone -> root_c")
	tf.run(t, "init", "-no-color")
	// One at a time: Terraform 1.11 reads a map of its own while it writes it where
	// many objects are orphans, and crashes now and then.
	tf.run(t, "plan", "-no-color", "-parallelism=1", "-out=plan")
	theirs := plannedMoves(t, tf.run(t, "show", "-json", "plan"))

	tree, err := Load(dir, filepath.Join(dir, ".terraform"))
	must(t, err)
	var state []drift.Address
	for _, inst := range readState(t, filepath.Join(dir, "terraform.tfstate")) {
		state = append(state, inst.address)
	}
	moves, err := NewEvaluator(tree, Inputs{Values: objects{}}).Moves(state)
	must(t, err)
	moved := 0
	for _, addr := range state {
		if theirs[addr.String()] != addr.String() {
			moved++
		}
		equal(t, addr.String(), moves.Follow(addr), theirs[addr.String()])
	}
	equal(t, "objects", len(state), len(theirs))
	t.Logf("%d cases, %d objects, %d of them moved", len(moveCases), len(state), moved)
}

// plannedMoves gives the address of each object in a plan, by its address in
// the state.
func plannedMoves(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	var plan struct {
		Changes []struct {
			Address  string
			Previous string `json:"previous_address"`
			Change   struct{ Actions []string }
		} `json:"resource_changes"`
	}
	must(t, json.Unmarshal(raw, &plan))
	out := map[string]string{}
	for _, c := range plan.Changes {
		if slices.Equal(c.Change.Actions, []string{"create"}) {
			continue
		}
		if c.Previous == "" {
			c.Previous = c.Address
		}
		out[c.Previous] = c.Address
	}
	return out
}

// TestTerraformMoveErrors plans what both must refuse.
func TestTerraformMoveErrors(t *testing.T) {
	t.Parallel()
	for name, test := range moveErrors {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			tf := findTerraform(t, dir)
			moveModule(t, dir, test.before)
			tf.apply(t)
			moveModule(t, dir, test.after)
			_, theirs := tf.try(t, "init", "-no-color")
			if theirs == nil {
				_, theirs = tf.try(t, "plan", "-no-color")
			}
			tree, err := Load(dir, filepath.Join(dir, ".terraform"))
			must(t, err)
			var state []drift.Address
			for _, inst := range readState(t, filepath.Join(dir, "terraform.tfstate")) {
				state = append(state, inst.address)
			}
			_, ours := NewEvaluator(tree, Inputs{Values: objects{}}).Moves(state)
			if theirs == nil || ours == nil {
				t.Errorf("Terraform: %v\nours: %v", theirs, ours)
			}
		})
	}
}
