package report

import (
	"bufio"
	"io"
	"strings"

	"holdfast/internal/drift"
)

// Resolution writes what would be done to a stack, attribute by attribute, the
// edit of its source as a unified diff, if there is one, and every reason for which
// it is not done.
func Resolution(w io.Writer, stack drift.StackRef, steps []drift.Step, refused []drift.Refusal, edit []byte, o ShowOptions) error {
	if o.Width == 0 {
		o.Width = 100
	}
	s := &shown{table{out: bufio.NewWriter(w), o: TableOptions{Color: o.Color, Width: o.Width}}, o.Full}
	s.line("%s", s.paint(faint, "in "+OneLine(stack.String())))
	for _, step := range steps {
		s.step(step)
	}
	for line := range strings.Lines(string(edit)) {
		s.diffLine(OneLine(strings.TrimRight(line, "\r\n")))
	}
	for _, r := range refused {
		s.line("%s %s", s.paint(red, "refused:"), OneLine(r.String()))
	}
	return s.out.Flush()
}

// diffLine paints a line of a unified diff.
func (s *shown) diffLine(line string) {
	switch {
	case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"), strings.HasPrefix(line, "@@"):
		line = s.paint(faint, line)
	case strings.HasPrefix(line, "+"):
		line = s.paint(green, line)
	case strings.HasPrefix(line, "-"):
		line = s.paint(red, line)
	}
	s.line("%s", line)
}

func (s *shown) step(step drift.Step) {
	color := yellow
	switch step.Action {
	case "create":
		color = green
	case "update", "accept":
	default:
		color = red
	}
	s.line("%s  %s", s.paint(bold, OneLine(step.Address)), s.paint(color, step.Action))
	for _, c := range step.Changes {
		if step.Action != "accept" { // what is live becomes what is expected
			c.Expected, c.Actual = c.Actual, c.Expected
		}
		s.change(c)
	}
	for _, path := range step.Beyond {
		s.line("  %s  %s", OneLine(path), s.paint(red, "beyond the drift"))
	}
	for _, path := range step.Unsaid {
		s.line("  %s  %s", OneLine(path), s.paint(faint, "had a value, and the code leaves it to the provider"))
	}
}
