package alert

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const canaryPassword = "canary-password-63ab"

// mailServer is an SMTP server that keeps what it is told.
type mailServer struct {
	host     string
	port     int
	roots    *x509.CertPool
	config   *tls.Config
	implicit bool              // TLS from the start
	plain    bool              // no TLS is offered
	auth     string            // ways to log in; "": PLAIN LOGIN
	reply    map[string]string // instead of the usual, by the start of a command
	silent   string            // a command that is never answered

	mu       sync.Mutex
	commands []string // in order; TLS stands for a handshake
	mails    []string
}

// start lets the server listen until the test ends.
func (s *mailServer) start(t *testing.T) *mailServer {
	t.Helper()
	certified := httptest.NewTLSServer(nil)
	t.Cleanup(certified.Close)
	s.config = &tls.Config{Certificates: certified.TLS.Certificates}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(certified.Certificate())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.implicit {
		listener = tls.NewListener(listener, s.config)
	}
	address := listener.Addr().(*net.TCPAddr)
	s.host, s.port = "127.0.0.1", address.Port
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		open.Wait()
	})
	return s
}

func (s *mailServer) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // no test waits so long
	in := bufio.NewReader(conn)
	secure := s.implicit
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	if greeting := s.instead("greeting"); greeting != "" {
		say(greeting)
	} else {
		say("220 mail.example.com ESMTP")
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.note(line)
		if s.silent != "" && strings.HasPrefix(line, s.silent) {
			_, _ = io.Copy(io.Discard, in)
			return
		}
		verb, _, _ := strings.Cut(line, " ")
		reply := s.instead(line)
		switch {
		case reply != "":
			say(reply)
			if strings.HasPrefix(reply, "421") {
				return
			}
		case verb == "EHLO":
			say(s.hello(secure))
		case verb == "STARTTLS":
			say("220 go on")
			upgraded := tls.Server(conn, s.config)
			if upgraded.HandshakeContext(context.Background()) != nil {
				return
			}
			conn, in, secure = upgraded, bufio.NewReader(upgraded), true
			s.note("TLS")
		case line == "AUTH LOGIN":
			for _, ask := range []string{"334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"} {
				say(ask)
				answer, _ := in.ReadString('\n')
				s.note(strings.TrimSpace(answer))
			}
			say("235 welcome")
		case verb == "AUTH":
			say("235 welcome")
		case verb == "DATA":
			say("354 go on")
			if !s.read(in) {
				return
			}
			if reply := s.instead("."); reply != "" {
				say(reply)
			} else {
				say("250 taken")
			}
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) hello(secure bool) string {
	lines := []string{"mail.example.com", "8BITMIME"}
	if !secure && !s.plain {
		lines = append(lines, "STARTTLS")
	}
	if secure || s.plain {
		switch s.auth {
		case "":
			lines = append(lines, "AUTH PLAIN LOGIN")
		case "none":
		default:
			lines = append(lines, "AUTH "+s.auth)
		}
	}
	var text strings.Builder
	for i, line := range lines {
		fmt.Fprintf(&text, "250%s%s\r\n", map[bool]string{true: " ", false: "-"}[i == len(lines)-1], line)
	}
	return strings.TrimSuffix(text.String(), "\r\n")
}

// read keeps one mail.
func (s *mailServer) read(in *bufio.Reader) bool {
	var text strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			s.mu.Lock()
			s.mails = append(s.mails, text.String())
			s.mu.Unlock()
			return true
		}
		text.WriteString(strings.TrimPrefix(line, "."))
	}
}

func (s *mailServer) instead(command string) string {
	for start, reply := range s.reply {
		if strings.HasPrefix(command, start) {
			return reply
		}
	}
	return ""
}

func (s *mailServer) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = append(s.commands, line)
}

// said are the commands so far, and the mails.
func (s *mailServer) said() (commands, mails []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands), slices.Clone(s.mails)
}

