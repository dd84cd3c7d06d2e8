package cases

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"holdfast/internal/lab"
)

// Batch is cases of one stack that share a plan.
type Batch []Case

// Name is for the test of a batch.
func (b Batch) Name() string {
	if len(b) == 1 {
		return b[0].Name
	}
	return fmt.Sprintf("together with %s, %d changes", b[0].Name, len(b))
}

// maxBatch is how many cases share a plan at the most.
const maxBatch = 16

// Batches puts cases together that touch different things, unless each is to be
// single. One that runs Terraform, is a control, or touches everything stays alone.
func Batches(list []Case, single bool) []Batch {
	var out []Batch
	var touched []map[string]bool
	for _, c := range list {
		things := c.Things()
		at := len(out)
		for i, b := range out {
			if !single && !c.StaysAlone() && !b[0].StaysAlone() && b[0].Stack == c.Stack && len(b) < maxBatch && !Overlap(touched[i], things) {
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

// Crosswise puts the cases of batches together anew, so that no two which share a
// batch share one of these too. A verdict that is right in both companies is the
// case's own: nothing that was done beside it has made it, or hidden it. One that
// renames what others name is by itself.
func Crosswise(batches []Batch) []Batch {
	type group struct {
		Batch
		touched map[string]bool
		from    map[int]bool
	}
	var groups []*group
	for place := range maxBatch {
		for from, b := range batches {
			if len(b) == 1 || place >= len(b) {
				continue
			}
			c, things := b[place], b[place].Things()
			at := slices.IndexFunc(groups, func(g *group) bool {
				return g.Batch[0].Stack == c.Stack && len(g.Batch) < maxBatch && !g.from[from] && !Overlap(g.touched, things)
			})
			if at < 0 {
				at, groups = len(groups), append(groups, &group{touched: map[string]bool{}, from: map[int]bool{}})
			}
			g := groups[at]
			g.Batch, g.from[from] = append(g.Batch, c), true
			maps.Copy(g.touched, things)
		}
	}
	var out []Batch
	for _, g := range groups {
		var together Batch
		for _, c := range g.Batch {
			if c.renames() {
				out = append(out, Batch{c})
			} else {
				together = append(together, c)
			}
		}
		if len(together) > 0 {
			out = append(out, together)
		}
	}
	return out
}

// renames reports whether the case moves objects to other addresses.
func (c Case) renames() bool {
	return slices.ContainsFunc(c.Edits, func(e Edit) bool { return strings.Contains(e.Text+e.New, "moved {") })
}

// StaysAlone reports whether the case can share a stack with no other.
func (c Case) StaysAlone() bool {
	return c.Terraform != nil || c.RefreshOnly > 0 || c.Alone
}

// Overlap reports whether two sets of things have one in common.
func Overlap(a, b map[string]bool) bool {
	for thing := range b {
		if a[thing] {
			return true
		}
	}
	return false
}

var placeholder = regexp.MustCompile(`\$\{([^}]+?)\.[a-z_]+(\[\d+\][^}]*)?\}`)

// Things are what a case touches, as far as its text shows: addresses, every
// name that its calls give, and the lines of the source that it replaces.
func (c Case) Things() map[string]bool {
	things := map[string]bool{}
	for _, v := range c.Want {
		things[v.Address] = true
	}
	for _, o := range slices.Concat(c.Observed, c.Adopted) {
		things[o.Address] = true
	}
	for _, address := range c.Pending {
		things[address] = true
	}
	for _, call := range c.Calls {
		namesIn(call.Params, things)
	}
	for _, edit := range c.Edits {
		for line := range strings.Lines(edit.Old) {
			if line = strings.TrimRight(line, " {\n"); len(strings.TrimSpace(line)) > len("lifecycle") {
				things[edit.File+": "+line] = true
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

// Change makes the changes of cases to a stack: first what Terraform does, then
// what is done by hand, then what is written into the code.
func Change(ctx context.Context, s *lab.Stack, e *lab.Emulator, list ...Case) error {
	needsInit := false
	for _, c := range list {
		if c.Terraform != nil {
			if _, err := s.Run(ctx, c.Terraform...); err != nil {
				return err
			}
		}
		for _, call := range c.Calls {
			if _, err := s.Call(ctx, e, call); err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
		}
		for _, edit := range c.Edits {
			if err := edit.apply(s.Dir); err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
			needsInit = needsInit || edit.needsInit()
		}
	}
	if !needsInit {
		return nil
	}
	_, err := s.Run(ctx, "init", "-input=false")
	return err
}

func (e Edit) needsInit() bool { return strings.Contains(e.New+e.Text, "source ") }

func (e Edit) apply(dir string) error {
	path := filepath.Join(dir, filepath.FromSlash(e.File))
	src, err := os.ReadFile(path)
	switch {
	case e.Text != "":
		src = append(src, e.Text...)
	case err != nil:
		return err
	case bytes.Count(src, []byte(e.Old)) != 1:
		return fmt.Errorf("%s: %q is not there exactly once", e.File, e.Old)
	default:
		src = bytes.Replace(src, []byte(e.Old), []byte(e.New), 1)
	}
	return os.WriteFile(path, src, 0o644)
}
