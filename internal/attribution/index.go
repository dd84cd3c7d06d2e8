package attribution

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"holdfast/internal/drift"
)

// maxCandidates is how many events a cause keeps as evidence.
const maxCandidates = 20

// entry is an event that is of a target's object.
type entry struct {
	event   drift.CauseEvent
	verdict verdict
	who     string // the same for two events only if it is the same actor in the same way
	ours    bool
	rule    string
	outcome outcome
}

// evidence is what was found for one target.
type evidence struct {
	newest     map[int][]entry // by attribute: all entries of the newest second
	candidates []entry
	omitted    int
	// Where they are.
	accounts, regions map[string]bool
}

// index takes records of all sources and keeps what explains a target.
type index struct {
	targets []*Target
	sources map[string]bool
	keys    map[string][]int
	shapes  [1 << 16]bool // of keys: length and last byte, which most strings fail
	longest int
	since   string // RFC 3339, which sorts as text
	until   string
	options Options

	mu    sync.Mutex
	found []evidence // by target
	gaps  []Gap
}

func newIndex(targets []*Target, o Options) *index {
	x := &index{
		targets: targets, sources: map[string]bool{}, keys: map[string][]int{}, options: o,
		found: make([]evidence, len(targets)), until: o.Until.UTC().Format(time.RFC3339),
	}
	since := o.Until
	for at, t := range targets {
		t.prepare()
		t.window(o)
		if t.since.Before(since) {
			since = t.since
		}
		x.sources[t.noun.source] = true
		for _, key := range t.keys() {
			x.keys[key] = append(x.keys[key], at)
			x.shapes[shape([]byte(key))] = true
			x.longest = max(x.longest, len(key))
		}
	}
	x.since = since.UTC().Format(time.RFC3339)
	return x
}

func shape(s []byte) int { return len(s)&0xff<<8 | int(s[len(s)-1]) }

// visit looks at a record; safe for concurrent use.
func (x *index) visit(raw *Raw) {
	if raw.ReadOnly || raw.Failed || !x.sources[string(raw.Source)] {
		return
	}
	if len(raw.Time) == len(x.since) && (string(raw.Time) < x.since || string(raw.Time) > x.until) {
		return
	}
	hits := x.hits(raw.Data)
	if len(hits) == 0 {
		return
	}
	r, err := ParseRecord(raw.Data)
	if err != nil {
		x.gap(Gap{Region: string(raw.Region), Where: "a record of " + string(raw.Source), Reason: err.Error()})
		return
	}
	if r.write() {
		x.add(r, hits)
	}
}

// hits are the targets of which an identifying string is in a record.
func (x *index) hits(data []byte) []int {
	var out []int
	for {
		start := bytes.IndexByte(data, '"')
		if start < 0 {
			break
		}
		n, err := skipString(data[start:])
		if err != nil {
			break
		}
		out = x.look(out, data[start+1:start+n-1])
		data = data[start+n:]
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (x *index) look(out []int, s []byte) []int {
	if bytes.IndexByte(s, '\\') >= 0 {
		var plain string
		if len(s) > 8*x.longest || json.Unmarshal(slices.Concat([]byte{'"'}, s, []byte{'"'}), &plain) != nil {
			return out
		}
		s = []byte(plain)
	}
	out = x.lookup(out, s)
	if slash := bytes.LastIndexByte(s, '/'); slash >= 0 {
		out = x.lookup(out, s[slash+1:])
	}
	if colon := bytes.LastIndexByte(s, ':'); colon >= 0 {
		out = x.lookup(x.lookup(out, s[colon+1:]), s[:colon])
		if before := bytes.LastIndexByte(s[:colon], ':'); before >= 0 {
			out = x.lookup(out, s[before+1:colon]) // the name in a qualified ARN
		}
	}
	return out
}

func (x *index) lookup(out []int, s []byte) []int {
	if len(s) == 0 || len(s) > x.longest || !x.shapes[shape(s)] {
		return out
	}
	return append(out, x.keys[string(s)]...)
}

// add holds a record against the targets that it may be of.
func (x *index) add(r *Record, hits []int) {
	if r.Time.After(x.options.Until) {
		return
	}
	for _, at := range hits {
		t := x.targets[at]
		if r.Time.Before(t.since) {
			continue
		}
		claims, about := t.claims(r)
		if !about {
			continue
		}
		v := classify(r, x.options.Automation)
		e := entry{event: causeEvent(r, v), verdict: v, ours: ours(r)}
		e.who = strings.Join([]string{e.event.ActorARN, e.event.Actor, string(v.class), v.how}, "|")
		x.mu.Lock()
		x.found[at].add(t, e, claims)
		x.mu.Unlock()
	}
}

func (x *index) gap(g Gap) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.gaps) < 100 {
		x.gaps = append(x.gaps, g)
	}
}

func (v *evidence) add(t *Target, e entry, claims []claim) {
	if v.newest == nil {
		v.newest, v.accounts, v.regions = map[int][]entry{}, map[string]bool{}, map[string]bool{}
	}
	v.accounts[e.event.Account], v.regions[e.event.Region] = true, true
	for _, c := range claims {
		mine := e
		mine.rule, mine.outcome = c.rule, c.outcome
		v.newest[c.attribute] = newer(v.newest[c.attribute], mine)
		if c.attribute >= 0 && c.outcome != differs {
			e.event.Paths = append(e.event.Paths, t.attributes[c.attribute].path)
		}
	}
	e.event.Note = e.note(claims)
	if slices.ContainsFunc(v.candidates, e.again) {
		return
	}
	v.candidates = append(v.candidates, e)
	if len(v.candidates) > 10*maxCandidates {
		v.trim()
	}
}

// newer keeps the entries of the newest second: CloudTrail tells no more than
// that. The same event is there once.
func newer(list []entry, e entry) []entry {
	switch {
	case len(list) > 0 && list[0].event.At.After(e.event.At), slices.ContainsFunc(list, e.again):
		return list
	case len(list) > 0 && list[0].event.At.Equal(e.event.At):
		return append(list, e)
	}
	return []entry{e}
}

// again reports whether an entry is of the same event, delivered twice.
func (e entry) again(other entry) bool {
	return e.event.EventID != "" && e.event.EventID == other.event.EventID
}

// is reports whether two entries are of one event, with or without an id.
func (e entry) is(other entry) bool {
	a, b := e.event, other.event
	return a.EventID == b.EventID && a.At.Equal(b.At) && a.Event == b.Event && e.who == other.who
}

func (e entry) note(claims []claim) string {
	switch {
	case e.ours:
		return "made by Holdfast itself"
	case len(claims) == 0:
		return "does not touch what has changed"
	case !slices.ContainsFunc(claims, func(c claim) bool { return c.outcome != differs }):
		return "set something else than what is there now"
	}
	return ""
}

// trim leaves the newest candidates.
func (v *evidence) trim() {
	slices.SortStableFunc(v.candidates, func(a, b entry) int {
		if d := b.event.At.Compare(a.event.At); d != 0 {
			return d
		}
		return strings.Compare(a.event.EventID, b.event.EventID)
	})
	if over := len(v.candidates) - maxCandidates; over > 0 {
		v.candidates = slices.Clone(v.candidates[:maxCandidates])
		v.omitted += over
	}
}