// channel is one to the server.
func (s *mailServer) channel(t *testing.T, change func(*EmailOptions)) Notifier {
	t.Helper()
	o := EmailOptions{
		Host: s.host, Port: s.port, RootCAs: s.roots, HostName: "client.example.com",
		From: "Holdfast <holdfast@example.com>", To: []string{"anna@example.com", "Bo <bo@example.com>"},
		Username: "me", Password: canaryPassword,
	}
	if change != nil {
		change(&o)
	}
	n, err := NewEmail(o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEmailConversation(t *testing.T) {
	t.Parallel()
	plainLogin := "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00me\x00"+canaryPassword))
	envelope := []string{"MAIL FROM:<holdfast@example.com> BODY=8BITMIME", "RCPT TO:<anna@example.com>", "RCPT TO:<bo@example.com>", "DATA", "QUIT"}
	for name, c := range map[string]struct {
		server *mailServer
		change func(*EmailOptions)
		before []string
	}{
		"starttls": {&mailServer{}, nil, []string{"EHLO client.example.com", "STARTTLS", "TLS", "EHLO client.example.com", plainLogin}},
		"implicit": {&mailServer{implicit: true}, func(o *EmailOptions) { o.TLS = "implicit" }, []string{"EHLO client.example.com", plainLogin}},
		"login": {&mailServer{auth: "XOAUTH2 LOGIN"}, nil, []string{
			"EHLO client.example.com", "STARTTLS", "TLS", "EHLO client.example.com", "AUTH LOGIN",
			base64.StdEncoding.EncodeToString([]byte("me")), base64.StdEncoding.EncodeToString([]byte(canaryPassword)),
		}},
		"no login":               {&mailServer{}, func(o *EmailOptions) { o.Username = "" }, []string{"EHLO client.example.com", "STARTTLS", "TLS", "EHLO client.example.com"}},
		"none":                   {&mailServer{plain: true}, func(o *EmailOptions) { o.TLS, o.Username = "none", "" }, []string{"EHLO client.example.com"}},
		"none, with TLS at hand": {&mailServer{}, func(o *EmailOptions) { o.TLS, o.Username = "none", "" }, []string{"EHLO client.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := c.server.start(t)
			if err := server.channel(t, c.change).Notify(t.Context(), someMessage()); err != nil {
				t.Fatal(err)
			}
			commands, mails := server.said()
			if want := slices.Concat(c.before, envelope); !slices.Equal(commands, want) {
				t.Errorf("said %q,\nwant %q", commands, want)
			}
			if len(mails) != 1 {
				t.Errorf("%d mails", len(mails))
			}
		})
	}
}

func TestEmailContent(t *testing.T) {
	t.Parallel()
	evil := someMessage()
	evil.ID = "x>\r\nBcc: eve@example.com"
	evil.Title = "drift\r\nBcc: eve@example.com\r\n\r\nbody \x00 – ü"
	evil.Text = "<script>alert(1)</script>\n.\nQUIT\n\x1b[31mred\n" + strings.Repeat("ü", 2000) + "\n"
	evil.Link = `javascript:alert("x")`
	for name, c := range map[string]struct {
		message              Message
		subject, id          string
		text, html, htmlLess string
	}{
		"alerts": {
			message: someMessage(), subject: "prod/network, prod/device-tokens: 2 alerts – drift", id: "<holdfast.m-20261126-0001@example.com>",
			text: "aws_dynamodb_table.tokens: tags[\"owner\"]\n\nhttps://holdfast.example.com/runs/1\n",
			html: `<p><a href="https://holdfast.example.com/runs/1">`,
		},
		"test":          {message: testMessage(), subject: "Holdfast test", id: "<holdfast.m-test@example.com>", text: "This is a test of the channel ops.\n", html: "This is a test"},
		"10,000 alerts": {message: manyAlerts(10_000), subject: "10000 alerts", id: "<holdfast.m-20261126-0001@example.com>", text: "more lines: https://holdfast.example.com/runs/1", html: "more lines"},
		"hostile": {
			message: evil, subject: "drift Bcc: eve@example.com body – ü", id: "<holdfast." + mailID(evil.ID)[len("holdfast."):] + "@example.com>",
			text: "<script>alert(1)</script>\n.\nQUIT\n[31mred\nü", html: "&lt;script&gt;", htmlLess: "<script",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := (&mailServer{}).start(t)
			channel := server.channel(t, nil)
			for range 2 {
				if err := channel.Notify(t.Context(), c.message); err != nil {
					t.Fatal(err)
				}
			}
			_, mails := server.said()
			if len(mails) != 2 {
				t.Fatalf("%d mails", len(mails))
			}
			for _, raw := range mails {
				m, text, html := readMail(t, raw)
				subject, err := new(mime.WordDecoder).DecodeHeader(m.Get("Subject"))
				if err != nil || subject != c.subject {
					t.Errorf("subject %q, want %q (%v)", subject, c.subject, err)
				}
				for header, want := range map[string]string{
					"Message-Id": c.id, "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "Bcc": "", "Mime-Version": "1.0",
					"From": `"Holdfast" <holdfast@example.com>`, "To": `<anna@example.com>, "Bo" <bo@example.com>`, "Date": "Thu, 26 Nov 2026 09:30:00 +0000",
				} {
					if got := m.Get(header); got != want {
						t.Errorf("%s: %q, want %q", header, got, want)
					}
				}
				if !strings.Contains(text, c.text) || !strings.Contains(html, c.html) || c.htmlLess != "" && strings.Contains(html, c.htmlLess) {
					t.Errorf("text %.300q\nhtml %.600q", text, html)
				}
				if strings.Contains(html, `href="javascript:`) {
					t.Errorf("html %.600q", html)
				}
			}
		})
	}
}

