package cli

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"charm.land/bubbles/v2/progress"

	"holdfast/internal/detect"
)

// How often progress is told: a line that is drawn anew on a terminal, lines of
// their own elsewhere. A check that is over before the first says nothing.
const (
	redrawEvery = 100 * time.Millisecond
	lineEvery   = 5 * time.Second
)

// watcher tells how far a run has come, on standard error.
type watcher struct {
	w       io.Writer
	width   int // of the terminal; 0 where it is none
	json    bool
	started time.Time
}

// watch makes what app.Check is to be watched with; nil for nothing.
func (p *program) watch(quiet bool, logFormat string) func(func() detect.Progress) (stop func()) {
	if quiet {
		return nil
	}
	w := &watcher{w: p.stderr, width: terminalWidth(p.stderr), json: logFormat == "json"}
	if w.json {
		w.width = 0
	}
	return w.start
}

func (w *watcher) start(progress func() detect.Progress) (stop func()) {
	w.started = time.Now()
	every := lineEvery
	if w.width > 0 {
		every = redrawEvery
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				w.tell(progress(), time.Since(w.started))
			case <-done:
				if w.width > 0 {
					fmt.Fprint(w.w, "\r\x1b[K")
				}
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

func (w *watcher) tell(now detect.Progress, elapsed time.Duration) {
	switch {
	case w.json:
		slog.New(slog.NewJSONHandler(w.w, nil)).Info("progress",
			"stacks", now.Stacks, "stacks_done", now.StacksDone, "resources", now.Resources, "findings", now.Findings, "not_checked", now.Failed)
	case w.width > 0:
		fmt.Fprint(w.w, "\r\x1b[K", fitted(bar(now)+words(now, elapsed), w.width-1))
	default:
		fmt.Fprintln(w.w, "holdfast: "+words(now, elapsed))
	}
}

// bar is a picture of how many stacks are done; none for a single one.
func bar(now detect.Progress) string {
	if now.Stacks < 2 {
		return ""
	}
	model := progress.New(progress.WithWidth(20), progress.WithoutPercentage())
	return model.ViewAs(float64(now.StacksDone)/float64(now.Stacks)) + " "
}

func words(now detect.Progress, elapsed time.Duration) string {
	var parts []string
	if now.Stacks > 1 {
		parts = append(parts, fmt.Sprintf("%d of %d stacks", now.StacksDone, now.Stacks))
	}
	rate := float64(now.Resources) / max(elapsed.Seconds(), 0.001)
	parts = append(parts, fmt.Sprintf("%d resources, %.0f a second", now.Resources, rate))
	if now.Findings > 0 {
		parts = append(parts, fmt.Sprintf("%d findings", now.Findings))
	}
	if now.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d not checked", now.Failed))
	}
	if now.StacksDone > 0 && now.StacksDone < now.Stacks {
		left := elapsed * time.Duration(now.Stacks-now.StacksDone) / time.Duration(now.StacksDone)
		parts = append(parts, fmt.Sprintf("%s left", left.Round(time.Second)))
	}
	return strings.Join(parts, "; ")
}

// fitted cuts a line to a width. Colours of the bar take no columns, and it is
// the words behind it that are cut.
func fitted(line string, width int) string {
	columns, escape := 0, false
	for i, r := range line {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		default:
			if columns++; columns > width {
				return line[:i]
			}
		}
	}
	return line
}
