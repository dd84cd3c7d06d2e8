package edit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
)

// planner works out the edits for all findings.
type planner struct {
	in       *Input
	base     *source
	before   map[string]snapshot // by the name of the stack; "" is the one of the findings
	order    []*claim
	refusals map[string][]Refusal // by address
	secrets  []string
}

func plan(in Input) (Result, error) {
	base, err := newSource(&in)
	if err != nil {
		return Result{}, err
	}
	p := &planner{in: &in, base: base, refusals: map[string][]Refusal{}}
	if p.before, err = p.snapshots(base); err != nil {
		return Result{}, err
	}
	p.secrets = base.secrets(p.before[""])
	p.claim()
	// What one finding's edit changes elsewhere is allowed where another finding
	// asks for it. So once one is refused, all is worked out again without it.
	for {
		refused := len(p.refusals)
		edited, err := p.round()
		if err != nil || len(p.refusals) == refused {
			return p.result(edited), err
		}
	}
}

// snapshots evaluates all stacks of the root module.
func (p *planner) snapshots(s *source) (map[string]snapshot, error) {
	out := map[string]snapshot{}
	var err error
	if out[""], err = s.record(p.in.Setting); err != nil {
		return nil, err
	}
	for name, set := range p.in.Others {
		if out[name], err = s.record(set); err != nil {
			return nil, fmt.Errorf("stack %s: %w", name, err)
		}
	}
	return out, nil
}

// claim reads what the findings ask for.
func (p *planner) claim() {
	for _, f := range p.in.Findings {
		c := &claim{finding: f}
		var err error
		if c.addr, err = drift.ParseAddress(f.Address); err != nil {
			p.refuse(c, "", err)
			continue
		}
		if f.Kind == drift.Modified {
			p.wishes(c)
		}
		if len(p.refusals[f.Address]) == 0 {
			p.order = append(p.order, c)
		}
	}
	// Of the instances that count makes, the last goes first.
	slices.SortStableFunc(p.order, func(a, b *claim) int {
		x, isInt := a.addr.Key.Int()
		y, isInt2 := b.addr.Key.Int()
		if isInt && isInt2 && a.finding.Kind == drift.Deleted && b.finding.Kind == drift.Deleted && a.addr.Resource() == b.addr.Resource() {
			return y - x
		}
		return 0
	})
}

func (p *planner) wishes(c *claim) {
	for _, change := range c.finding.Changes {
		w := wish{change: change}
		var err error
		switch {
		case change.Sensitive, p.hides(c.addr, change.Path):
			err = &refused{reason: "the value is sensitive; it is never written into the source", byHand: "put the live value where the source takes it from, for instance a secret store"}
		default:
			if w.path, err = parsePath(change.Path); err == nil {
				w.want, err = wanted(change.Actual)
			}
		}
		if err == nil && w.path[0].name == "tags_all" {
			w.follow = follows(c.finding.Changes, change)
		}
		if err != nil {
			p.refuse(c, change.Path, err)
			continue
		}
		c.wishes = append(c.wishes, w)
	}
	slices.SortStableFunc(c.wishes, byTurn)
}

// hides reports whether the schema calls what stands at a path sensitive.
func (p *planner) hides(addr drift.Address, path string) bool {
	b := p.base.schema(addr)
	steps, err := parsePath(path)
	if b == nil || err != nil {
		return false
	}
	var names cty.Path
	for _, s := range steps {
		if s.kind == byName {
			names = append(names, cty.GetAttrStep{Name: s.name})
		}
	}
	return b.SensitiveAt(names)
}

// follows reports whether a change of tags_all is that of the resource's own
// tags.
func follows(changes []drift.Change, change drift.Change) bool {
	own := "tags" + strings.TrimPrefix(change.Path, "tags_all")
	return slices.ContainsFunc(changes, func(c drift.Change) bool { return c.Path == own && bytes.Equal(c.Actual, change.Actual) })
}

// byTurn puts what is taken out of lists last, so that the indexes of the others
// stay, and what is added to them in its order.
func byTurn(a, b wish) int {
	goes := func(w wish) bool { return w.want == absent && w.path[len(w.path)-1].kind == byIndex }
	switch {
	case goes(a) && !goes(b):
		return 1
	case goes(b) && !goes(a):
		return -1
	}
	return slices.CompareFunc(a.path, b.path, func(x, y step) int { return x.index - y.index })
}

// round takes all findings in that were not refused yet. They are proven
// together, and one by one only if that fails.
func (p *planner) round() (*source, error) {
	allowed := claims{}
	for _, c := range p.order {
		if len(p.refusals[c.finding.Address]) == 0 {
			allowed[c.addr.String()] = c
		}
	}
	now, taken, err := p.takeAll(allowed, false)
	if err != nil || p.check(now, taken, allowed) == nil {
		return now, err
	}
	now, _, err = p.takeAll(allowed, true)
	return now, err
}

func (p *planner) takeAll(allowed claims, prove bool) (now *source, taken []*claim, err error) {
	now = p.base
	for _, c := range p.order {
		if allowed[c.addr.String()] == nil {
			continue
		}
		next, path, err := now.take(c)
		if err == nil && prove {
			path, err = "", p.check(next, append(slices.Clone(taken), c), allowed)
		}
		if err != nil {
			if _, ok := errors.AsType[*refused](err); !ok {
				return nil, nil, err
			}
			p.refuse(c, path, err)
			delete(allowed, c.addr.String())
			continue
		}
		now, taken = next, append(taken, c)
	}
	return now, taken, nil
}