// readMail takes a mail apart.
func readMail(t *testing.T, raw string) (header mail.Header, text, html string) {
	t.Helper()
	for line := range strings.Lines(raw) {
		if len(line) > 1000 || !strings.HasSuffix(line, "\r\n") || strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
			t.Errorf("a line that not every server takes: %.200q", line)
		}
	}
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("type %s: %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	var content []string
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if coding := part.Header.Get("Content-Transfer-Encoding"); coding != "quoted-printable" {
			t.Fatalf("coded %s", coding)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, part.Header.Get("Content-Type")+"\n"+strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
	if len(content) != 2 || !strings.HasPrefix(content[0], "text/plain; charset=UTF-8\n") || !strings.HasPrefix(content[1], "text/html; charset=UTF-8\n") {
		t.Fatalf("parts %.100q", content)
	}
	return m.Header, content[0], content[1]
}

// What a server does not take is refused or worth trying again, as it says; no error
// has the password, though servers repeat it.
func TestEmailErrors(t *testing.T) {
	t.Parallel()
	coded := base64.StdEncoding.EncodeToString([]byte("\x00me\x00" + canaryPassword))
	for name, c := range map[string]struct {
		server  *mailServer
		change  func(*EmailOptions)
		refused bool
		mails   int
		says    string
	}{
		"busy":                 {server: &mailServer{reply: map[string]string{"greeting": "421 too many connections"}}, says: "421 too many"},
		"refuses":              {server: &mailServer{reply: map[string]string{"greeting": "554 no mail from there"}}, refused: true, says: "ask who runs"},
		"no STARTTLS":          {server: &mailServer{plain: true}, refused: true, says: "offers no STARTTLS: use tls: implicit"},
		"STARTTLS fails":       {server: &mailServer{reply: map[string]string{"STARTTLS": "454 not now"}}, says: "454 not now"},
		"unknown certificate":  {server: &mailServer{}, change: func(o *EmailOptions) { o.RootCAs = nil }, says: "certificate"},
		"of somebody else":     {server: &mailServer{}, change: func(o *EmailOptions) { o.Host = "localhost" }, says: "localhost"},
		"implicit, of none":    {server: &mailServer{}, change: func(o *EmailOptions) { o.TLS = "implicit" }, says: "TLS"},
		"wrong password":       {server: &mailServer{reply: map[string]string{"AUTH": "535 5.7.8 no: me " + canaryPassword + " " + coded}}, refused: true, says: "username and password are right"},
		"login later":          {server: &mailServer{reply: map[string]string{"AUTH": "454 4.7.0 later"}}, says: "454 4.7.0 later"},
		"no way to log in":     {server: &mailServer{auth: "none"}, refused: true, says: "no way to log in"},
		"unknown ways":         {server: &mailServer{auth: "GSSAPI"}, refused: true, says: "no way to log in"},
		"login wanted":         {server: &mailServer{reply: map[string]string{"MAIL": "530 5.7.0 authentication required"}}, change: func(o *EmailOptions) { o.Username = "" }, refused: true, says: "give username"},
		"sender":               {server: &mailServer{reply: map[string]string{"MAIL": "550 no such sender"}}, refused: true, says: "mail from holdfast@example.com: answers 550"},
		"nobody known":         {server: &mailServer{reply: map[string]string{"RCPT": "550 no such user"}}, refused: true, says: "mail to anna@example.com: answers 550 no such user"},
		"one unknown":          {server: &mailServer{reply: map[string]string{"RCPT TO:<anna": "550 no such user"}}, refused: true, mails: 1, says: "mail to anna@example.com: answers 550 no such user"},
		"one greylisted":       {server: &mailServer{reply: map[string]string{"RCPT TO:<anna": "550 no such user", "RCPT TO:<bo": "450 later"}}, says: "mail to bo@example.com: answers 450 later"},
		"one, the server ends": {server: &mailServer{reply: map[string]string{"RCPT TO:<bo": "421 too busy"}}, says: "421 too busy"},
		"full":                 {server: &mailServer{reply: map[string]string{"DATA": "452 no room"}}, says: "452 no room"},
		"too large":            {server: &mailServer{reply: map[string]string{".": "552 too large"}}, refused: true, mails: 1, says: "larger mail"},
		"content":              {server: &mailServer{reply: map[string]string{".": "451 scanner is away"}}, mails: 1, says: "451 scanner is away"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := c.server.start(t)
			err := server.channel(t, c.change).Notify(t.Context(), someMessage())
			if err == nil || isRefused(err) != c.refused || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("refused %v: %v", isRefused(err), err)
			}
			noSecrets(t, err, []string{canaryPassword, coded, base64.StdEncoding.EncodeToString([]byte(canaryPassword))})
			if _, mails := server.said(); len(mails) != c.mails {
				t.Errorf("%d mails", len(mails))
			}
		})
	}
}

