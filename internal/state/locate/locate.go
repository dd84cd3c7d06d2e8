// Package locate finds the states that --state names: a path, a URL, or a
// pattern of either.
package locate

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"holdfast/internal/state"
)

// Store is a place with many states, each under a key with slashes.
type Store interface {
	// List gives all keys that begin with a prefix. Lock files are none of them.
	List(ctx context.Context, prefix string) ([]string, error)
	// Source gives the state with a key, whether or not it exists.
	Source(key string) state.Source
}

// Place is a --state value taken apart.
type Place struct {
	Scheme  string            // "s3"; "" for a path
	Host    string            // a bucket, an account, a server
	Key     string            // what follows, without its first slash; may be a pattern
	Options map[string]string // what follows the question mark
}

// Opener opens the store of a place, and gives the part of the place that is the
// key or pattern in it.
type Opener func(p Place, env []string) (store Store, key string, err error)

// Locator finds states. Schemes is the table of what URLs can begin with.
type Locator struct {
	Schemes map[string]Opener
	Dir     string // where relative paths start; "" for the current folder
	Env     []string
}

// Find gives the states that where names, sorted by name. A pattern that matches
// nothing is an error; a single state is not looked for. In a pattern * and ?
// stand for anything but a slash, and ** for any folders.
func (l Locator) Find(ctx context.Context, where string) ([]state.Source, error) {
	p, err := parse(where)
	if err != nil {
		return nil, err
	}
	if p.Scheme == "" {
		return l.findFiles(ctx, p.Key)
	}
	open := l.Schemes[p.Scheme]
	if open == nil {
		return nil, fmt.Errorf("%s:// is no place for states that Holdfast knows; write a path, or a URL with %s", p.Scheme, l.known())
	}
	store, key, err := open(p, l.Env)
	if err != nil {
		return nil, fmt.Errorf("--state %s: %w", p, err)
	}
	if !isPattern(key) {
		return []state.Source{store.Source(key)}, nil
	}
	return match(ctx, store, p, key)
}

// String is the place without its options.
func (p Place) String() string {
	if p.Scheme == "" {
		return p.Key
	}
	return p.Scheme + "://" + p.Host + "/" + p.Key
}

// match gives the states of a store whose keys match.
func match(ctx context.Context, store Store, p Place, pattern string) ([]state.Source, error) {
	prefix := literalPrefix(pattern)
	keys, err := store.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var matching []string
	for _, key := range keys {
		if matches(pattern, key) {
			matching = append(matching, key)
		}
	}
	if len(matching) == 0 {
		return nil, fmt.Errorf("no state matches %s: of the %d objects that begin with %q none does; mend the pattern", p, len(keys), prefix)
	}
	slices.Sort(matching)
	var sources []state.Source
	for _, key := range slices.Compact(matching) {
		sources = append(sources, store.Source(key))
	}
	return sources, nil
}

// known lists the schemes, for messages.
func (l Locator) known() string {
	var names []string
	for scheme := range l.Schemes {
		names = append(names, scheme+"://")
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// schemed is a URL's beginning. One letter is a Windows drive.
var schemed = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]+)://(.*)$`)

// optioned is where options begin: not at a question mark that is a wildcard.
var optioned = regexp.MustCompile(`\?[a-z][a-z0-9_]*=`)

// parse takes a value apart. Keys are taken as they are, without escapes: keys
// of states have colons, spaces and percent signs in them.
func parse(where string) (Place, error) {
	if where == "" {
		return Place{}, fmt.Errorf("--state is empty; write a path, or a URL such as s3://bucket/key")
	}
	parts := schemed.FindStringSubmatch(where)
	if parts == nil {
		return Place{Key: where}, nil
	}
	p := Place{Scheme: strings.ToLower(parts[1]), Options: map[string]string{}}
	rest := parts[2]
	if p.Scheme == "http" || p.Scheme == "https" {
		p.Host, p.Key, _ = strings.Cut(rest, "/") // the query is the server's
		return p, nil
	}
	if at := optioned.FindStringIndex(rest); at != nil {
		for option := range strings.SplitSeq(rest[at[0]+1:], "&") {
			name, value, _ := strings.Cut(option, "=")
			p.Options[name] = value
		}
		rest = rest[:at[0]]
	}
	p.Host, p.Key, _ = strings.Cut(rest, "/")
	return p, nil
}

// IsRemote reports whether a --state value is more than the path of one file.
func IsRemote(where string) bool { return schemed.MatchString(where) || isPattern(where) }

// isPattern reports whether a key has wildcards.
func isPattern(key string) bool { return strings.ContainsAny(key, "*?") }

// literalPrefix is what all that matches begins with.
func literalPrefix(pattern string) string {
	if at := strings.IndexAny(pattern, "*?"); at >= 0 {
		return pattern[:at]
	}
	return pattern
}

// others are what doublestar would take for more than itself: brackets and
// braces stand for themselves here.
var others = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`)

func matches(pattern, key string) bool {
	ok, err := doublestar.Match(others.Replace(pattern), key)
	return ok && err == nil
}
