package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The history of a drift report is a table that both Holdfast and people write
// in. A row of Holdfast's ends with a note that readers don't see:
//
//	<!-- hf:ID STACK START[-END] CHECK -->
//
// ID names the episode of a finding, START and END are when it was there, and
// CHECK is a hash of the row's text: a row whose text is another one by now is
// people's, and is changed only by adding how it ended.

const historyHead = "| Date | Resource | Change Type | Resolution |\n|------|----------|-------------|------------|\n"

// columns of the history.
const columns = 4

// historyRow is a line of the table.
type historyRow struct {
	raw   string // as it is in the file; "" to be written from the cells
	cells [columns]string

	// The rest is of rows with a note.
	id, stack  string
	start, end time.Time // end: zero while it is there
	check      string
}

// entry is what the history should say of one episode.
type entry struct {
	base, stack string // base: the finding's id
	start, end  time.Time
	last        time.Time // when it was last seen, of one that is there
	cells       [columns]string
}

func (e entry) over() bool { return !e.end.IsZero() }

func (r *historyRow) over() bool { return !r.end.IsZero() }

// people reports whether somebody changed the row by hand.
func (r *historyRow) people() bool { return r.check != checkOf(r.cells) }

func checkOf(cells [columns]string) string {
	sum := sha256.Sum256([]byte(strings.Join(cells[:], "\n")))
	return hex.EncodeToString(sum[:4])
}

const noteTime = "20060102T150405Z"

func (r *historyRow) note() string {
	span := r.start.UTC().Format(noteTime)
	if r.over() {
		span += "-" + r.end.UTC().Format(noteTime)
	}
	return fmt.Sprintf("<!-- hf:%s %s %s %s -->", r.id, r.stack, span, r.check)
}

func (r *historyRow) String() string {
	switch {
	case r.raw != "":
		return r.raw
	case r.id == "":
		return "| " + strings.Join(r.cells[:], " | ") + " |"
	}
	return "| " + strings.Join(r.cells[:], " | ") + " " + r.note() + " |"
}

var (
	noteLine  = regexp.MustCompile(`<!-- hf:([A-Za-z0-9._]+(?:-[0-9]+)?) ([A-Za-z0-9._]+) ([0-9]{8}T[0-9]{6}Z)(?:-([0-9]{8}T[0-9]{6}Z))? ([0-9a-f]{8}|edited) -->`)
	separator = regexp.MustCompile(`^\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?$`)
)

