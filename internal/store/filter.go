package store

import (
	"fmt"
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
		finding, _ := splitEpisode(clean(f.Finding))
		c.add("SUBSTR(finding_id, 1, ?) = ?", utf8.RuneCountInString(finding), finding)
	}
	return c
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
	if len(f.Lives) > 0 {
		var marks []string
		var values []any
		for _, life := range f.Lives {
			marks, values = append(marks, "?"), append(values, string(life))
		}
		c.add(fmt.Sprintf("life IN (%s)", strings.Join(marks, ", ")), values...)
	}
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