// A server that stops answering is waited for as long as the context says.
func TestEmailTimeout(t *testing.T) {
	t.Parallel()
	for _, silent := range []string{"EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"} {
		t.Run(silent, func(t *testing.T) {
			t.Parallel()
			server := (&mailServer{silent: silent}).start(t)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			err := server.channel(t, nil).Notify(ctx, someMessage())
			if err == nil || isRefused(err) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			noSecrets(t, err, []string{canaryPassword})
		})
	}
}

func TestEmailUnreachable(t *testing.T) {
	t.Parallel()
	n, err := NewEmail(EmailOptions{Host: "127.0.0.1", Port: 1, From: "a@example.com", To: []string{"b@example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Notify(t.Context(), someMessage()); err == nil || isRefused(err) || !strings.Contains(err.Error(), "mail server 127.0.0.1:1 can't be reached") {
		t.Error(err)
	}
}

func TestEmailOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*EmailOptions)
		says   string
	}{
		"host":         {func(o *EmailOptions) { o.Host = "" }, "needs a host"},
		"nobody":       {func(o *EmailOptions) { o.To = nil }, "somebody to send to"},
		"tls":          {func(o *EmailOptions) { o.TLS = "ssl" }, "there are starttls, implicit and none"},
		"open login":   {func(o *EmailOptions) { o.TLS = "none" }, "not sent without TLS"},
		"from":         {func(o *EmailOptions) { o.From = "a@example.com\r\nBcc: x@example.com" }, "is no address"},
		"to":           {func(o *EmailOptions) { o.To = []string{"b@example.com>\r\nDATA"} }, "is no address"},
		"two in one":   {func(o *EmailOptions) { o.To = []string{"b@example.com, c@example.com"} }, "is no address"},
		"fine":         {func(*EmailOptions) {}, ""},
		"near machine": {func(o *EmailOptions) { o.Host, o.TLS = "localhost", "none" }, ""},
	} {
		o := EmailOptions{Host: "mail.example.com", From: "a@example.com", To: []string{"b@example.com"}, Username: "me", Password: canaryPassword}
		c.change(&o)
		_, err := NewEmail(o)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			noSecrets(t, err, []string{canaryPassword})
		}
	}
}
