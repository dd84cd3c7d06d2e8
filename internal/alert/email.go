package alert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// EmailOptions say through which server mail is sent, and to whom.
type EmailOptions struct {
	Host     string
	Port     int    // 0: 587; 465 where TLS is implicit, 25 where there is none
	TLS      string // starttls, implicit or none; "": starttls
	From     string // an address, maybe with a name
	To       []string
	Username string // "": nobody logs in
	Password string
	RootCAs  *x509.CertPool // nil: those of the system
	// HostName is what the server is told this machine is called; "": its name.
	HostName string
}

type email struct {
	o       EmailOptions
	what    string
	from    *mail.Address
	to      []*mail.Address
	secrets []string
}

// NewEmail is a channel to people's mail.
func NewEmail(o EmailOptions) (Notifier, error) {
	if o.TLS == "" {
		o.TLS = "starttls"
	}
	ports := map[string]int{"starttls": 587, "implicit": 465, "none": 25}
	if _, known := ports[o.TLS]; !known {
		return nil, fmt.Errorf("email: tls %q: there are starttls, implicit and none", o.TLS)
	}
	if o.Port == 0 {
		o.Port = ports[o.TLS]
	}
	e := &email{o: o, what: "mail server " + net.JoinHostPort(o.Host, strconv.Itoa(o.Port))}
	if o.Host == "" || len(o.To) == 0 {
		return nil, errors.New("email needs a host and somebody to send to")
	}
	if o.Username != "" && o.TLS == "none" && !loopback(o.Host) {
		return nil, fmt.Errorf("%s: a password is not sent without TLS: use tls: starttls or implicit", e.what)
	}
	if o.Password != "" {
		e.secrets = []string{o.Password, "\x00" + o.Username + "\x00" + o.Password}
	}
	if err := e.addresses(); err != nil {
		return nil, err
	}
	return e, nil
}

// addresses reads those of the options.
func (e *email) addresses() error {
	var err error
	if e.from, err = mail.ParseAddress(e.o.From); err != nil {
		return fmt.Errorf("email: from %q is no address: %w", e.o.From, err)
	}
	for _, text := range e.o.To {
		address, err := mail.ParseAddress(text)
		if err != nil {
			return fmt.Errorf("email: to %q is no address: %w", text, err)
		}
		e.to = append(e.to, address)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (e *email) Notify(ctx context.Context, m Message) error {
	msg, err := e.compose(m)
	if err != nil {
		return Refused(hide(fmt.Errorf("mail from %s: %w", e.from.Address, err), e.secrets))
	}
	ctx, cancel := context.WithTimeout(ctx, mostPatience)
	defer cancel()
	client, done, err := e.connect(ctx)
	defer func() { done() }()
	if err != nil {
		return e.failure(ctx, "", err)
	}
	return e.send(ctx, client, msg)
}

// connect opens a connection, with TLS and logged in as wanted. done must be called;
// the context's end cuts the connection.
func (e *email) connect(ctx context.Context) (client *smtp.Client, done func(), err error) {
	config := &tls.Config{ServerName: e.o.Host, MinVersion: tls.VersionTLS12, RootCAs: e.o.RootCAs}
	done = func() {}
	dial := (&net.Dialer{}).DialContext
	if e.o.TLS == "implicit" {
		dial = (&tls.Dialer{Config: config}).DialContext
	}
	watched := func(_ context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		release := context.AfterFunc(ctx, func() { _ = conn.Close() })
		done = func() {
			release()
			_ = conn.Close() // what matters has been answered
		}
		return conn, nil
	}
	c, err := gomail.NewClient(e.o.Host, append(e.options(), gomail.WithTLSConfig(config), gomail.WithDialContextFunc(watched))...)
	if err != nil {
		return nil, done, err
	}
	client, err = c.DialToSMTPClientWithContext(ctx)
	return client, done, err
}

// options are those of a connection, but for how it is made.
func (e *email) options() []gomail.Option {
	options := []gomail.Option{gomail.WithPort(e.o.Port), gomail.WithTimeout(mostPatience), gomail.WithTLSPolicy(gomail.NoTLS)}
	if e.o.TLS == "starttls" {
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if e.o.HostName != "" {
		options = append(options, gomail.WithHELO(e.o.HostName))
	}
	if e.o.Username != "" {
		options = append(options, gomail.WithUsername(e.o.Username), gomail.WithPassword(e.o.Password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	return options
}

// send hands a mail over. Who of its readers is not known to the server keeps nobody
// else from getting it.
func (e *email) send(ctx context.Context, client *smtp.Client, msg *gomail.Msg) error {
	if err := client.Mail(path(e.from)); err != nil {
		return e.failure(ctx, "from "+e.from.Address, err)
	}
	var rejected error
	taken := 0
	for _, to := range e.to {
		if err := client.Rcpt(path(to)); err != nil {
			f := e.failure(ctx, "to "+to.Address, err)
			if rejected == nil || !isRefused(f) { // what time may mend counts
				rejected = f
			}
			if !isAnswer(err) {
				return rejected
			}
			continue
		}
		taken++
	}
	if taken == 0 {
		return rejected
	}
	writer, err := client.Data()
	if err != nil {
		return e.failure(ctx, "", err)
	}
	if _, err := msg.WriteTo(writer); err != nil {
		return e.failure(ctx, "", err) // unfinished: the server drops it with the connection
	}
	if err := writer.Close(); err != nil {
		return e.failure(ctx, "", err)
	}
	_ = client.Quit() // the mail was taken
	return rejected
}

// path is an address as SMTP has it.
func path(a *mail.Address) string { return (&mail.Address{Address: a.Address}).String() }

// mailTime is when a message was made: the same in each attempt.
func mailTime(m Message) time.Time {
	if m.At.IsZero() {
		return time.Now()
	}
	return m.At
}