// readHistory reads what stands inside the history's part.
func readHistory(p piece) ([]*historyRow, error) {
	var rows []*historyRow
	headed, ruled := false, false // the heading and the table's own rule were there
	for i, line := range strings.Split(string(p.text), "\n") {
		line = strings.TrimSuffix(line, "\r")
		text := strings.TrimSpace(line)
		switch cells := splitRow(text); {
		case text == "":
		case strings.HasPrefix(text, "#") && len(rows) == 0 && !headed:
			headed = true
		case separator.MatchString(text) && !ruled && (len(rows) == 0 || len(rows) == 1 && rows[0].id == ""):
			rows, ruled = nil, true // what came before was the head
		case len(cells) < 2:
			return nil, &BrokenReportError{p.line + i, "this is no row of the history's table; move it out of the part, below the line " + endOf("history")}
		default:
			row, err := readRow(line, cells)
			if err != nil {
				return nil, &BrokenReportError{p.line + i, err.Error()}
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// splitRow cuts a table's row at its bars.
func splitRow(line string) []string {
	line = strings.TrimPrefix(line, "|")
	var cells []string
	from, escaped := 0, false
	for i := range len(line) {
		switch {
		case escaped:
			escaped = false
		case line[i] == '\\':
			escaped = true
		case line[i] == '|':
			cells, from = append(cells, strings.TrimSpace(line[from:i])), i+1
		}
	}
	if rest := strings.TrimSpace(line[from:]); rest != "" {
		cells = append(cells, rest)
	}
	return cells
}

// readRow reads a row. One without a note is people's and kept as it is.
func readRow(line string, cells []string) (*historyRow, error) {
	row := &historyRow{raw: line}
	m := noteLine.FindStringSubmatchIndex(line)
	if n := strings.Count(line, "<!-- hf:"); n > 1 || n == 1 && m == nil {
		return nil, fmt.Errorf("the note of Holdfast's at the end of this row is broken, or there are two; restore it, or remove it to make the row your own")
	}
	if m == nil {
		copy(row.cells[:], cells)
		return row, nil
	}
	group := func(n int) string {
		if m[2*n] < 0 {
			return ""
		}
		return line[m[2*n]:m[2*n+1]]
	}
	row.id, row.stack, row.check = group(1), group(2), group(5)
	var err error
	if row.start, err = time.Parse(noteTime, group(3)); err != nil {
		return nil, fmt.Errorf("the note of Holdfast's at the end of this row has no such time as %s; restore it", group(3))
	}
	if group(4) != "" {
		if row.end, err = time.Parse(noteTime, group(4)); err != nil {
			return nil, fmt.Errorf("the note of Holdfast's at the end of this row has no such time as %s; restore it", group(4))
		}
	}
	// A bar that somebody wrote into the last cell makes a further one of it.
	cells = splitRow(strings.TrimSpace(line[:m[0]] + line[m[1]:]))
	if len(cells) > columns {
		cells = append(cells[:columns-1:columns-1], strings.Join(cells[columns-1:], ` \| `))
	}
	copy(row.cells[:], cells)
	return row, nil
}

// baseOf is the id of the finding that an episode is of.
func baseOf(id string) string {
	base, _, _ := strings.Cut(id, "-")
	return base
}

// history is the table while it is put together.
type history struct {
	rows   []*historyRow
	byBase map[string][]*historyRow
	met    map[*historyRow]bool // the store knows of it
}

// mergeHistory brings what the store knows into the rows that are there. No row
// goes, and none moves. gone tells, of a row that is open and of which the store
// knows nothing, since when the drift is known to be gone.
func mergeHistory(rows []*historyRow, entries []entry, gone func(r *historyRow) (time.Time, bool)) []*historyRow {
	h := &history{rows: rows, byBase: map[string][]*historyRow{}, met: map[*historyRow]bool{}}
	for _, r := range rows {
		if r.id != "" {
			h.byBase[baseOf(r.id)] = append(h.byBase[baseOf(r.id)], r)
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(a.start.Compare(b.start), strings.Compare(a.cells[1], b.cells[1]), strings.Compare(a.base, b.base))
	})
	for _, e := range entries {
		h.add(e)
	}
	for _, r := range h.rows {
		if r.id == "" || r.over() || h.met[r] {
			continue
		}
		if at, ok := gone(r); ok {
			r.close(at, resolvedWords(at))
		}
	}
	return h.rows
}

// add brings one episode in. It is the one of a row if the two were there at
// the same time: a new store doesn't know how often the finding came before.
func (h *history) add(e entry) {
	var same, before *historyRow
	for i, r := range h.byBase[e.base] {
		if !r.overlaps(e) {
			continue
		}
		if same, before = r, nil; i > 0 {
			before = h.byBase[e.base][i-1]
		}
	}
	switch {
	case same == nil:
		h.append(e)
	case same.over() && !e.over() && e.last.After(same.end):
		// It was seen to be gone meanwhile, by somebody else's check.
		e.begins(same.end.Add(time.Second))
		h.append(e)
	default:
		if before != nil && before.over() && !e.start.After(before.end) {
			e.begins(before.end.Add(time.Second))
		}
		h.met[same] = true
		same.update(e)
	}
}

// begins moves the start of an episode behind a time at which the drift is known
// to have been gone.
func (e *entry) begins(at time.Time) {
	e.start = at
	e.cells[0] = day(at)
}

func (r *historyRow) overlaps(e entry) bool {
	last := e.last
	if e.over() {
		last = e.end
	}
	if r.start.Equal(e.start) {
		return true
	}
	return !(r.over() && !e.start.Before(r.end)) && !last.Before(r.start) && !(e.over() && last.Equal(r.start))
}

func (h *history) append(e entry) {
	r := &historyRow{id: e.base, stack: e.stack, start: e.start, end: e.end, cells: e.cells, check: checkOf(e.cells)}
	if n := len(h.byBase[e.base]); n > 0 {
		r.id = fmt.Sprintf("%s-%d", e.base, n+1)
	}
	h.rows, h.byBase[e.base] = append(h.rows, r), append(h.byBase[e.base], r)
	h.met[r] = true
}

// update brings a row up to what is known of its episode.
func (r *historyRow) update(e entry) {
	switch {
	case r.over() && (!e.over() || !r.end.Equal(e.end)):
		// It knows better, or as well from somewhere else.
	case r.people() && !r.over() && e.over():
		r.close(e.end, e.cells[columns-1])
	case r.people():
	default:
		if r.start.Before(e.start) {
			e.start, e.cells[0] = r.start, r.cells[0]
		}
		r.start, r.end, r.cells, r.check, r.raw = e.start, e.end, e.cells, checkOf(e.cells), ""
	}
}

// close writes how it ended into the row, behind what people wrote.
func (r *historyRow) close(at time.Time, words string) {
	last := &r.cells[columns-1]
	if r.people() {
		r.check = "edited"
		if *last != "" {
			words = *last + "; " + words
		}
		*last = words
	} else {
		*last = words
		r.check = checkOf(r.cells)
	}
	r.end, r.raw = at, ""
}

// adoptHistory takes the rows of a history out of a file that Holdfast didn't
// write: those of the tables with the columns of one.
func adoptHistory(src []byte) []*historyRow {
	var rows []*historyRow
	inTable, fenced := false, false
	for line := range strings.SplitSeq(string(src), "\n") {
		text := strings.TrimSpace(oneLine(line))
		if strings.HasPrefix(text, "```") || strings.HasPrefix(text, "~~~") {
			fenced = !fenced
		}
		cells := splitRow(text)
		switch {
		case fenced || len(cells) < 2:
			inTable = false
		case isHistoryHead(cells):
			inTable = true
		case inTable && !separator.MatchString(text):
			row, err := readRow(text, cells)
			if err != nil {
				row = &historyRow{raw: strings.ReplaceAll(text, "<!-- hf:", "<!-- ")}
				copy(row.cells[:], cells)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func isHistoryHead(cells []string) bool {
	return len(cells) == columns && strings.EqualFold(strings.Join(cells, "|"), "Date|Resource|Change Type|Resolution")
}

// writeHistory is the history's part.
func writeHistory(rows []*historyRow) string {
	var b strings.Builder
	b.WriteString("## Drift History\n\n" + historyHead)
	for _, r := range rows {
		b.WriteString(r.String() + "\n")
	}
	return b.String()
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
