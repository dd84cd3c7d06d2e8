package alert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// GitHubOptions say in which repository stacks have issues.
type GitHubOptions struct {
	Repository string   // owner/name
	Token      string   // with the permission issues: write
	URL        string   // of the API; "" for GitHub's own
	Labels     []string // of new issues, beside drift
	MostOpen   int      // issues of stacks at a time; 0: 30
	// Pace is between two writes; 0: a second, as GitHub asks.
	Pace   time.Duration
	Client *http.Client // nil: one with a time-out that follows no redirect
}

const (
	githubAPI      = "https://api.github.com"
	githubMostOpen = 30
	githubPace     = time.Second
)

var githubRepository = regexp.MustCompile(`^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$`)

// NewGitHub is the channel of issues: each stack that needs somebody has one, which
// says how the stack is, is closed when it is clean and opened again when it is not.
func NewGitHub(o GitHubOptions) (Notifier, error) {
	if !githubRepository.MatchString(o.Repository) {
		return nil, errors.New("GitHub issues: the repository must be written as owner/name")
	}
	if o.Token == "" {
		return nil, errors.New("GitHub issues: there is no token; give one with the permission issues: write")
	}
	base, err := parseURL("GitHub issues", cmp.Or(o.URL, githubAPI))
	if err != nil {
		return nil, err
	}
	return &github{
		caller: newCaller("GitHub issues of "+o.Repository, o.Client, o.Token),
		base:   strings.TrimSuffix(base.String(), "/") + "/repos/" + o.Repository,
		token:  o.Token, labels: o.Labels, mostOpen: cmp.Or(o.MostOpen, githubMostOpen), pace: cmp.Or(o.Pace, githubPace),
	}, nil
}

type github struct {
	caller
	base, token string // the repository's URL in the API
	labels      []string
	mostOpen    int
	pace        time.Duration
}

// Notify brings the issues of the message's stacks up to date. What was done by an
// earlier attempt is seen in the repository, and not done again.
func (g *github) Notify(ctx context.Context, m Message) error {
	r := &githubRound{github: g, ctx: ctx, m: m, alerts: byStack(m)}
	standing := stands(m)
	if len(standing) == 0 && !m.Test {
		return nil
	}
	if err := r.load(); err != nil {
		return err
	}
	if m.Test {
		return r.test()
	}
	if err := r.closeDuplicates(); err != nil {
		return err
	}
	// What is closed makes room for what is opened.
	for _, s := range standing {
		if !s.needsSomebody(r.alerts[s.Stack.ID]) {
			if err := r.rest(s); err != nil {
				return err
			}
		}
	}
	for _, s := range standing {
		if s.needsSomebody(r.alerts[s.Stack.ID]) {
			if err := r.keep(s); err != nil {
				return err
			}
		}
	}
	return r.overview()
}

// rest sees to the issue of a stack that needs nobody: it is closed if the stack is
// clean. Where a check could not tell, it stays as it is.
func (r *githubRound) rest(s Standing) error {
	marker := stackMarker(s.Stack.ID)
	issue := r.issues[marker]
	clean := s.clean(r.alerts[s.Stack.ID])
	if clean {
		r.unfold(s.Stack.ID)
	}
	if issue == nil || !issue.open() {
		return nil
	}
	w := wanted{marker: marker, title: stackTitle(s), content: stackBody(s, r.m.pages), open: !clean, say: news(r.alerts[s.Stack.ID])}
	if clean {
		w.say = "All clean again: nothing that counts is left of what was found.\n" + told(r.alerts[s.Stack.ID])
		r.opened--
	}
	return r.put(issue, w)
}

// keep sees to the issue of a stack that needs somebody. Where too many are open
// already, the stack is told in the overview.
func (r *githubRound) keep(s Standing) error {
	marker, fresh := stackMarker(s.Stack.ID), news(r.alerts[s.Stack.ID])
	issue := r.issues[marker]
	w := wanted{marker: marker, title: stackTitle(s), content: stackBody(s, r.m.pages), open: true, say: fresh}
	switch {
	case issue != nil && issue.open():
	case issue != nil && issue.StateReason == "not_planned" && fresh == "":
		return nil // somebody doesn't want it, and nothing is new
	case r.opened >= r.mostOpen:
		r.fold(s)
		return nil
	case issue != nil:
		w.say = "Opened again: it needs somebody.\n" + fresh
		r.opened++
	default:
		r.opened++
	}
	r.unfold(s.Stack.ID)
	return r.put(issue, w)
}

// wanted is how an issue is to be.
type wanted struct {
	marker, title, content string
	open                   bool
	say                    string // a comment, for those who watch; "": none
}

// put makes an issue so. The comment comes first: once the issue is as wanted, no later
// attempt would know that one is missing.
func (r *githubRound) put(issue *githubIssue, w wanted) error {
	if issue == nil {
		return r.create(w)
	}
	if w.say != "" && issue.madeBy() != markerWord(r.m.ID) {
		if err := r.comment(issue, w.say); err != nil {
			return err
		}
	}
	change := map[string]string{}
	if body := w.marker + "\n" + messageMarker(issue.madeBy()) + "\n" + w.content; !sameMeaning(issue.Body, body) {
		change["body"] = body
	}
	switch {
	case w.open && !issue.open():
		change["state"], change["state_reason"] = "open", "reopened"
	case !w.open && issue.open():
		change["state"], change["state_reason"] = "closed", "completed"
	}
	return r.edit(issue, change)
}

// test proves that the channel works: an issue of its own, closed at once.
func (r *githubRound) test() error {
	w := wanted{marker: testMarker, title: "Test of Holdfast's alerts", content: "Holdfast can open issues here, comment on them and close them."}
	issue := r.issues[testMarker]
	if issue == nil {
		w.open = true
		if err := r.create(w); err != nil {
			return err
		}
		issue, w.open = r.issues[testMarker], false
	}
	w.say = "Another test, of " + r.m.At.UTC().Format(asOfTime) + "."
	return r.put(issue, w)
}

// closeDuplicates leaves the oldest of several issues with one marker: two processes
// may have made them at once.
func (r *githubRound) closeDuplicates() error {
	for _, d := range r.duplicates {
		if err := r.comment(d, fmt.Sprintf("Duplicate of #%d", r.issues[d.marker()].Number)); err != nil {
			return err
		}
		if err := r.edit(d, map[string]string{"state": "closed", "state_reason": "not_planned"}); err != nil {
			return err
		}
	}
	return nil
}
