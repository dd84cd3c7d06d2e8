package report_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/internal/drift"
	"holdfast/internal/report"
)

func shown(f drift.Finding) drift.Episode {
	at := time.Date(2026, 10, 30, 8, 0, 0, 0, time.UTC)
	return drift.Episode{
		Number: 1, Finding: f, Life: drift.LifeOpen, FirstSeen: at, LastSeen: at.Add(50 * time.Hour), Seen: 13,
		Stack: drift.StackRef{ID: "0123456789ab", Path: "infrastructure", Workspace: "default"},
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	run, _ := rich()
	found := run.Stacks[0].Findings
	long := found[5]
	long.Changes = []drift.Change{{Path: "user_data", Expected: quoted(strings.Repeat("a\n", 3)), Actual: quoted(lettered(60))}}
	reopened := shown(found[4])
	reopened.Number = 3
	reopened.Stack.Workspace = "prod's"
	over := shown(found[2])
	over.Life, over.Ended, over.Actor, over.Ticket, over.Reason = drift.LifeReverted, over.LastSeen, "bob", "OPS-1", "by mistake"
	waived := shown(found[6])
	waived.Life = drift.LifeWaived
	for name, c := range map[string]struct {
		episode drift.Episode
		earlier []drift.Episode
		o       report.ShowOptions
	}{
		"deleted":   {episode: shown(found[0])},
		"document":  {episode: shown(found[1])},
		"modified":  {episode: shown(found[2]), o: report.ShowOptions{Color: true}},
		"possible":  {episode: reopened, earlier: []drift.Episode{shown(found[4]), shown(found[4])}},
		"long":      {episode: shown(long)},
		"long-full": {episode: shown(long), o: report.ShowOptions{Full: true}},
		"text":      {episode: shown(found[5]), o: report.ShowOptions{Width: 60}},
		"waived":    {episode: waived},
		"over":      {episode: over},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			must(t, report.Show(&out, c.episode, c.earlier, c.o))
			golden(t, "show-"+name+".golden", out.Bytes())
		})
	}
}

func lettered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

// What is shown as a command is one command, whatever the address is.
func TestShowCommands(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{`aws_x.y["it's; echo $HOME"]`, "a.b['`id`']", `module.x["a b"].c.d[0]`, `a.b["$(id)\n"]`, "plain.x"} {
		e := shown(finding(address, drift.Modified, drift.Change{Path: "x", Expected: raw("1"), Actual: raw("2")}))
		e.Stack.Path = "s3://bucket/state" // where the code is at hand, ids are all that a command needs
		var out bytes.Buffer
		must(t, report.Show(&out, e, nil, report.ShowOptions{}))
		for _, command := range regexp.MustCompile(`(?m)^    (terraform .*)$`).FindAllStringSubmatch(out.String(), -1) {
			script := `terraform() { for a in "$@"; do printf '%s\n' "$a"; done; }; ` + command[1]
			said, err := exec.CommandContext(t.Context(), shell, "-c", script).Output()
			must(t, err)
			lines := strings.Split(strings.TrimSpace(string(said)), "\n")
			if lines[0] != "apply" || lines[len(lines)-1] != "-target="+address {
				t.Errorf("%s\nruns as %q", command[1], lines)
			}
		}
		if n := strings.Count(out.String(), "-target="); n != 2 {
			t.Errorf("%d commands", n)
		}
	}
}
