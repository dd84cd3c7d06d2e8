package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"holdfast/internal/detect"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	half := detect.Progress{Stacks: 40, StacksDone: 10, Resources: 200, Findings: 3, Failed: 1}
	const text = "10 of 40 stacks; 200 resources, 20 a second; 3 findings; 1 not checked; 30s left"
	for _, c := range []struct {
		name string
		w    watcher
		now  detect.Progress
		want string
	}{
		{"a line", watcher{}, half, "holdfast: " + text + "\n"},
		{"one stack", watcher{}, detect.Progress{Stacks: 1, Resources: 50}, "holdfast: 50 resources, 5 a second\n"},
		{"nothing yet", watcher{}, detect.Progress{}, "holdfast: 0 resources, 0 a second\n"},
	} {
		var out bytes.Buffer
		c.w.w = &out
		c.w.tell(c.now, 10*time.Second)
		if out.String() != c.want {
			t.Errorf("%s: %q, want %q", c.name, out.String(), c.want)
		}
	}

	var drawn bytes.Buffer
	(&watcher{w: &drawn, width: 200}).tell(half, 10*time.Second)
	if !strings.HasPrefix(drawn.String(), "\r\x1b[K") || !strings.HasSuffix(drawn.String(), text) || strings.Contains(drawn.String(), "\n") {
		t.Errorf("on a terminal: %q", drawn.String())
	}
	var record bytes.Buffer
	(&watcher{w: &record, json: true}).tell(half, 10*time.Second)
	var fields map[string]any
	if err := json.Unmarshal(record.Bytes(), &fields); err != nil || fields["stacks_done"] != 10.0 || fields["msg"] != "progress" {
		t.Errorf("%v: %s", err, record.Bytes())
	}
}

func TestFitted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"short", 10, "short"}, {"exactly", 7, "exactly"}, {"too long", 3, "too"},
		{"\x1b[1mbold\x1b[0m rest", 6, "\x1b[1mbold\x1b[0m r"}, {"", 0, ""},
	} {
		if got := fitted(c.line, c.width); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.line, c.width, got, c.want)
		}
	}
}

// What was started ends, and leaves a clean line.
func TestWatch(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	asked := make(chan bool, 100)
	stop := (&watcher{w: &out, width: 80}).start(func() detect.Progress {
		select {
		case asked <- true:
		default:
		}
		return detect.Progress{Stacks: 2, StacksDone: 1}
	})
	<-asked
	stop()
	if !strings.HasSuffix(out.String(), "\r\x1b[K") {
		t.Errorf("it left %q", out.String())
	}
}
