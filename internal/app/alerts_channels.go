package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"holdfast/internal/alert"
	"holdfast/internal/attribution"
	"holdfast/internal/stack"
)

// opening is what a channel is opened with.
type opening struct {
	alert    stack.Alert
	settings *stack.Settings
	env      []string
	progress *alert.Progress // of the channel's last message
}

// channel makes what sends through the channel. No error holds a secret.
func (o opening) channel(ctx context.Context) (alert.Notifier, error) {
	a := o.alert
	switch a.Places()[0] {
	case "sns":
		return o.sns(ctx)
	case "webhook":
		return o.webhook()
	case "email":
		return o.email()
	case "github":
		return o.github()
	case "pagerduty":
		return o.pagerDuty()
	case "slack":
		url, err := o.url(a.Slack)
		if err != nil {
			return nil, err
		}
		return alert.NewSlack(alert.SlackOptions{URL: url, Plain: a.Template != ""})
	case "teams":
		url, err := o.url(a.Teams)
		if err != nil {
			return nil, err
		}
		return alert.NewTeams(alert.TeamsOptions{URL: url, Plain: a.Template != ""})
	case "shoutrrr":
		url, err := o.url(a.Shoutrrr)
		if err != nil {
			return nil, err
		}
		return alert.NewShoutrrr(alert.ShoutrrrOptions{URL: url})
	}
	return nil, fmt.Errorf("there is no channel of kind %s", a.Places()[0])
}

func (o opening) sns(ctx context.Context) (alert.Notifier, error) {
	s := o.alert.SNS
	config, err := attribution.Access{Profile: s.Profile, RoleARN: s.RoleARN, Region: strings.Split(s.Topic, ":")[3]}.Open(ctx)
	if err != nil {
		return nil, err
	}
	return alert.NewSNS(alert.SNSOptions{Topic: s.Topic, Endpoint: s.Endpoint, Config: config})
}

func (o opening) webhook() (alert.Notifier, error) {
	w := o.alert.Webhook
	url, err := w.URL, error(nil)
	if url == "" {
		if url, err = o.secret("url", w.URLEnv, w.URLFile); err != nil {
			return nil, err
		}
	}
	secret := ""
	if w.SecretEnv+w.SecretFile != "" {
		if secret, err = o.secret("secret", w.SecretEnv, w.SecretFile); err != nil {
			return nil, err
		}
	}
	return alert.NewWebhook(alert.WebhookOptions{URL: url, Secret: secret})
}

func (o opening) email() (alert.Notifier, error) {
	e := o.alert.Email
	password := ""
	if e.Username != "" {
		var err error
		if password, err = o.secret("password", e.PasswordEnv, e.PasswordFile); err != nil {
			return nil, err
		}
	}
	return alert.NewEmail(alert.EmailOptions{
		Host: e.Host, Port: e.Port, TLS: e.TLS, From: e.From, To: e.To, Username: e.Username, Password: password,
	})
}

func (o opening) pagerDuty() (alert.Notifier, error) {
	p := o.alert.PagerDuty
	key, err := o.secret("routing_key", p.RoutingKeyEnv, p.RoutingKeyFile)
	if err != nil {
		return nil, err
	}
	return alert.NewPagerDuty(alert.PagerDutyOptions{RoutingKey: key, URL: p.URL, Progress: o.progress})
}

// github takes from the environment what a step of GitHub Actions has there.
func (o opening) github() (alert.Notifier, error) {
	g := o.alert.GitHub
	token, err := o.secret("token", g.TokenEnv, g.TokenFile)
	if err != nil {
		return nil, err
	}
	repository := cmp.Or(g.Repository, stack.Getenv(o.env, "GITHUB_REPOSITORY"))
	if repository == "" {
		return nil, errors.New("repository: name it as owner/name; GITHUB_REPOSITORY is not set")
	}
	return alert.NewGitHub(alert.GitHubOptions{
		Repository: repository, Token: token, URL: cmp.Or(g.URL, stack.Getenv(o.env, "GITHUB_API_URL")), Labels: g.Labels, MostOpen: g.MostOpen,
	})
}

func (o opening) url(b stack.ByURL) (string, error) { return o.secret("url", b.URLEnv, b.URLFile) }

// secret reads a secret from an environment variable, or from a file that the
// settings name.
func (o opening) secret(what, variable, file string) (string, error) {
	if variable != "" {
		value := strings.TrimSpace(stack.Getenv(o.env, variable))
		if value == "" {
			return "", fmt.Errorf("%s: the environment variable %s is not set", what, variable)
		}
		return value, nil
	}
	content, err := os.ReadFile(o.settings.Path(file))
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	value := strings.TrimSpace(string(content))
	if value == "" {
		return "", fmt.Errorf("%s: %s is empty", what, file)
	}
	return value, nil
}
