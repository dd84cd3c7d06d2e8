package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/drift"
	"holdfast/internal/drift/baseline"
)

// Of more resources than this a report tells the numbers alone.
const maxBaseline = 300

func (d *draft) baseline() string {
	var b strings.Builder
	b.WriteString("## Baseline Configuration\n")
	baselines := slices.Clone(d.Baselines)
	slices.SortStableFunc(baselines, func(x, y drift.Baseline) int { return strings.Compare(x.Stack.String(), y.Stack.String()) })
	total := 0
	for _, one := range baselines {
		total += len(one.Resources)
	}
	switch {
	case len(baselines) == 0:
		b.WriteString("\nNone yet: the next check of a stack records what it has.\n")
	case len(baselines) == 1 && total <= maxBaseline:
		fmt.Fprintf(&b, "\nWhat was provisioned when tracking began, or was last said to be as it should be: %s.\n\n### Resources Provisioned\n\n", day(baselines[0].At))
		b.WriteString(provisioned(baselines[0].Resources))
	default:
		d.baselines(&b, baselines, total)
	}
	return b.String()
}

func (d *draft) baselines(b *strings.Builder, baselines []drift.Baseline, total int) {
	fmt.Fprintf(b, "\nWhat was provisioned when tracking began, or was last said to be as it should be: %s in %s.\n\n### Resources Provisioned\n",
		count(total, "resource"), count(len(baselines), "stack"))
	if total > maxBaseline {
		b.WriteString("\nToo many to list here; `holdfast baseline` shows them.\n\n| Stack | Since | Resources |\n|-------|-------|----------:|\n")
		for _, one := range baselines {
			fmt.Fprintf(b, "| %s | %s | %d |\n", codeCell(one.Stack.String()), day(one.At), len(one.Resources))
		}
		return
	}
	for _, one := range baselines {
		fmt.Fprintf(b, "\n#### %s, %s\n\n%s", mdCode(one.Stack.String()), day(one.At), provisioned(one.Resources))
	}
}

// provisioned numbers the resources: each on its own, or those of a heading
// together, the types that the table of notable attributes has first.
func provisioned(resources []drift.BaselineResource) string {
	if len(resources) == 0 {
		return "None.\n"
	}
	var b strings.Builder
	var order []string
	groups := map[string][]drift.BaselineResource{}
	for _, r := range inSeedOrder(resources) {
		if factOf(r, baseline.PartOf) != "" {
			continue // told with that one
		}
		head := baseline.KindOf(r.Type).Group
		if head == "" {
			head = " " + r.Address
		}
		if groups[head] == nil {
			order = append(order, head)
		}
		groups[head] = append(groups[head], r)
	}
	for i, head := range order {
		indent := strings.Repeat(" ", len(strconv.Itoa(i+1))+2)
		if i > 0 {
			b.WriteByte('\n')
		}
		if strings.HasPrefix(head, " ") {
			single(&b, i+1, indent, groups[head][0])
			continue
		}
		fmt.Fprintf(&b, "%d. **%s**:\n", i+1, head)
		for _, r := range groups[head] {
			fmt.Fprintf(&b, "%s- %s\n", indent, groupLine(r))
		}
	}
	return b.String()
}

// inSeedOrder puts first what one looks for first. Types that nothing is known
// of come last.
func inSeedOrder(resources []drift.BaselineResource) []drift.BaselineResource {
	first := []string{"aws_dynamodb_table", "aws_db_instance", "aws_rds_cluster", "aws_s3_bucket", "aws_lambda_function", "aws_instance",
		"aws_api_gateway_resource", "aws_api_gateway_method", "aws_apigatewayv2_route", "aws_api_gateway_stage", "aws_api_gateway_deployment",
		"aws_cloudwatch_log_group", "aws_cloudwatch_metric_alarm", "aws_cloudwatch_event_rule", "aws_iam_role", "aws_iam_policy", "aws_iam_user"}
	rank := func(r drift.BaselineResource) int {
		if i := slices.Index(first, r.Type); i >= 0 {
			return i
		}
		if baseline.KindOf(r.Type).Title != r.Type {
			return len(first)
		}
		return len(first) + 1
	}
	sorted := slices.Clone(resources)
	slices.SortStableFunc(sorted, func(a, b drift.BaselineResource) int {
		// Short names first: /v1 before what is below it.
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Type, b.Type), cmp.Compare(len(a.Name), len(b.Name)), strings.Compare(a.Address, b.Address))
	})
	return sorted
}

