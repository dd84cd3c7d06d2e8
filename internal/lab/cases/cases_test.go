package cases

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCasesAreWellFormed holds the table to its own rules, so that a case can't
// pass by accident: an edit that matches nothing would test nothing.
func TestCasesAreWellFormed(t *testing.T) {
	t.Parallel()

	names := map[string]bool{}
	for _, c := range All {
		if names[c.Name] {
			t.Errorf("%s: the name occurs twice", c.Name)
		}
		names[c.Name] = true
		if Classes[c.Class] == "" {
			t.Errorf("%s: unknown class %q", c.Name, c.Class)
		}
		if c.Note == "" {
			t.Errorf("%s: no note", c.Name)
		}
		for _, v := range c.Want {
			if (v.Kind == "modified") != (len(v.Paths) > 0) {
				t.Errorf("%s: %s is %s with %d paths", c.Name, v.Address, v.Kind, len(v.Paths))
			}
			for _, path := range slices.Concat(v.Sensitive, v.Replace) {
				if !slices.Contains(v.Paths, path) {
					t.Errorf("%s: %s marks %s, which is not among its paths", c.Name, v.Address, path)
				}
			}
		}
		checkEdits(t, c)
	}
}

func checkEdits(t *testing.T, c Case) {
	t.Helper()

	folders := map[string]string{
		"features":      filepath.Join("..", "..", "detect", "testdata", "features"),
		"device-tokens": filepath.Join("..", "..", "..", "examples", "device-tokens"),
	}
	for _, edit := range c.Edits {
		if (edit.Old == "") != (edit.Text != "") {
			t.Errorf("%s: an edit of %s both replaces and appends, or neither", c.Name, edit.File)
			continue
		}
		if edit.Old == "" {
			continue
		}
		source, err := os.ReadFile(filepath.Join(folders[c.Stack], filepath.FromSlash(edit.File)))
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if n := strings.Count(string(source), edit.Old); n != 1 {
			t.Errorf("%s: %q occurs %d times in %s", c.Name, edit.Old, n, edit.File)
		}
	}
}

// TestCrosswise: each case that shares a batch is in one further company, of which
// no two share a batch or touch the same thing.
func TestCrosswise(t *testing.T) {
	t.Parallel()
	batches := Batches(All, false)
	from, left := map[string]int{}, map[string]bool{}
	for i, b := range batches {
		for _, c := range b {
			if from[c.Name] = i; len(b) > 1 {
				left[c.Name] = true
			}
		}
	}
	groups := Crosswise(batches)
	for _, g := range groups {
		met, touched := map[int]bool{}, map[string]bool{}
		for _, c := range g {
			if !left[c.Name] || met[from[c.Name]] || Overlap(touched, c.Things()) || c.Stack != g[0].Stack || c.StaysAlone() {
				t.Errorf("%s does not belong to %s", c.Name, g.Name())
			}
			delete(left, c.Name)
			met[from[c.Name]] = true
			maps.Copy(touched, c.Things())
		}
	}
	if len(left) > 0 {
		t.Errorf("left out: %v", slices.Sorted(maps.Keys(left)))
	}
	t.Logf("%d cases in %d batches, and in %d groups across", len(All), len(batches), len(groups))
}
