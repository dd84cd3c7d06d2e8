package state

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"holdfast/internal/drift"
)

// Overlap finds what two stacks of a run both have: the same state, or the same
// object. It keeps a few dozen bytes of each object. The zero value is empty. Safe
// for concurrent use.
type Overlap struct {
	mu     sync.Mutex
	stacks []member
	places map[string]int32 // of addresses, each kept once: stacks of one root module have the same
	names  []string         // addresses by their places
	first  map[sum]holding
	found  []common
}

// sum stands for an object.
type sum [16]byte

// member is a stack, and its state.
type member struct {
	ref     drift.StackRef
	source  string
	lineage string
}

// holding says where an object is.
type holding struct{ stack, address int32 }

// common is an object, or a whole state, that two stacks have.
type common struct {
	what sum
	a, b holding
	kind overlapKind
}

// overlapKind says what makes two things one. Less is stronger.
type overlapKind byte

const (
	sameState  overlapKind = iota // read from the same place
	copied                        // same lineage, and the same object at the same address
	sameObject                    // the same ARN
)

// Add adds a stack with its state, which source names.
func (o *Overlap) Add(ref drift.StackRef, source string, s *State) {
	o.add(member{ref, source, s.Lineage}, sumsOf(source, s))
}

func (o *Overlap) add(m member, sums []summed) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.first == nil {
		o.first, o.places = map[sum]holding{}, map[string]int32{}
	}
	stack := int32(len(o.stacks)) //nolint:gosec // nobody has so many stacks
	o.stacks = append(o.stacks, m)
	for _, one := range sums {
		here := holding{stack, o.place(one.address)}
		if before, ok := o.first[one.sum]; ok {
			o.found = append(o.found, common{one.sum, before, here, one.kind})
		} else {
			o.first[one.sum] = here
		}
	}
}

// Held is something that no other stack may have, as it can be kept.
type Held struct {
	Sum     string // stands for it, in hexadecimal
	Kind    int
	Address string
}

// Holds lists what a stack has that no other may have; source names its state.
func Holds(source string, s *State) []Held {
	var list []Held
	for _, one := range sumsOf(source, s) {
		list = append(list, Held{hex.EncodeToString(one.sum[:]), int(one.kind), one.address})
	}
	return list
}

// AddHeld adds a stack of which it is known what it has of that which others have, by
// Holds.
func (o *Overlap) AddHeld(ref drift.StackRef, source, lineage string, held []Held) {
	var sums []summed
	for _, h := range held {
		var s sum
		if n, err := hex.Decode(s[:], []byte(h.Sum)); err == nil && n == len(s) && h.Kind >= 0 && h.Kind <= int(sameObject) {
			sums = append(sums, summed{s, overlapKind(h.Kind), h.Address})
		}
	}
	o.add(member{ref, source, lineage}, sums)
}

func (o *Overlap) place(address string) int32 {
	at, ok := o.places[address]
	if !ok {
		at = int32(len(o.names)) //nolint:gosec // nobody has so many resources
		o.places[address], o.names = at, append(o.names, address)
	}
	return at
}

// summed is something that no other stack may have.
type summed struct {
	sum
	kind    overlapKind
	address string
}

// sumsOf lists what no other stack may have: the state itself, and its objects. A
// copy of a state keeps the lineage, and its objects are those of the other as
// long as neither has let go of them.
func sumsOf(source string, s *State) []summed {
	var sums []summed
	if s.Lineage != "" {
		sums = append(sums, summed{hash("state", source, s.Lineage), sameState, ""})
	}
	for i := range s.Instances {
		inst := &s.Instances[i]
		n, ok := inst.names()
		if inst.Address.Mode != drift.Managed || inst.Deposed != "" || !ok {
			continue
		}
		addr := inst.Address.String()
		if id := string(n.ID); s.Lineage != "" && id != "null" && id != `""` {
			sums = append(sums, summed{hash("copy", s.Lineage, addr, id), copied, addr})
		}
		if arn := n.own(); arn != "" {
			sums = append(sums, summed{hash("object", inst.Address.Type, string(n.ID), arn), sameObject, addr})
		}
	}
	return sums
}

func hash(parts ...string) sum {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return sum(h.Sum(nil)[:len(sum{})])
}