func single(b *strings.Builder, n int, indent string, r drift.BaselineResource) {
	title := baseline.KindOf(r.Type).Title
	if title == r.Type {
		fmt.Fprintf(b, "%d. **%s**: %s\n", n, mdText(title), mdCode(cmp.Or(r.Name, r.Address)))
	} else {
		fmt.Fprintf(b, "%d. **%s**: %s\n", n, title, mdCode(cmp.Or(r.Name, r.Address)))
	}
	for _, f := range r.Facts {
		fmt.Fprintf(b, "%s- %s: %s\n", indent, mdText(f.Label), factValue(f.Value))
	}
}

// factValue shows a value: words as they are, all else as code.
func factValue(v string) string {
	words := strings.ContainsRune(v, ' ') && !strings.ContainsAny(v, "{[\"*")
	if words || v == "enabled" || v == "disabled" || v == "yes" || v == "no" {
		return mdText(v)
	}
	return mdCode(v)
}

func factOf(r drift.BaselineResource, label string) string {
	for _, f := range r.Facts {
		if f.Label == label {
			return f.Value
		}
	}
	return ""
}

// groupLine fills the line of a grouped type: {Label} and {name}, as code between
// backticks; what is in brackets is left out where something in it is missing.
func groupLine(r drift.BaselineResource) string {
	line := baseline.KindOf(r.Type).Line
	for {
		before, rest, ok := strings.Cut(line, "[")
		if !ok {
			break
		}
		optional, after, _ := strings.Cut(rest, "]")
		if _, whole := fillLine(optional, r); !whole {
			optional = ""
		}
		line = before + optional + after
	}
	filled, _ := fillLine(line, r)
	return filled
}

func fillLine(line string, r drift.BaselineResource) (filled string, whole bool) {
	whole = true
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(line, "{")
		if !ok {
			b.WriteString(before)
			return b.String(), whole
		}
		label, after, _ := strings.Cut(rest, "}")
		value := factOf(r, label)
		if label == "name" {
			value = cmp.Or(r.Name, r.Address)
		}
		whole = whole && value != ""
		if strings.HasSuffix(before, "`") && strings.HasPrefix(after, "`") {
			b.WriteString(strings.TrimSuffix(before, "`") + mdCode(cmp.Or(value, "?")))
			after = after[1:]
		} else {
			b.WriteString(before + mdText(cmp.Or(value, "?")))
		}
		line = after
	}
}

func (d *draft) openDrift() string {
	var b strings.Builder
	b.WriteString("## Open Drift\n\n")
	if len(d.open) == 0 {
		b.WriteString("None.\n")
	} else {
		d.openTable(&b)
		for _, e := range d.open {
			d.finding(&b, e)
		}
	}
	if len(d.waived) > 0 {
		b.WriteString("\n### Known and Not Counted\n\n| Since | Resource | Change Type | Why |\n|-------|----------|-------------|-----|\n")
		for _, e := range d.waived {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", day(e.FirstSeen), codeCell(d.place(e.Stack, e.Finding.Address)), changedBy(e.Finding), resolutionOf(e))
		}
	}
	return b.String()
}

func (d *draft) openTable(b *strings.Builder) {
	graded := slices.ContainsFunc(d.open, func(e drift.Episode) bool { return severityName(e.Finding) != "" })
	severity := func(cell string) string {
		if !graded {
			return ""
		}
		return " | " + cell
	}
	fmt.Fprintf(b, "| Since | Resource%s | Change Type | Cause | Finding |\n|-------|----------%s|-------------|-------|---------|\n", severity("Severity"), strings.ReplaceAll(severity("----------"), " ", ""))
	for _, e := range d.open {
		cause := "not known"
		switch c := asked(e.Finding); {
		case c.Known():
			cause = mdText(causeText(e.Finding))
		case c != nil:
			cause = string(drift.CauseUnknown) // why is told below
		}
		fmt.Fprintf(b, "| %s | %s%s | %s | %s | %s |\n", day(e.FirstSeen), codeCell(d.place(e.Stack, e.Finding.Address)),
			severity(severityName(e.Finding)), changeType(e.Finding), cause, codeCell(e.Finding.ID))
	}
}

