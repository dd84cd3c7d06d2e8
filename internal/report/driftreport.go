package report

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast/internal/drift"
)

// DriftReport is what a drift report tells. All times in it are those of checks:
// written again without a new check, the report is the same.
type DriftReport struct {
	Title, Task, Environment string // of the settings; may be empty

	Run      drift.RunRecord // the last one that ended
	Schedule string          // of the settings; empty: none
	Next     time.Time       // the first time of the schedule after the last run

	Stacks    []drift.Stack    // the latest result of each
	Baselines []drift.Baseline // one a stack
	Episodes  []drift.Episode  // all there ever were
	Events    []drift.Event    // those of kind baseline; others are passed over

	Alerts  bool               // somebody hears of drift
	Ignore  []drift.IgnoreRule // the rules that have an end
	Waivers []drift.Waiver     // all that there are
}

// Maintained reports whether a file is a drift report that Holdfast has written.
func Maintained(existing []byte) bool {
	pieces, err := splitParts(existing)
	return err == nil && len(pieces) > 1
}

// DriftMarkdown writes the drift report over what the file holds now; existing is
// empty for a new file. People's text stays as it is, byte for byte, and no row
// of the history goes. The error is a *BrokenReportError where the file was
// broken by hand.
func DriftMarkdown(in DriftReport, existing []byte) ([]byte, error) {
	if err := readable(existing); err != nil {
		return nil, err
	}
	pieces, err := splitParts(existing)
	if err != nil {
		return nil, err
	}
	var rows []*historyRow
	adopt := len(pieces) == 1 && len(bytes.TrimSpace(bytes.TrimPrefix(existing, []byte(byteOrderMark)))) > 0
	if adopt {
		rows = adoptHistory(existing)
	}
	for _, p := range pieces {
		if p.part != "history" {
			continue
		}
		if rows, err = readHistory(p); err != nil {
			return nil, err
		}
	}
	parts := in.parts(rows)
	eol := lineEnd(existing)
	switch {
	case adopt:
		return adopted(parts, existing, eol), nil
	case len(pieces) == 1:
		blank := slices.Clone(existing)
		if rest := bytes.TrimPrefix(blank, []byte(byteOrderMark)); len(rest) > 0 && !bytes.HasSuffix(rest, []byte("\n")) {
			blank = append(blank, eol...) // a marker is alone on its line
		}
		return append(blank, newFile(parts, eol)...), nil
	}
	return joinParts(pieces, parts, eol), nil
}

// adopted puts the report before a file that Holdfast didn't write. All of its
// text stays, for people to keep or to delete.
func adopted(parts map[string]string, existing []byte, eol string) []byte {
	rest, marked := bytes.CutPrefix(existing, []byte(byteOrderMark))
	var out bytes.Buffer
	if marked {
		out.WriteString(byteOrderMark)
	}
	out.Write(newFile(parts, eol))
	out.WriteString(eol + "<!-- Below is what this file said before. Its history is in the table above. Keep what you need. -->" + eol + eol)
	out.Write(rest)
	return out.Bytes()
}

// draft is a report while it is written.
type draft struct {
	DriftReport
	open   []drift.Episode // that count, oldest first
	waived []drift.Episode
	stacks map[string]drift.Stack
}

func (in DriftReport) parts(rows []*historyRow) map[string]string {
	d := &draft{DriftReport: in, stacks: map[string]drift.Stack{}}
	d.Stacks = slices.Clone(in.Stacks)
	slices.SortStableFunc(d.Stacks, func(a, b drift.Stack) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Workspace, b.Workspace), strings.Compare(a.Name, b.Name))
	})
	for _, s := range d.Stacks {
		d.stacks[s.ID] = s
	}
	for _, e := range in.Episodes {
		switch {
		case e.Life.Over():
		case e.Life == drift.LifeWaived || !e.Finding.Counts():
			d.waived = append(d.waived, e)
		default:
			d.open = append(d.open, e)
		}
	}
	for _, list := range [][]drift.Episode{d.open, d.waived} {
		slices.SortStableFunc(list, func(a, b drift.Episode) int {
			return cmp.Or(drift.BySeverity(a.Finding, b.Finding), strings.Compare(a.Stack.String(), b.Stack.String()), strings.Compare(a.Finding.Address, b.Finding.Address), strings.Compare(a.Finding.ID, b.Finding.ID))
		})
	}
	return map[string]string{
		"header": d.header(), "overview": d.overview(), "status": d.status(), "baseline": d.baseline(), "open": d.openDrift(),
		"method": d.method(), "resolution": d.resolution(), "history": writeHistory(mergeHistory(rows, d.entries(rows), d.gone)),
		"notes": d.notes(), "next": d.nextSteps(),
	}
}

