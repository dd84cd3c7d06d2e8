package report

import (
	"fmt"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// TrendView is the chart of open findings: lines in a box of 1000 by 100, which
// the page stretches, and words beside it, which it doesn't.
type TrendView struct {
	Line, Area  string // SVG paths
	Dot         string // one too: where it ends
	Ticks       []int  // of the vertical axis, from the top
	TickLines   []string
	First, Last time.Time
	Now         int
	Change      string
	Label       string // for who can't see it
}

// trendOf draws a trend of two points or more as steps: a number of findings
// holds until the next point.
func trendOf(points []drift.TrendPoint) *TrendView {
	if len(points) < 2 {
		return nil
	}
	first, last := points[0], points[len(points)-1]
	span := last.At.Sub(first.At)
	if span <= 0 {
		return nil
	}
	most := 0
	for _, p := range points {
		most = max(most, p.Open)
	}
	v := &TrendView{First: first.At.UTC(), Last: last.At.UTC(), Now: last.Open, Ticks: ticks(most)}
	top := v.Ticks[0]
	y := func(n int) float64 { return 100 - 100*float64(n)/float64(top) }
	var b strings.Builder
	for i, p := range points {
		x := 1000 * float64(p.At.Sub(first.At)) / float64(span)
		if i == 0 {
			fmt.Fprintf(&b, "M0 %.1f", y(p.Open))
			continue
		}
		fmt.Fprintf(&b, "H%.1fV%.1f", x, y(p.Open))
	}
	v.Line, v.Area = b.String(), b.String()+"V100H0Z"
	v.Dot = fmt.Sprintf("M1000 %.1fh0", y(last.Open))
	for _, tick := range v.Ticks {
		v.TickLines = append(v.TickLines, fmt.Sprintf("%.1f", y(tick)))
	}
	const day = "2 January 2006"
	switch d := last.Open - first.Open; {
	case d > 0:
		v.Change = fmt.Sprintf("%d more than on %s", d, v.First.Format(day))
	case d < 0:
		v.Change = fmt.Sprintf("%d fewer than on %s", -d, v.First.Format(day))
	default:
		v.Change = "as many as on " + v.First.Format(day)
	}
	v.Label = fmt.Sprintf("Open findings from %s to %s: %d at first, %d at most, %d now.", v.First.Format(day), v.Last.Format(day), first.Open, most, last.Open)
	return v
}

// ticks are round numbers from one that is at least n down to 0, evenly apart.
func ticks(n int) []int {
	for unit := 1; ; unit *= 10 {
		for _, step := range []int{unit, 2 * unit, 5 * unit} {
			parts := max(2, (n+step-1)/step)
			if parts > 4 {
				continue
			}
			var out []int
			for i := parts; i >= 0; i-- {
				out = append(out, i*step)
			}
			return out
		}
	}
}
