package report

import (
	"fmt"
	"io"
	"strings"

	"holdfast/internal/drift"
)

// Options choose what is told beyond the run itself. The zero value is fine.
type Options struct {
	Table TableOptions
	// Trend is how many findings were open, oldest first. The HTML page draws it.
	Trend []drift.TrendPoint
	// History has what is remembered of findings, by their id: since when they
	// are there.
	History map[string]drift.Episode
	// Environment is what the stacks are together, as in "production"; "" where
	// nobody named it.
	Environment string
}

// formats are all formats of a run. The first one is that for terminals.
var formats = []struct {
	name  string
	write func(io.Writer, drift.Run, Options) error
}{
	{"table", func(w io.Writer, run drift.Run, o Options) error { return Table(w, run, o.Table) }},
	{"json", func(w io.Writer, run drift.Run, _ Options) error { return JSON(w, run) }},
	{"markdown", Markdown},
	{"html", HTML},
	{"sarif", func(w io.Writer, run drift.Run, _ Options) error { return SARIF(w, run) }},
	{"junit", func(w io.Writer, run drift.Run, _ Options) error { return JUnit(w, run) }},
}

// Formats names the formats that Write knows.
func Formats() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// Write writes a run in the named format. Every format tells the same numbers
// and none decides anything.
func Write(w io.Writer, format string, run drift.Run, o Options) error {
	for _, f := range formats {
		if f.name == format {
			return f.write(w, run, o)
		}
	}
	return UnknownFormat(format)
}

// UnknownFormat is the error of a name that is no format's, nil of one that is.
func UnknownFormat(name string) error {
	for _, f := range formats {
		if f.name == name {
			return nil
		}
	}
	return fmt.Errorf("format %q is not known; there are %s", name, strings.Join(Formats(), ", "))
}
