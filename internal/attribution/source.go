package attribution

import (
	"context"
	"fmt"
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

// Query says which records are of use.
type Query struct {
	Since, Until time.Time
	Regions      []string // none: all
	Accounts     []string // none: all
}

// Gap is evidence that could not be read.
type Gap struct {
	Region  string // "": of all
	Account string // likewise
	Where   string // a file, or a region that was asked
	Reason  string
}

func (g Gap) String() string { return fmt.Sprintf("%s: %s", g.Where, g.Reason) }
