package store

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast/internal/drift"
)

// Filter chooses episodes and events. What is empty chooses all.
type Filter struct {
	StackID string
	// Address is that of an instance, of a resource with all its instances, or of
	// a module with all that is in it.
	Address string
	Finding string // an id, a start of one, or the id of an episode
	// Lives and Open choose episodes alone. Open leaves those that are not over:
	// open and waived ones.
	Lives []drift.Life
	Open  bool
	// Since leaves what was there at that time or later, Until what was there
	// before that time.
	Since, Until time.Time
}

// clause builds a WHERE clause with its arguments.
type clause struct {
	terms []string
	args  []any
}

// add adds a condition; each ? stands for one of the values.
func (c *clause) add(term string, values ...any) {
	for _, v := range values {
		c.args = append(c.args, v)
		term = strings.Replace(term, "?", "$"+strconv.Itoa(len(c.args)), 1)
	}
	c.terms = append(c.terms, "("+term+")")
}

// in adds that a column has one of some values; none: any.
func (c *clause) in(column string, values []string) {
	if len(values) == 0 {
		return
	}
	var marks []string
	var args []any
	for _, v := range values {
		marks, args = append(marks, "?"), append(args, clean(v))
	}
	c.add(column+" IN ("+strings.Join(marks, ", ")+")", args...)
}

// contains is the pattern of text that has a part, in small letters.
func contains(part string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(clean(strings.ToLower(part))) + "%"
}

// number is one as the text of a query has it.
func number(n int) string { return strconv.Itoa(n) }

func (c *clause) String() string {
	if len(c.terms) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.terms, " AND ")
}

// common are the conditions that episodes and events share.
func (f Filter) common() *clause {
	c := &clause{}
	if f.StackID != "" {
		c.add("stack_id = ?", clean(f.StackID))
	}
	if f.Address != "" {
		address := clean(f.Address)
		length := utf8.RuneCountInString(address) + 1
		c.add("address = ? OR SUBSTR(address, 1, ?) = ? OR SUBSTR(address, 1, ?) = ?", address, length, address+".", length, address+"[")
	}
	if f.Finding != "" {
		c.finding(clean(f.Finding))
	}
	return c
}

// wholeID is how long the ids of drift.FindingID are. An index finds a whole one.
const wholeID = 12

// finding leaves what is of a finding, by its id or a start of one.
func (c *clause) finding(id string) {
	finding, _ := splitEpisode(id)
	if len(finding) >= wholeID {
		c.add("finding_id = ?", finding)
		return
	}
	c.add("SUBSTR(finding_id, 1, ?) = ?", utf8.RuneCountInString(finding), finding)
}

// splitEpisode takes the id of an episode apart; the number is 0 for that of a
// finding, which is also that of its first episode.
func splitEpisode(id string) (finding string, number int) {
	finding, after, ok := strings.Cut(id, "-")
	number, err := strconv.Atoi(after)
	if !ok || err != nil || number < 2 {
		return id, 0
	}
	return finding, number
}

func (f Filter) episodes() *clause {
	c := f.common()
	if _, number := splitEpisode(f.Finding); number > 0 {
		c.add("number = ?", number)
	}
	if f.Open {
		c.add("ended = 0")
	}
	var lives []string
	for _, life := range f.Lives {
		lives = append(lives, string(life))
	}
	c.in("life", lives)
	if !f.Since.IsZero() {
		c.add("ended = 0 OR ended >= ?", millis(f.Since))
	}
	if !f.Until.IsZero() {
		c.add("first_seen < ?", millis(f.Until))
	}
	return c
}

func (f Filter) events() *clause {
	c := f.common()
	if !f.Since.IsZero() {
		c.add("at >= ?", millis(f.Since))
	}
	if !f.Until.IsZero() {
		c.add("at < ?", millis(f.Until))
	}
	return c
}