// own is the ARN of an object, where it is surely that of the object itself.
func (n named) own() string {
	return OwnARN(plain(n.ARN), plain(n.ID), plain(n.Identifier))
}

// OwnARN is the attribute arn of an object, where it is surely that of the object
// itself: it ends as the id does, or as the attribute identifier, or is a part of
// the id; "" else. That of an aws_cloudwatch_event_target, for one, is what it
// sends to, and its id is the same in every account.
func OwnARN(arn, id, identifier string) string {
	if !strings.HasPrefix(arn, "arn:") || id == "" {
		return ""
	}
	end := id[strings.LastIndexAny(id, "/:")+1:]
	for _, name := range []string{end, identifier} {
		if name != "" && (strings.HasSuffix(arn, "/"+name) || strings.HasSuffix(arn, ":"+name)) {
			return arn
		}
	}
	if strings.Contains(id, arn) {
		return arn
	}
	return ""
}

// plain is a JSON string's text; "" for anything else.
func plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// Faults gives the faults of each stack that has any, by its id.
func (o *Overlap) Faults() map[string][]drift.Integrity {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := o.groups()
	faults := map[string][]drift.Integrity{}
	whole := map[[2]int32]bool{} // pairs of which more is the matter than single objects
	for _, c := range found {
		pair := [2]int32{c.a.stack, c.b.stack}
		if whole[pair] {
			continue
		}
		whole[pair] = c.kind != sameObject
		for _, side := range [][2]holding{{c.a, c.b}, {c.b, c.a}} {
			id := o.stacks[side[0].stack].ref.ID
			faults[id] = append(faults[id], o.fault(c.kind, side[0], side[1]))
		}
	}
	return faults
}

// groups puts what was found in order: by the stacks' names and the addresses,
// whatever the order in which stacks came, and the stronger kinds first.
func (o *Overlap) groups() []common {
	byName := func(a, b holding) int {
		return cmp.Or(cmp.Compare(o.stacks[a.stack].ref.String(), o.stacks[b.stack].ref.String()),
			cmp.Compare(o.stacks[a.stack].ref.ID, o.stacks[b.stack].ref.ID), cmp.Compare(o.names[a.address], o.names[b.address]))
	}
	// An object that three stacks have is known as the first one's: which that is
	// depends on chance, so each is held against the first by name.
	type group struct {
		kind  overlapKind
		holds []holding
	}
	groups := map[sum]*group{}
	for _, c := range o.found {
		g := groups[c.what]
		if g == nil {
			g = &group{c.kind, []holding{c.a}}
			groups[c.what] = g
		}
		g.holds = append(g.holds, c.b)
	}
	var list []common
	for what, g := range groups {
		slices.SortFunc(g.holds, byName)
		// What one stack has twice is that stack's own fault.
		g.holds = slices.CompactFunc(g.holds, func(a, b holding) bool { return a.stack == b.stack })
		for _, other := range g.holds[1:] {
			list = append(list, common{what, g.holds[0], other, g.kind})
		}
	}
	slices.SortFunc(list, func(x, y common) int {
		return cmp.Or(cmp.Compare(x.kind, y.kind), byName(x.a, y.a), byName(x.b, y.b))
	})
	return list
}

// fault is what one stack is told of another one.
func (o *Overlap) fault(kind overlapKind, here, there holding) drift.Integrity {
	mine, other, address := o.stacks[here.stack], o.stacks[there.stack], o.names[here.address]
	switch kind {
	case sameState:
		return drift.Unsound(drift.FaultTwoStacks, "",
			"the stack %s has the very same state, %s, so that an apply of one undoes the other; give each a backend key or a workspace of its own", other.ref, mine.source)
	case copied:
		return drift.Unsound(drift.FaultCopied, "",
			"the state is a copy of that of the stack %s (%s, lineage %s), and both still hold the same objects, as %s; leave it out if it is a backup, else take out of each with terraform state rm what belongs to the other", other.ref, other.source, mine.lineage, address)
	}
	return drift.Unsound(drift.FaultSharedStacks, address,
		"it is the same object as %s in the stack %s; take it out of the code of one of the two, and out of its state with terraform state rm", o.names[there.address], other.ref)
}
