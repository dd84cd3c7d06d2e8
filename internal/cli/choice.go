package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"holdfast/internal/app"
	"holdfast/internal/drift"
)

// choice says which findings are meant: by names, or all that the flags fit.
type choice struct {
	names                []string
	stack, cause, waiver string
}

func (c *choice) flags(flags *pflag.FlagSet) {
	flags.StringVar(&c.stack, "stack", "", "findings of the stack with this path, name or id alone")
	flags.StringVar(&c.cause, "cause", "", "findings of this `CLASS` of cause alone, such as manual-console")
	flags.StringVar(&c.waiver, "waiver", "", "findings that the waiver with this `ID` covers, or has covered until it ended")
}

var causes = []drift.CauseClass{
	drift.CauseConsole, drift.CauseCLI, drift.CauseAutomation, drift.CauseCode, drift.CauseService, drift.CauseState, drift.CauseUnknown,
}

// choose finds them in the history.
func (c *choice) choose(ctx context.Context, o app.HistoryOptions) ([]app.Chosen, error) {
	if c.cause != "" && !slices.Contains(causes, drift.CauseClass(c.cause)) {
		return nil, fmt.Errorf("--cause %q is no class of causes; there are %s", c.cause, joined(causes))
	}
	if len(c.names) == 0 {
		return c.all(ctx, o)
	}
	var chosen []app.Chosen
	for _, name := range c.names {
		history, err := app.History(ctx, app.HistoryQuery{HistoryOptions: o, What: name, Stack: c.stack})
		if err != nil {
			return nil, err
		}
		episodes, err := oneFinding(name, history.Episodes)
		if err != nil {
			return nil, err
		}
		e := episodes[len(episodes)-1]
		switch {
		case e.Life.Over():
			return nil, fmt.Errorf("%s is not there any more: %s; holdfast check looks again", name, e.Resolution())
		case !c.fits(e):
			return nil, fmt.Errorf("%s does not fit --cause or --waiver; leave them out", name)
		case slices.ContainsFunc(chosen, func(o app.Chosen) bool { return same(o.Episode, e) }):
			continue
		}
		chosen = append(chosen, app.Chosen{Episode: e, ByID: e.Finding.MatchesID(strings.SplitN(name, "-", 2)[0]) || c.waiver != ""})
	}
	return chosen, nil
}

// all are the findings that are open, and fit. What is waived has to be named, or
// its waiver.
func (c *choice) all(ctx context.Context, o app.HistoryOptions) ([]app.Chosen, error) {
	if c.stack == "" && c.cause == "" && c.waiver == "" {
		return nil, errors.New("name findings, or choose them with --stack, --cause or --waiver; holdfast history lists what there is")
	}
	lives := []drift.Life{drift.LifeOpen}
	if c.waiver != "" {
		lives = append(lives, drift.LifeWaived)
	}
	history, err := app.History(ctx, app.HistoryQuery{HistoryOptions: o, Stack: c.stack, Lives: lives})
	if err != nil {
		return nil, err
	}
	var chosen []app.Chosen
	for _, e := range history.Episodes {
		if c.fits(e) {
			chosen = append(chosen, app.Chosen{Episode: e, ByID: c.waiver != ""})
		}
	}
	if len(chosen) == 0 {
		return nil, errors.New("no open finding fits; holdfast history lists what there is")
	}
	return chosen, nil
}

func (c *choice) fits(e drift.Episode) bool {
	class := drift.CauseUnknown
	if e.Finding.Cause != nil {
		class = e.Finding.Cause.Class
	}
	return (c.cause == "" || string(class) == c.cause) && (c.waiver == "" || e.Finding.Waiver != nil && e.Finding.Waiver.ID == c.waiver)
}

func same(a, b drift.Episode) bool { return a.Stack.ID == b.Stack.ID && a.Finding.ID == b.Finding.ID }

func joined[T ~string](list []T) string {
	var texts []string
	for _, item := range list {
		texts = append(texts, string(item))
	}
	return strings.Join(texts, ", ")
}