// take edits the source for one finding.
func (s *source) take(c *claim) (next *source, path string, err error) {
	if c.finding.Kind == drift.Deleted {
		next, err = s.until(func(e *editor) error { return e.takeOut(c.addr) })
		return next, "", err
	}
	next = s
	for _, w := range c.wishes {
		if w.follow {
			continue
		}
		if err := next.fromProvider(c.addr, w); err != nil {
			return nil, w.change.Path, err
		}
		if next, err = next.until(func(e *editor) error { return e.assignChange(c.addr, w.path, w.want) }); err != nil {
			return nil, w.change.Path, err
		}
	}
	return next, "", nil
}

// errUnreadable refuses an edit after which the source is no source any more.
// What the parser says of it may repeat a value.
var errUnreadable = &refused{reason: "the edit would break the file that it is in"}

// until edits until there is nothing more to edit.
func (s *source) until(edit func(*editor) error) (*source, error) {
	const most = 2_000
	for range most {
		e := &editor{source: s}
		if err := edit(e); err != nil {
			return nil, err
		}
		if len(e.splices) == 0 {
			return s, nil
		}
		next, err := s.with(e.splices)
		if err != nil {
			return nil, errUnreadable
		}
		s = next
	}
	return nil, &refused{reason: "it takes too many edits"}
}

// check proves an edit: the findings say what is live, and nothing else differs.
func (p *planner) check(s *source, taken []*claim, allowed claims) error {
	for _, c := range taken {
		if err := s.fulfilled(c); err != nil {
			return err
		}
	}
	after, err := p.snapshots(s)
	if err != nil {
		return errUnreadable
	}
	if err := s.prove(p.before[""], after[""], allowed); err != nil {
		return err
	}
	for _, name := range sortedKeys(p.in.Others) {
		if err := s.prove(p.before[name], after[name], nil); err != nil {
			return &refused{reason: "stack " + name + " has the same code: " + err.Error()}
		}
	}
	for path, content := range s.overlay {
		if showsSecret(s.original[path], content, p.secrets) {
			return &refused{reason: "a line of the edit holds a sensitive value too, which the diff would show"}
		}
	}
	return nil
}

func (p *planner) refuse(c *claim, path string, err error) {
	out := Refusal{Address: c.finding.Address, Path: path, Reason: err.Error()}
	if r, ok := errors.AsType[*refused](err); ok {
		out.At, out.ByHand = p.base.position(r.at), r.byHand
	}
	if out.At == nil {
		out.At = p.declared(c.addr)
	}
	if out.ByHand == "" {
		out.ByHand = byHand(c.finding, path)
	}
	p.refusals[c.finding.Address] = append(p.refusals[c.finding.Address], out)
}

// declared is where the resource's block is.
func (p *planner) declared(addr drift.Address) *drift.Position {
	if at, ok := p.base.site(addr.Module); ok {
		if r := at.module.Resources[addr.Resource()]; r != nil {
			return p.base.position(r.Range)
		}
	}
	return nil
}

// byHand says what to change where nothing better is known.
func byHand(f drift.Finding, path string) string {
	if f.Kind == drift.Deleted {
		return "take " + f.Address + " out of the source"
	}
	for _, c := range f.Changes {
		if c.Path == path && !c.Sensitive && len(c.Actual) <= 80 {
			live := string(c.Actual)
			if live == "" {
				live = "null"
			}
			return fmt.Sprintf("make the source say %s for %s", live, path)
		}
	}
	return "make the source say what is live"
}

func (p *planner) result(s *source) Result {
	r := Result{secrets: p.secrets}
	for _, f := range p.in.Findings {
		if list := p.refusals[f.Address]; len(list) > 0 {
			r.Refusals = append(r.Refusals, list...)
		} else {
			r.Edited = append(r.Edited, f.Address)
		}
	}
	if s == nil {
		return r
	}
	for _, path := range sortedKeys(s.overlay) {
		if before, after := s.original[path], s.overlay[path]; !bytes.Equal(before, after) {
			r.Files = append(r.Files, File{Path: path, Name: s.name(path), Shared: !within(path, s.dir), Before: before, After: after})
		}
	}
	return r
}

// fromProvider refuses a tag that the provider puts on everything, and says
// where that is.
func (s *source) fromProvider(addr drift.Address, w wish) error {
	if w.path[0].name != "tags_all" || len(w.path) < 2 {
		return nil
	}
	r, at, err := s.find(addr)
	if err != nil || attributeOf(r.Body, "tags_all") != nil {
		return err
	}
	for _, m := range s.modulesTo(at) {
		for _, name := range sortedKeys(m.module.Providers) {
			p := m.module.Providers[name]
			e := editor{source: s}
			blocks, err := e.blocksOf(m, p.Body, "default_tags")
			if err != nil || len(blocks) == 0 {
				continue
			}
			attr := attributeOf(blocks[0].body, "tags")
			if attr == nil {
				continue
			}
			if v, _ := s.value(m, attr.Expr); valueAt(v, w.path[1:2]) != absent {
				return &refused{reason: "the tag comes from default_tags of the provider, which all its resources have", at: attr.Range, byHand: "change default_tags there, or set the tag on the resource"}
			}
		}
	}
	return refuse(r.Range, "tags_all is not written in the source; the provider puts it together")
}

// modulesTo are the sites from the root module to one further in.
func (s *source) modulesTo(at site) []site {
	var out []site
	for n := range len(at.Module) + 1 {
		if outer, ok := s.site(at.Module[:n]); ok {
			out = append(out, outer)
		}
	}
	return out
}
