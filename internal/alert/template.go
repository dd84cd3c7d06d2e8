package alert

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"text/template"

	"holdfast/internal/drift"
)

// Template is a user's own words for messages: a text/template of Go that defines
// some of the templates title, short and text. What it doesn't define stays
// ours. Its data are the message, with Title, Short and Text as ours.
type Template struct {
	file string
	t    *template.Template
}

// mostTemplated is how long a text from a template may be, in bytes.
const mostTemplated = 200_000

var templateFunctions = template.FuncMap{
	"heading": Heading,
	"value":   func(src []byte) string { return shownValue(src) },
	"address": address,
	"line":    tidy,
	"cut":     func(most int, text string) string { return clip(text, max(most, 2)) },
}

// ReadTemplate reads a template and tries it. Errors name file and line.
func ReadTemplate(file string) (*Template, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the alerts' template: %w", err)
	}
	t, err := template.New(file).Funcs(templateFunctions).Option("missingkey=error").Parse(string(src))
	if err != nil {
		return nil, fmt.Errorf("the alerts' template: %w", err)
	}
	own := &Template{file, t}
	defined := false
	for _, part := range own.parts(&Message{}) {
		defined = defined || t.Lookup(part.name) != nil
	}
	if !defined {
		return nil, fmt.Errorf("the alerts' template %s defines none of title, short and text; write {{define \"title\"}}...{{end}}", file)
	}
	sample := drift.Alert{Kind: drift.AlertNew, Finding: &drift.Finding{Changes: []drift.Change{{}}}}
	if _, err := own.fill(Message{Alerts: []drift.Alert{sample}}); err != nil {
		return nil, err
	}
	return own, nil
}

// part is what a template may define.
type part struct {
	name string
	most int // bytes
	into *string
}

func (t *Template) parts(m *Message) []part {
	return []part{{"title", 4 * mostTitle, &m.Title}, {"short", 4 * mostShort, &m.Short}, {"text", mostTemplated, &m.Text}}
}

// fill replaces what the template defines.
func (t *Template) fill(m Message) (Message, error) {
	made := m
	for _, p := range t.parts(&made) {
		if t.t.Lookup(p.name) == nil {
			continue
		}
		w := &limited{most: p.most}
		if err := t.t.ExecuteTemplate(w, p.name, m); err != nil && !errors.Is(err, errFull) {
			return m, fmt.Errorf("the alerts' template: %w", err)
		}
		*p.into = strings.ToValidUTF8(w.text.String(), "")
	}
	made.Title, made.Short = clip(tidy(made.Title), mostTitle), clip(tidy(made.Short), mostShort)
	return made, nil
}

var errFull = errors.New("it is long enough")

// limited takes so many bytes.
type limited struct {
	text strings.Builder
	most int
}

func (b *limited) Write(p []byte) (int, error) {
	n := min(len(p), b.most-b.text.Len())
	b.text.Write(p[:n])
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}