// finding tells one finding: since when, by whom, and what is different.
func (d *draft) finding(b *strings.Builder, e drift.Episode) {
	f := e.Finding
	fmt.Fprintf(b, "\n### %s\n\n", mdCode(d.place(e.Stack, f.Address)))
	fmt.Fprintf(b, "- Found %s, last seen %s, in %s\n", e.FirstSeen.UTC().Format(minutes), e.LastSeen.UTC().Format(minutes), count(e.Seen, "check"))
	writeCause(b, f)
	if f.Waiver != nil && f.Waiver.State == drift.WaiverEnded {
		fmt.Fprintf(b, "- Waiver: %s\n", mdText(waiverText(f)))
	}
	if f.Certainty == drift.Possible {
		fmt.Fprintf(b, "- Only possible: %s\n", mdText(cmp.Or(f.Doubt, "it could not be told for certain")))
	}
	if !d.seenLast(e) {
		b.WriteString("- The last check could not look at it again\n")
	}
	if replaced := replacing(f); len(replaced) > 0 {
		fmt.Fprintf(b, "- Putting it back **replaces the resource**, because of %s\n", strings.Join(replaced, ", "))
	}
	if f.Kind == drift.Deleted {
		b.WriteString("- It is in the state, and does not exist any more\n")
		return
	}
	b.WriteString("\n" + mdFence("diff", fencedDiff(f)))
}

// writeCause tells who changed it, and what makes that believable.
func writeCause(b *strings.Builder, f drift.Finding) {
	if asked(f) == nil {
		b.WriteString("- Who changed it is not known\n")
		return
	}
	fmt.Fprintf(b, "- %s: %s\n", causeLabel(f), mdText(causeText(f)))
	for _, note := range causeNotes(f.Cause) {
		fmt.Fprintf(b, "  - %s: %s\n", note.Label, mdText(note.Text))
	}
}

// seenLast reports whether the latest result of the stack has the finding.
func (d *draft) seenLast(e drift.Episode) bool {
	s, ok := d.stacks[e.Stack.ID]
	return ok && slices.ContainsFunc(s.Findings, func(f drift.Finding) bool { return f.ID == e.Finding.ID })
}

func replacing(f drift.Finding) []string {
	var paths []string
	for _, c := range f.Changes {
		if c.RequiresReplace {
			paths = append(paths, mdCode(c.Path))
		}
	}
	return paths
}

// Limits of the diff of one finding; the rest is for holdfast check to show.
const (
	maxDiffLines = 60
	maxDiffValue = 400
)

// fencedDiff shows what is expected (-) and what is live (+).
func fencedDiff(f drift.Finding) []string {
	var lines []string
	for _, c := range f.Changes {
		if c.Sensitive {
			lines = append(lines, "! "+c.Path+" (sensitive: its values are not shown)")
			continue
		}
		parts := documentDiff(c)
		if parts == nil {
			parts = []value{{c.Path, c.Expected, c.Actual}}
		} else {
			for i := range parts {
				parts[i].path = strings.TrimSuffix(c.Path+": "+parts[i].path, ": ")
			}
		}
		for _, part := range parts {
			lines = append(lines, "- "+part.path+" = "+abridged(show(part.expected), maxDiffValue), "+ "+part.path+" = "+abridged(show(part.live), maxDiffValue))
		}
	}
	if n := len(lines) - maxDiffLines; n > 0 {
		lines = append(lines[:maxDiffLines], fmt.Sprintf("  and %d more lines", n))
	}
	return lines
}

// waiverOf is why a finding doesn't count, and for how long; nothing where no
// waiver is named.
func waiverOf(f drift.Finding) drift.FindingWaiver {
	if f.Waiver == nil {
		return drift.FindingWaiver{}
	}
	return *f.Waiver
}
