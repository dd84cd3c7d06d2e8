package stack

import (
	"errors"
	"fmt"
	"net/mail"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"holdfast/internal/drift"
)

// Alert is a channel that tells somebody what has happened, and what it tells. It
// has exactly one of the places; none of them holds a secret.
type Alert struct {
	Name      string    `yaml:"name"`
	SNS       SNS       `yaml:"sns"`
	Slack     ByURL     `yaml:"slack"` // an incoming webhook
	Teams     ByURL     `yaml:"teams"` // the webhook of a workflow
	Shoutrrr  ByURL     `yaml:"shoutrrr"`
	Email     Email     `yaml:"email"`
	PagerDuty PagerDuty `yaml:"pagerduty"`
	Webhook   Webhook   `yaml:"webhook"`
	GitHub    GitHub    `yaml:"github"`

	On         []AlertKind `yaml:"on"`       // none: all
	Severity   Severity    `yaml:"severity"` // at least; "": any
	Stacks     Globs       `yaml:"stacks"`   // of their paths; none: all
	Causes     []Cause     `yaml:"causes"`   // of findings; none: all
	Addresses  []Pattern   `yaml:"addresses"`
	Digest     Schedule    `yaml:"digest"` // when what has happened is told together; "": at once
	Quiet      Quiet       `yaml:"quiet"`
	AfterFails int         `yaml:"not_checkable_after"` // checks in a row; 0: 3
	Template   string      `yaml:"template"`            // a file, relative to the settings
}

// SNS is a topic. The region is that of its ARN.
type SNS struct {
	Topic    string `yaml:"topic"` // ARN
	RoleARN  string `yaml:"role_arn"`
	Profile  string `yaml:"profile"`
	Endpoint string `yaml:"endpoint"` // "" for AWS's own
}

// ByURL is a place whose URL is its secret.
type ByURL struct {
	URLEnv  string `yaml:"url_env"`
	URLFile string `yaml:"url_file"`
}

// Email is sent through an SMTP server.
type Email struct {
	Host         string   `yaml:"host"`
	Port         int      `yaml:"port"` // 0: 587, or that of its kind of TLS
	TLS          string   `yaml:"tls"`  // starttls, implicit or none; "": starttls
	From         string   `yaml:"from"`
	To           []string `yaml:"to"`
	Username     string   `yaml:"username"`
	PasswordEnv  string   `yaml:"password_env"`
	PasswordFile string   `yaml:"password_file"`
}

// PagerDuty is an integration of a service, by the Events API.
type PagerDuty struct {
	RoutingKeyEnv  string `yaml:"routing_key_env"`
	RoutingKeyFile string `yaml:"routing_key_file"`
	URL            string `yaml:"url"` // "" for PagerDuty's own
}

// Webhook is any program that takes JSON by HTTP.
type Webhook struct {
	URL        string `yaml:"url"` // one that is no secret
	URLEnv     string `yaml:"url_env"`
	URLFile    string `yaml:"url_file"`
	SecretEnv  string `yaml:"secret_env"` // messages are signed with it
	SecretFile string `yaml:"secret_file"`
}

// GitHub is a repository in which each stack with drift has an issue.
type GitHub struct {
	Repository string   `yaml:"repository"` // owner/name; "" for $GITHUB_REPOSITORY
	TokenEnv   string   `yaml:"token_env"`
	TokenFile  string   `yaml:"token_file"`
	URL        string   `yaml:"url"` // of the API; "" for $GITHUB_API_URL, else GitHub's own
	Labels     []string `yaml:"labels"`
	MostOpen   int      `yaml:"most_open"` // issues; 0: 30
}

// Quiet is when nothing is sent. What comes meanwhile is sent after it.
type Quiet struct {
	From   Clock    `yaml:"from"`
	To     Clock    `yaml:"to"`     // may be of the next day
	Days   []Day    `yaml:"days"`   // quiet as a whole
	Except Severity `yaml:"except"` // what is this bad, or worse, is sent all the same; "": nothing
}

