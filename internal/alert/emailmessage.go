package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"html/template"
	"regexp"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// mostMail is how much text a mail has, in bytes.
const mostMail = 256 << 10

// compose makes the mail of a message: the same in each attempt, but for the
// boundary of its parts.
func (e *email) compose(m Message) (*gomail.Msg, error) {
	msg := gomail.NewMsg()
	msg.FromMailAddress(e.from)
	msg.ToMailAddress(e.to...)
	msg.Subject(oneLine(m.Title))
	msg.SetDateWithValue(mailTime(m))
	_, domain, _ := strings.Cut(e.from.Address, "@")
	msg.SetMessageIDWithValue(mailID(m.ID) + "@" + domain)
	msg.SetUserAgent(agent)
	// No vacation answers it. https://www.rfc-editor.org/rfc/rfc3834#section-5
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	text := plain(shorten(m.Text, mostMail, m.Link))
	link := m.Link
	if strings.Contains(text, link) {
		link = ""
	}
	var page strings.Builder
	if err := mailPage.Execute(&page, map[string]string{"Text": text, "Link": link}); err != nil {
		return nil, err
	}
	if link != "" {
		text = strings.TrimRight(text, "\n") + "\n\n" + link + "\n"
	}
	msg.SetBodyString(gomail.TypeTextPlain, text)
	msg.AddAlternativeString(gomail.TypeTextHTML, page.String())
	return msg, nil
}

var mailPage = template.Must(template.New("mail").Parse(`<!doctype html>
<html><body>
<pre style="white-space: pre-wrap; font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 13px">{{.Text}}</pre>
{{if .Link}}<p><a href="{{.Link}}">{{.Link}}</a></p>
{{end}}</body></html>
`))

// oneLine is a text as one line without control characters, as a title has room for.
func oneLine(text string) string {
	return cut(strings.Join(strings.Fields(plain(text)), " "), mostLine)
}

// fitMailID is what the first part of a Message-ID may be.
// https://www.rfc-editor.org/rfc/rfc5322#section-3.2.3
var fitMailID = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// mailID is the first part of the Message-ID of a message: its own ID, or the hash of
// one that is not fit.
func mailID(id string) string {
	if fitMailID.MatchString(id) && len(id) <= mostGroupID {
		return "holdfast." + id
	}
	sum := sha256.Sum256([]byte(id))
	return "holdfast." + hex.EncodeToString(sum[:])
}