func (d *draft) header() string {
	var b strings.Builder
	b.WriteString("<!-- Written by `holdfast report`. What stands between \"begin\" and \"end\" is written anew each time; your own text goes outside of it, and rows of your own into the history. -->\n\n")
	fmt.Fprintf(&b, "# %s\n\n", mdText(cmp.Or(d.Title, "Infrastructure Drift Report")))
	lines := [][2]string{{"Date", day(d.Run.FinishedAt)}, {"Task", mdText(d.Task)}, {"Environment", mdText(d.Environment)}}
	fields(&b, lines)
	return b.String()
}

// fields writes lines of "**Name**: value". A backslash at a line's end breaks
// the line for readers of the rendered page.
func fields(b *strings.Builder, lines [][2]string) {
	lines = slices.DeleteFunc(lines, func(l [2]string) bool { return l[1] == "" })
	for i, l := range lines {
		fmt.Fprintf(b, "**%s**: %s", l[0], l[1])
		if i < len(lines)-1 {
			b.WriteByte('\\')
		}
		b.WriteByte('\n')
	}
}

func (d *draft) overview() string {
	var b strings.Builder
	b.WriteString("## Overview\n\nThis report tracks infrastructure drift between Terraform state and actual deployed resources.\n")
	sum := drift.Summarize(d.Stacks)
	fmt.Fprintf(&b, "It covers %s in %s", count(sum.Resources, "resource"), count(sum.Stacks, "stack"))
	if len(d.Stacks) == 1 && d.Stacks[0].Ref().String() != "." {
		fmt.Fprintf(&b, ", %s", mdCode(d.Stacks[0].Ref().String()))
	}
	b.WriteString(". ")
	switch n := len(d.open); {
	case n == 0:
		b.WriteString("**No drift is open.**\n")
	default:
		fmt.Fprintf(&b, "**%s open**, the oldest since %s: see [Open Drift](#open-drift).\n", findings(n), day(oldest(d.open)))
	}
	return b.String()
}

func findings(n int) string {
	if n == 1 {
		return "1 finding is"
	}
	return fmt.Sprintf("%d findings are", n)
}

func oldest(list []drift.Episode) time.Time {
	first := list[0].FirstSeen
	for _, e := range list {
		if e.FirstSeen.Before(first) {
			first = e.FirstSeen
		}
	}
	return first
}

const minutes = "2006-01-02 15:04 MST"

// maxListed is how many things a list tells before it only counts.
const maxListed = 20

func (d *draft) status() string {
	var b strings.Builder
	b.WriteString("## Drift Check Status\n\n")
	last := d.Run.FinishedAt.UTC().Format(minutes)
	if d.Run.Tool.Name != "" {
		last += ", " + mdText(d.Run.Tool.Name+" "+d.Run.Tool.Version)
	}
	next := "not scheduled (see [Next Steps](#next-steps))"
	if d.Schedule != "" {
		next = mdCode(d.Schedule)
		if !d.Next.IsZero() {
			next = d.Next.UTC().Format(minutes) + " (" + next + ")"
		}
	}
	fields(&b, [][2]string{{"Last Run", last}, {"Next Scheduled", next}, {"Result", d.result()}, {"Coverage", d.coverage()}})
	if len(d.Stacks) > 1 {
		d.stackTable(&b)
	}
	d.unchecked(&b)
	d.unapplied(&b)
	return b.String()
}

func (d *draft) result() string {
	sum := drift.Summarize(d.Stacks)
	var parts []string
	switch {
	case len(d.open) > 0:
		parts = append(parts, fmt.Sprintf("drift: %s open", count(len(d.open), "finding")))
		if sum.Incomplete+sum.Errored > 0 {
			parts = append(parts, "not everything could be checked")
		}
	case sum.Incomplete+sum.Errored > 0:
		parts = append(parts, "no drift found, but not everything could be checked")
	default:
		parts = append(parts, "clean")
	}
	if n := len(d.waived); n > 0 {
		parts = append(parts, fmt.Sprintf("%d waived or ignored", n))
	}
	if sum.Pending > 0 {
		parts = append(parts, fmt.Sprintf("code not applied yet for %s", count(sum.Pending, "resource")))
	}
	return strings.Join(parts, "; ")
}