// set reports whether there are quiet hours at all.
func (q Quiet) set() bool { return !reflect.ValueOf(q).IsZero() }

// Places are the kinds of places that the channel has: one, once checked.
func (a *Alert) Places() (kinds []string) {
	for _, p := range []struct {
		kind  string
		value any
	}{
		{"sns", a.SNS}, {"slack", a.Slack}, {"teams", a.Teams}, {"shoutrrr", a.Shoutrrr}, {"email", a.Email},
		{"pagerduty", a.PagerDuty}, {"webhook", a.Webhook}, {"github", a.GitHub},
	} {
		if !reflect.ValueOf(p.value).IsZero() {
			kinds = append(kinds, p.kind)
		}
	}
	return kinds
}

func (a *Alert) check() error {
	kinds := a.Places()
	if len(kinds) != 1 {
		return errors.New("an alert needs one place: sns, slack, teams, email, pagerduty, webhook, github or shoutrrr")
	}
	var errs []error
	if a.Name == "" {
		a.Name = kinds[0]
	} else if !sourceName.MatchString(a.Name) {
		errs = append(errs, errors.New("an alert's name has letters, digits, dots, dashes and underscores"))
	}
	if err := a.Stacks.Check(); err != nil {
		errs = append(errs, err)
	}
	if a.AfterFails < 0 {
		errs = append(errs, errors.New("not_checkable_after must not be negative"))
	}
	if q := a.Quiet; q.set() && ((q.From == "") != (q.To == "") || q.From == "" && len(q.Days) == 0) {
		errs = append(errs, errors.New("quiet needs from and to, or days"))
	}
	return oneLine(errs)
}

// alertNames refuses two channels of one name: messages are kept by it.
func (s *Settings) alertNames() (errs []error) {
	seen := map[string]bool{}
	for _, a := range s.Alerts {
		if seen[a.Name] {
			errs = append(errs, fmt.Errorf("there are two alerts with the name %s; give one of them another name", a.Name))
		}
		seen[a.Name] = true
	}
	return errs
}

var topicARN = regexp.MustCompile(`^arn:[a-z0-9-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$`)

func (s *SNS) check() error {
	if !topicARN.MatchString(s.Topic) {
		return errors.New("topic must be the ARN of an SNS topic, as arn:aws:sns:eu-west-1:123456789012:drift")
	}
	return nil
}

// secretIn refuses a secret that is in no place, or in two.
func secretIn(what, env, file string) error {
	if (env == "") == (file == "") {
		return fmt.Errorf("%s is a secret: name an environment variable as %s_env or a file as %s_file", what, what, what)
	}
	return nil
}

func (b *ByURL) check() error { return secretIn("url", b.URLEnv, b.URLFile) }

func (e *Email) check() error {
	var errs []error
	if e.Host == "" || e.From == "" || len(e.To) == 0 {
		errs = append(errs, errors.New("email needs host, from and to"))
	}
	for _, address := range append([]string{e.From}, e.To...) {
		if _, err := mail.ParseAddress(address); address != "" && err != nil {
			errs = append(errs, fmt.Errorf("%q is no e-mail address", address))
		}
	}
	if e.Port < 0 || e.Port > 65535 {
		errs = append(errs, errors.New("port must be one from 1 to 65535"))
	}
	if !slices.Contains([]string{"", "starttls", "implicit", "none"}, e.TLS) {
		errs = append(errs, fmt.Errorf("tls %q: there are starttls, implicit and none", e.TLS))
	}
	if e.Username != "" {
		if err := secretIn("password", e.PasswordEnv, e.PasswordFile); err != nil {
			errs = append(errs, err)
		}
	}
	return oneLine(errs)
}

func (p *PagerDuty) check() error {
	return secretIn("routing_key", p.RoutingKeyEnv, p.RoutingKeyFile)
}

