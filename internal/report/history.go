package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"holdfast/internal/drift"
)

// HistoryTable writes what was found, or what happened, for people: oldest first,
// the columns of the drift report before the rest.
func HistoryTable(w io.Writer, h drift.History, o TableOptions) error {
	t := &table{out: bufio.NewWriter(w), o: o}
	switch {
	case len(h.Episodes) > 0:
		t.columns(episodeRows(h.Episodes))
	case len(h.Events) > 0:
		t.columns(eventRows(h.Events))
	default:
		t.line("nothing of that in the history")
	}
	return t.out.Flush()
}

// episodeRows are the header and the rows of what was found. Who did it has a
// column where somebody is named, and how bad it is where that is known.
func episodeRows(episodes []drift.Episode) (header []string, rows [][]string) {
	several := slices.ContainsFunc(episodes, func(e drift.Episode) bool { return e.Stack.ID != episodes[0].Stack.ID })
	named := slices.ContainsFunc(episodes, func(e drift.Episode) bool { return causeBy(e.Finding) != "" })
	graded := slices.ContainsFunc(episodes, func(e drift.Episode) bool { return severityName(e.Finding) != "" })
	row := func(date, resource, severity, change, resolution, who, finding string) []string {
		cells := []string{date, resource}
		if graded {
			cells = append(cells, severity)
		}
		cells = append(cells, change, resolution)
		if named {
			cells = append(cells, who)
		}
		return append(cells, finding)
	}
	for _, e := range episodes {
		rows = append(rows, row(e.FirstSeen.UTC().Format(time.DateOnly), within(e.Stack, e.Finding.Address, several), severityName(e.Finding),
			e.ChangeType(), e.Resolution(), causeBy(e.Finding), e.ID()))
	}
	return row("Date", "Resource", "Severity", "Change type", "Resolution", "Who", "Finding"), rows
}

func eventRows(events []drift.Event) (header []string, rows [][]string) {
	several := slices.ContainsFunc(events, func(e drift.Event) bool { return e.Stack.ID != events[0].Stack.ID })
	for _, e := range events {
		said := slices.DeleteFunc([]string{e.Detail, e.Reason, e.Ticket, e.Actor}, func(s string) bool { return s == "" })
		rows = append(rows, []string{
			e.At.UTC().Format("2006-01-02 15:04"), within(e.Stack, e.Address, several), string(e.Kind), strings.Join(said, "; "),
			drift.Episode{Number: e.Episode, Finding: drift.Finding{ID: e.Finding}}.ID(),
		})
	}
	return []string{"Time", "Resource", "Event", "Detail", "Finding"}, rows
}

// within is an address with its stack, where there are several of those. The
// stack itself is what an event without an address is about.
func within(s drift.StackRef, address string, several bool) string {
	switch {
	case address == "":
		return s.String()
	case several:
		return s.String() + ": " + address
	}
	return address
}

// columns writes rows below a header, each column as wide as what is in it.
func (t *table) columns(header []string, rows [][]string) {
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i := range row {
			row[i] = OneLine(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	write := func(row []string) string {
		var line strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&line, "%-*s  ", widths[i], cell)
		}
		return strings.TrimRight(line.String(), " ")
	}
	t.line("%s", t.paint(bold, write(header)))
	for _, row := range rows {
		t.line("%s", write(row))
	}
}

// HistoryJSON writes the same for programs; docs/history.schema.json describes it.
func HistoryJSON(w io.Writer, h drift.History) error {
	type episode struct {
		ID string `json:"id"`
		drift.Episode
	}
	out := struct {
		SchemaVersion int           `json:"schema_version"`
		Tool          drift.Tool    `json:"tool"`
		Episodes      []episode     `json:"episodes,omitzero"`
		Events        []drift.Event `json:"events,omitzero"`
	}{SchemaVersion: h.SchemaVersion, Tool: h.Tool, Events: h.Events}
	if h.Episodes != nil {
		out.Episodes = []episode{}
	}
	for _, e := range h.Episodes {
		out.Episodes = append(out.Episodes, episode{e.ID(), e})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}