func (d *draft) coverage() string {
	checked, all, whole := 0, 0, 0
	for _, s := range d.Stacks {
		r := s.Resources
		checked += r.Checked
		all += r.Checked + r.Unsupported + r.Errored + r.Skipped
		if s.Status != drift.StatusError && len(s.Errors) == 0 && r.Skipped == 0 {
			whole++
		}
	}
	return fmt.Sprintf("%d of %s checked; %d of %s checked whole", checked, count(all, "resource"), whole, count(len(d.Stacks), "stack"))
}

func (d *draft) stackTable(b *strings.Builder) {
	b.WriteString("\n| Stack | Result | Checked | Open |\n|-------|--------|--------:|-----:|\n")
	open := map[string]int{}
	for _, e := range d.open {
		open[e.Stack.ID]++
	}
	for _, s := range d.Stacks {
		r := s.Resources
		fmt.Fprintf(b, "| %s | %s | %d of %d | %d |\n", codeCell(s.Ref().String()), s.Status, r.Checked, r.Checked+r.Unsupported+r.Errored+r.Skipped, open[s.ID])
	}
}

// unchecked names what is not known to be clean.
func (d *draft) unchecked(b *strings.Builder) {
	var lines []string
	for _, s := range d.Stacks {
		for _, e := range s.Errors {
			where := mdCode(cmp.Or(e.Address, s.Ref().String()))
			if e.Address != "" && len(d.Stacks) > 1 {
				where = mdCode(s.Ref().String()) + " " + where
			}
			lines = append(lines, fmt.Sprintf("- %s: %s", where, mdText(abridged(e.Message, 300))))
		}
		for _, fault := range s.Integrity {
			if fault.Severity == drift.SeverityError {
				lines = append(lines, fmt.Sprintf("- the state of %s: %s", mdCode(s.Ref().String()), mdText(abridged(fault.Message, 300))))
			}
		}
	}
	listing(b, "Not checked, and therefore not known to be clean:", lines)
}

func (d *draft) unapplied(b *strings.Builder) {
	var lines []string
	for _, s := range d.Stacks {
		for _, p := range s.Pending {
			lines = append(lines, fmt.Sprintf("- %s: %s", mdCode(d.place(s.Ref(), p.Address)), mdText(strings.Join(p.Actions, ", "))))
		}
	}
	listing(b, "Code that is not applied yet, which is no drift:", lines)
}

// listing writes a headed list, the first of its lines.
func listing(b *strings.Builder, head string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n\n", head)
	for i, line := range lines {
		if i == maxListed {
			fmt.Fprintf(b, "- and %d more\n", len(lines)-i)
			return
		}
		b.WriteString(line + "\n")
	}
}

// place names a resource, with its stack where there are several.
func (d *draft) place(s drift.StackRef, address string) string {
	if len(d.Stacks) > 1 {
		return s.String() + ": " + address
	}
	return address
}

func abridged(s string, most int) string {
	s = singleLine(s)
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-3]) + "..."
	}
	return s
}

var token = regexp.MustCompile(`^[A-Za-z0-9._]+$`)

// tokenOf makes an id fit for a note.
func tokenOf(id string) string {
	if token.MatchString(id) {
		return id
	}
	return "x" + checkOf([columns]string{id})
}

// entries are what the history says: of each baseline and each episode.
func (d *draft) entries(rows []*historyRow) []entry {
	entries := d.baselineEntries(rows)
	for _, e := range d.Episodes {
		first := e.FirstSeen.UTC().Truncate(time.Second)
		one := entry{
			base: tokenOf(e.Finding.ID), stack: tokenOf(e.Stack.ID), start: first, last: e.LastSeen.UTC().Truncate(time.Second),
			cells: [columns]string{day(first), codeCell(d.place(e.Stack, e.Finding.Address)), changedBy(e.Finding), resolutionOf(e)},
		}
		if e.Life.Over() {
			if one.end = e.Ended.UTC().Truncate(time.Second); one.end.Before(first) {
				one.end = first
			}
		}
		entries = append(entries, one)
	}
	return entries
}