func (w *Webhook) check() error {
	if count(w.URL, w.URLEnv, w.URLFile) != 1 {
		return errors.New("a webhook needs one of url, url_env and url_file")
	}
	if count(w.SecretEnv, w.SecretFile) > 1 {
		return errors.New("secret_env and secret_file exclude each other")
	}
	return nil
}

var repositoryName = regexp.MustCompile(`^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$`)

func (g *GitHub) check() error {
	if g.Repository != "" && !repositoryName.MatchString(g.Repository) {
		return errors.New("repository must be written as owner/name")
	}
	if g.MostOpen < 0 {
		return errors.New("most_open must not be negative")
	}
	return secretIn("token", g.TokenEnv, g.TokenFile)
}

// AlertKind is one of drift.AlertKinds.
type AlertKind drift.AlertKind

func (k *AlertKind) set(text string) error {
	if !slices.Contains(drift.AlertKinds, drift.AlertKind(text)) {
		var names []string
		for _, kind := range drift.AlertKinds {
			names = append(names, string(kind))
		}
		return fmt.Errorf("%q is no kind of alert; there are %s", text, strings.Join(names, ", "))
	}
	*k = AlertKind(text)
	return nil
}

// Severity is high, medium or low.
type Severity drift.Severity

func (s *Severity) set(text string) error {
	switch drift.Severity(text) {
	case drift.SeverityHigh, drift.SeverityMedium, drift.SeverityLow:
		*s = Severity(text)
		return nil
	}
	return fmt.Errorf("%q is no severity; there are high, medium and low", text)
}

// Cause is a class of causes.
type Cause drift.CauseClass

func (c *Cause) set(text string) error {
	for _, class := range drift.CauseClasses {
		if text == string(class) {
			*c = Cause(text)
			return nil
		}
	}
	return fmt.Errorf("%q is no cause; docs/attribution.md has those there are", text)
}

// Clock is a time of day, as 22:00.
type Clock string

var clock = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

func (c *Clock) set(text string) error {
	if !clock.MatchString(text) {
		return errors.New(`write a time of day as "22:00"`)
	}
	*c = Clock(text)
	return nil
}

// Day is a day of the week, as sat.
type Day string

// days are in the order of time.Weekday.
var days = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func (d *Day) set(text string) error {
	if !slices.Contains(days, text) {
		return errors.New("write a day as mon, tue, wed, thu, fri, sat or sun")
	}
	*d = Day(text)
	return nil
}

// Weekday is the day as package time counts it: Sunday is 0.
func (d Day) Weekday() int { return slices.Index(days, string(d)) }

// SeverityRule gives findings a severity; see drift.SeverityRule.
type SeverityRule struct {
	Address    Pattern   `yaml:"address"`
	Type       string    `yaml:"type"`
	Kind       string    `yaml:"kind"`
	Attributes []Pattern `yaml:"attributes"`
	Severity   Severity  `yaml:"severity"`
}

func (r *SeverityRule) check() error {
	switch {
	case r.Severity == "":
		return errors.New("a rule of severity needs a severity: high, medium or low")
	case r.Address == "" && r.Type == "" && r.Kind == "" && len(r.Attributes) == 0:
		return errors.New("a rule of severity needs an address, a type, a kind or attributes")
	case r.Kind != "" && r.Kind != string(drift.Modified) && r.Kind != string(drift.Deleted):
		return fmt.Errorf("kind %q: there are modified and deleted", r.Kind)
	}
	return nil
}

// Severities are all rules, as package drift applies them.
func (s *Settings) Severities() []drift.SeverityRule {
	var rules []drift.SeverityRule
	for _, r := range s.Severity {
		rules = append(rules, drift.SeverityRule{
			Address: drift.Pattern(r.Address), Type: r.Type, Kind: drift.Kind(r.Kind),
			Attributes: patterns(r.Attributes), Severity: drift.Severity(r.Severity),
		})
	}
	return rules
}
