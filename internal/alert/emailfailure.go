package alert

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// failure says what an error of a mail server is: answers of 400 and more may be
// others later, those of 500 and more won't. about is whom it is about, if anybody.
func (e *email) failure(ctx context.Context, about string, err error) error {
	what := e.what
	if about != "" {
		what += ", mail " + about
	}
	var answer *textproto.Error
	switch {
	case errors.As(err, &answer):
		text := fmt.Sprintf("%s: answers %d %s", what, answer.Code, brief(hideText(answer.Msg, e.secrets)))
		if advice := mailAdvice[answer.Code]; advice != "" {
			text += "; " + advice
		}
		return &Failure{Err: hide(errors.New(text), e.secrets), Refused: answer.Code >= 500}
	case ctx.Err() != nil: // it was cut then
		return caller{what: what, secrets: e.secrets}.unreached(ctx.Err())
	case strings.Contains(err.Error(), "does not support STARTTLS"):
		return Refused(fmt.Errorf("%s offers no STARTTLS: use tls: implicit with its port for that, often 465", what))
	case isAny(err, gomail.ErrNoSupportedAuthDiscovered, gomail.ErrPlainAuthNotSupported, gomail.ErrLoginAuthNotSupported),
		strings.Contains(err.Error(), "does not support SMTP AUTH"):
		return Refused(fmt.Errorf("%s offers no way to log in that we know: let it offer PLAIN or LOGIN, or give no username", what))
	}
	return caller{what: what, secrets: e.secrets}.unreached(err)
}

// mailAdvice says what to do about an answer.
// https://www.rfc-editor.org/rfc/rfc5321#section-4.2.3 and
// https://www.rfc-editor.org/rfc/rfc4954#section-6
var mailAdvice = map[int]string{
	530: "it wants somebody to log in: give username and password",
	534: "let the server take passwords, or give one for programs",
	535: "see that username and password are right",
	538: "it takes passwords over TLS alone: use tls: starttls or implicit",
	550: "see that the address is right, and that the server takes mail from it and to it",
	553: "see that the address is right, and that the server takes mail from it and to it",
	552: "let the server take larger mail",
	554: "ask who runs the server why it takes none",
}

func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// isAnswer reports whether the server has answered: it can be asked further.
func isAnswer(err error) bool {
	var answer *textproto.Error
	return errors.As(err, &answer) && answer.Code != 421
}

func isRefused(err error) bool {
	var f *Failure
	return errors.As(err, &f) && f.Refused
}