// baselineEntries tell when tracking of each stack began, and when its baseline
// was renewed. A row of people's that says the same stands for the first.
func (d *draft) baselineEntries(rows []*historyRow) []entry {
	seen := map[string]bool{}
	var entries []entry
	add := func(s drift.StackRef, at time.Time, renewal string) {
		at = at.UTC().Truncate(time.Second)
		e := entry{base: "b." + tokenOf(s.ID), stack: tokenOf(s.ID), start: at, end: at, last: at}
		e.cells = [columns]string{day(at), mdText(d.place(s, "Initial")), "N/A", "Baseline established"}
		if renewal != "" {
			e.base, e.cells[1], e.cells[3] = "r."+tokenOf(s.ID), mdText(d.place(s, "Baseline")), renewal
		}
		said := func(r *historyRow) bool {
			return renewal == "" && (r.id == "" && slices.Equal(r.cells[1:], e.cells[1:]) || r.id != "" && baseOf(r.id) == e.base)
		}
		if !slices.ContainsFunc(rows, said) {
			entries = append(entries, e)
		}
		seen[s.ID] = true
	}
	events := slices.DeleteFunc(slices.Clone(d.Events), func(e drift.Event) bool { return e.Kind != drift.EventBaseline })
	slices.SortStableFunc(events, func(a, b drift.Event) int { return a.At.Compare(b.At) })
	for _, e := range events {
		renewal := ""
		if seen[e.Stack.ID] {
			renewal = "Baseline renewed" + because(e.Actor, e.Reason, e.Ticket)
		}
		add(e.Stack, e.At, renewal)
	}
	for _, b := range d.Baselines {
		if !seen[b.Stack.ID] {
			add(b.Stack, b.At, "")
		}
	}
	return entries
}

// because says who ended or renewed something, and why, for a cell.
func because(actor, reason, ticket string) string {
	var b strings.Builder
	if actor != "" {
		b.WriteString(" by " + mdText(actor))
	}
	if reason != "" {
		b.WriteString(": " + mdText(reason))
	}
	if ticket != "" {
		b.WriteString(" (" + mdText(ticket) + ")")
	}
	return b.String()
}

func changeType(f drift.Finding) string {
	if f.Kind == drift.Deleted {
		return "Deleted"
	}
	var paths []string
	for i, c := range f.Changes {
		if i == 6 {
			paths = append(paths, fmt.Sprintf("%d more", len(f.Changes)-i))
			break
		}
		paths = append(paths, codeCell(c.Path))
	}
	if len(paths) == 0 {
		return "Modified"
	}
	return "Modified: " + strings.Join(paths, ", ")
}

// changedBy is the type of a change, and who made it where somebody is named.
func changedBy(f drift.Finding) string {
	if by := causeBy(f); by != "" {
		return changeType(f) + " by " + mdText(by)
	}
	return changeType(f)
}

func resolvedWords(at time.Time) string {
	return "Resolved " + day(at) + ": in line with the code again"
}

func resolutionOf(e drift.Episode) string {
	why := because(e.Actor, e.Reason, e.Ticket)
	switch e.Life {
	case drift.LifeResolved:
		if why != "" {
			return "Resolved " + day(e.Ended) + why
		}
		return resolvedWords(e.Ended)
	case drift.LifeAccepted:
		return "Accepted into the code " + day(e.Ended) + why
	case drift.LifeReverted:
		return "Reverted to the code " + day(e.Ended) + why
	case drift.LifeOpen, drift.LifeWaived:
	}
	w := waiverOf(e.Finding)
	switch {
	case e.Finding.Status == drift.Ignored:
		return "Ignored" + because("", cmp.Or(e.Finding.IgnoreReason, e.Reason), "")
	case e.Life == drift.LifeWaived || e.Finding.Status == drift.Waived:
		waived := "Waived"
		if w.ID != "" {
			waived += " (" + codeCell(w.ID) + ")"
		}
		if w.Until != "" {
			waived += " until " + mdText(w.Until)
		}
		return waived + because(w.Owner, cmp.Or(w.Reason, e.Reason), cmp.Or(w.Ticket, e.Ticket))
	case w.State == drift.WaiverEnded:
		return "Open: the waiver " + codeCell(w.ID) + " ended on " + mdText(w.Until) + because("", w.Reason, "")
	}
	return "Open"
}

// gone reports whether the drift of an open row is known to be gone, though the
// store has nothing of it: its stack was checked whole, at the last run, and the
// finding is not among what it found.
func (d *draft) gone(r *historyRow) (time.Time, bool) {
	for _, s := range d.Stacks {
		if tokenOf(s.ID) != r.stack {
			continue
		}
		if s.Status == drift.StatusError || s.Resources.Skipped > 0 || s.OtherState() {
			return time.Time{}, false
		}
		for _, f := range s.Findings {
			if tokenOf(f.ID) == baseOf(r.id) {
				return time.Time{}, false
			}
		}
		for _, e := range s.Errors { // of an address that wasn't checked nothing is known
			for _, kind := range []drift.Kind{drift.Modified, drift.Deleted} {
				if e.Address == "" || drift.FindingID(s.State.Lineage, e.Address, kind) == baseOf(r.id) {
					return time.Time{}, false
				}
			}
		}
		return d.Run.FinishedAt.UTC().Truncate(time.Second), true
	}
	return time.Time{}, false
}
