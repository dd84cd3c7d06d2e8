package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"holdfast/internal/drift"
)

// WaiversJSON writes waivers for programs: a list.
func WaiversJSON(w io.Writer, uses []drift.WaiverUse) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(uses)
}

// Waivers lists waivers for people: each with what it covers.
func Waivers(w io.Writer, uses []drift.WaiverUse, file string) error {
	out := bufio.NewWriter(w)
	if len(uses) == 0 {
		fmt.Fprintf(out, "there are no waivers in %s\n", OneLine(file))
	}
	for _, u := range uses {
		note := ""
		switch {
		case u.State == drift.WaiverEnded:
			note = "; take it out"
		case u.EndsSoon:
			note = "; ends within two weeks"
		}
		fmt.Fprintf(out, "%s  %s until %s%s\n", OneLine(u.ID), u.State, u.Until, note)
		fmt.Fprintf(out, "  %s\n", OneLine(strings.Join(parts(u), ", ")))
		for _, c := range u.Covers {
			fmt.Fprintf(out, "  %s  %s\n", OneLine(c.Finding), OneLine(c.Stack.String()+": "+c.Address))
		}
		if len(u.Covers) == 0 {
			fmt.Fprintf(out, "  covers nothing by the last checks (%s:%d)\n", OneLine(file), u.Line)
		}
	}
	return out.Flush()
}

func parts(u drift.WaiverUse) []string {
	list := []string{u.Reason, u.Owner}
	for _, s := range []string{u.Ticket, u.ApprovedBy} {
		if s != "" {
			list = append(list, s)
		}
	}
	return list
}
