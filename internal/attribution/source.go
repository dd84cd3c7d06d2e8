package attribution

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Source has records of CloudTrail.
type Source interface {
	// Each hands on the records of the query's window, in no order, some perhaps
	// twice, and some that the query does not ask for. visit is called from
	// several goroutines at a time, and keeps nothing of what it gets. What could
	// not be read is among the gaps; everything else has been handed on. The error
	// is that of ctx.
	Each(ctx context.Context, q Query, visit func(*Raw)) ([]Gap, error)
}

// Query says which records are of use: those of its places, until a time.
type Query struct {
	Until  time.Time
	Places []Place
}

// Place is where a finding's events are, and since when they are of use.
type Place struct {
	Account, Region string // "": not known, so that all that the source has are asked
	Since           time.Time
}

// in is the part of the query that concerns an account; "" is one that is not
// known, and concerns all.
func (q Query) in(account string) Query {
	places := slices.DeleteFunc(slices.Clone(q.Places), func(p Place) bool {
		return p.Account != "" && account != "" && p.Account != account
	})
	return Query{Until: q.Until, Places: places}
}

// regions are those of the places, in order; unknown reports whether one is not known.
func (q Query) regions() (list []string, unknown bool) {
	for _, p := range q.Places {
		unknown = unknown || p.Region == ""
		if p.Region != "" {
			list = append(list, p.Region)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), unknown
}

// accounts are the known ones of the places, in order.
func (q Query) accounts() []string {
	var list []string
	for _, p := range q.Places {
		if p.Account != "" {
			list = append(list, p.Account)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// since is when the window of a region begins; "" is any.
func (q Query) since(region string) time.Time {
	since := q.Until
	for _, p := range q.Places {
		if (p.Region == "" || region == "" || p.Region == region) && p.Since.Before(since) {
			since = p.Since
		}
	}
	return since
}

// Unread is a source that can't be opened.
type Unread struct {
	Account string // "": of any
	Where   string
	Err     error
}

// Each says so.
func (u Unread) Each(ctx context.Context, _ Query, _ func(*Raw)) ([]Gap, error) {
	return []Gap{{Account: u.Account, Where: u.Where, Reason: u.Err.Error()}}, ctx.Err()
}

// Gap is evidence that could not be read.
type Gap struct {
	Region  string // "": of all
	Account string // likewise
	Where   string // a file, or a region that was asked
	Reason  string
	// Until is the newest time of what is missing, where that is known: it takes
	// nothing from a newer event.
	Until time.Time
	// Foreign is for an account that the source does not have at all: that is no gap
	// as long as another source has it.
	Foreign bool

	source int // its position
}

func (g Gap) String() string { return fmt.Sprintf("%s: %s", g.Where, g.Reason) }
