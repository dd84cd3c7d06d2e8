package stack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"go.yaml.in/yaml/v3"

	"holdfast/internal/drift"
)

// WaiversFile is the file of waivers, beside the settings or at the top of the
// repository.
const WaiversFile = "waivers.yaml"

// longest is how long a waiver may last: what is justified for longer belongs
// into the code, or into the standing ignore rules.
const longest = 366 * 24 * time.Hour

// waiverFile is a file of waivers as it is written.
type waiverFile struct {
	Version int        `yaml:"version"`
	Waivers waiverList `yaml:"waivers"`
}

// waiverList may be empty in the file, as it is before the first waiver.
type waiverList []waiver

func (l *waiverList) decode(d *decoder, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!null" {
		d.sequence(n, reflect.ValueOf((*[]waiver)(l)).Elem(), "waivers")
	}
}

type waiver struct {
	ID         string            `yaml:"id"`
	Addresses  []Pattern         `yaml:"addresses"`
	Stacks     []string          `yaml:"stacks"`
	Attributes []waivedAttribute `yaml:"attributes"`
	Reason     string            `yaml:"reason"`
	Owner      string            `yaml:"owner"`
	Ticket     string            `yaml:"ticket"`
	ApprovedBy string            `yaml:"approved_by"`
	From       Date              `yaml:"from"`
	Until      Date              `yaml:"until"`

	line int
}

func (w *waiver) place(line int) { w.line = line }

var waiverID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (w *waiver) check() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	need(waiverID.MatchString(w.ID), "a waiver needs an id of letters, digits, dots, dashes and underscores")
	need(len(w.Addresses) > 0, "a waiver needs addresses: the resource instances that it is about")
	need(strings.TrimSpace(w.Reason) != "", "a waiver needs a reason")
	need(strings.TrimSpace(w.Owner) != "", "a waiver needs an owner: who answers for the change")
	need(!w.Until.IsZero(), "a waiver needs until: the last day that it holds, at most a year ahead")
	need(w.From.IsZero() || !w.Until.Before(w.From.Time), "until is before from")
	need(w.From.IsZero() || w.Until.Sub(w.From.Time) <= longest, "it lasts for more than a year; what is justified for longer belongs into the code")
	for _, pattern := range w.Stacks {
		need(pattern != "" && doublestar.ValidatePattern(pattern), "%q is no pattern of stacks; write it as live/**/prod", pattern)
	}
	return oneLine(errs)
}

// waivedAttribute is a path, or a path with the value that it may have.
type waivedAttribute struct {
	Path  Pattern
	Value json.RawMessage
}

func (a *waivedAttribute) decode(d *decoder, n *yaml.Node) {
	path := n
	if n.Kind == yaml.MappingNode {
		path = nil
		d.pairs(n, "an attribute", func(key, value *yaml.Node) {
			switch key.Value {
			case "path":
				path = value
			case "value":
				a.Value = d.json(value)
			default:
				d.errorf(key, "unknown key %q; an attribute has a path and a value", key.Value)
			}
		})
		if path == nil {
			d.errorf(n, "an attribute needs a path")
			return
		}
	}
	d.scalar(path, &a.Path, "a path of attributes")
}

// json is a value as JSON has it.
func (d *decoder) json(n *yaml.Node) json.RawMessage {
	var v any
	if err := n.Decode(&v); err != nil {
		d.errorf(n, "value: it can't be read")
		return nil
	}
	out, err := json.Marshal(v)
	if err != nil {
		d.errorf(n, "value: it is nothing that an attribute can have")
		return nil
	}
	return out
}

// WaiversPath is where the waivers of these settings are: beside the settings
// file, or in the folder that stands for theirs; without one, in dir or the nearest folder above it that has such a file,
// up to the top of the repository, which is where a new one goes.
func (s *Settings) WaiversPath(dir string) (string, error) {
	if s.Dir != "" {
		return shortest(filepath.Join(s.Dir, WaiversFile)), nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		file := filepath.Join(at, WaiversFile)
		switch {
		case exists(file), exists(filepath.Join(at, ".git")):
			return shortest(file), nil
		case filepath.Dir(at) == at:
			return shortest(filepath.Join(dir, WaiversFile)), nil
		}
	}
}

// ReadWaivers reads a file of waivers; none is there where no file is. Its errors
// name file and line. now bounds how far ahead a waiver may end.
func ReadWaivers(file string, now time.Time) ([]drift.Waiver, error) {
	src, err := readLimited(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the waivers: %w", err)
	}
	return parseWaivers(src, file, now)
}

func parseWaivers(src []byte, file string, now time.Time) ([]drift.Waiver, error) {
	f := waiverFile{}
	if err := decodeYAML(src, file, &f); err != nil {
		return nil, err
	}
	if f.Version != 1 {
		return nil, fmt.Errorf("%s:1: version must be 1; this program knows no other", file)
	}
	var list []drift.Waiver
	var errs []error
	lines := map[string]int{}
	for _, w := range f.Waivers {
		switch before := lines[w.ID]; {
		case before > 0:
			errs = append(errs, fmt.Errorf("%s:%d: the id %s is that of the waiver in line %d already", file, w.line, w.ID, before))
		case w.From.IsZero() && w.Until.Sub(now) > longest:
			errs = append(errs, fmt.Errorf("%s:%d: waiver %s ends more than a year ahead; what is justified for longer belongs into the code", file, w.line, w.ID))
		}
		lines[w.ID] = w.line
		list = append(list, w.waiver())
	}
	return list, errors.Join(errs...)
}

func (w waiver) waiver() drift.Waiver {
	out := drift.Waiver{
		ID: w.ID, Addresses: patterns(w.Addresses), Stacks: w.Stacks, Reason: w.Reason, Owner: w.Owner, Ticket: w.Ticket,
		ApprovedBy: w.ApprovedBy, From: w.From.Time, Until: w.Until.Time, Line: w.line,
	}
	for _, a := range w.Attributes {
		out.Attributes = append(out.Attributes, drift.WaivedAttribute{Path: drift.Pattern(a.Path), Value: a.Value})
	}
	return out
}

// waiversHead starts a new file.
const waiversHead = `# Manual changes that are justified. This file is reviewed like code: who merges
# an entry approves of it. A finding is waived while an entry covers all of its
# changes, and counts again when the entry's last day is over.
version: 1
waivers:
`

// WithWaivers gives what a file of waivers holds, nothing where there is none, and
// what it is to hold with further ones at its end: what is in it stays as it is,
// comments and order too. To some files nothing can be added, which is an error.
// Nothing is written.
func WithWaivers(file string, list []drift.Waiver, now time.Time) (was, content []byte, err error) {
	was, err = readLimited(file)
	content = was
	switch {
	case errors.Is(err, fs.ErrNotExist):
		was, content = nil, []byte(waiversHead)
	case err != nil:
		return nil, nil, fmt.Errorf("reading the waivers: %w", err)
	}
	for _, w := range list {
		if content, err = withWaiver(content, file, w, now); err != nil {
			return nil, nil, err
		}
	}
	return was, content, nil
}

func withWaiver(src []byte, file string, w drift.Waiver, now time.Time) ([]byte, error) {
	before, err := parseWaivers(src, file, now)
	if err != nil {
		return nil, err
	}
	indent, err := listIndent(src, file)
	if err != nil {
		return nil, err
	}
	newline := "\n"
	if bytes.Contains(src, []byte("\r\n")) {
		newline = "\r\n"
	}
	out := slices.Clone(src)
	if len(out) > 0 && out[len(out)-1] != '\n' {
		out = append(out, newline...)
	}
	out = append(out, strings.ReplaceAll(written(w, indent), "\n", newline)...)
	after, err := parseWaivers(out, file, now)
	if err != nil {
		return nil, fmt.Errorf("the waiver would not be valid: %w", err)
	}
	if !added(before, after, w) {
		return nil, fmt.Errorf("%s: a waiver can't be added at its end; write it by hand:\n\n%s", file, written(w, indent))
	}
	return out, nil
}

// listIndent is what stands before the dashes of the list of waivers, which has
// to be the last thing in the file and written one entry below the other.
func listIndent(src []byte, file string) (string, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(src, &doc); err != nil || len(doc.Content) == 0 {
		return "", fmt.Errorf("%s: nothing can be added to it; start it with version: 1, and end it with the list of waivers", file)
	}
	pairs := doc.Content[0].Content
	if len(pairs) < 2 || pairs[len(pairs)-2].Value != "waivers" {
		return "", fmt.Errorf("%s: waivers must be its last key for one to be added; move it to the end", file)
	}
	list := pairs[len(pairs)-1]
	switch {
	case list.Kind == yaml.ScalarNode:
		return "  ", nil // nothing yet
	case list.Style&yaml.FlowStyle != 0:
		return "", fmt.Errorf("%s:%d: write the waivers one below the other for one to be added, not in brackets", file, list.Line)
	}
	return strings.Repeat(" ", list.Column-1), nil
}

// written is a waiver as an entry of the file.
func written(w drift.Waiver, indent string) string {
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s  %s: %s\n", indent, key, inYAML(value))
		}
	}
	fmt.Fprintf(&b, "%s- id: %s\n", indent, inYAML(w.ID))
	list := func(key string, items []string) {
		if len(items) > 0 {
			fmt.Fprintf(&b, "%s  %s:\n", indent, key)
		}
		for _, item := range items {
			fmt.Fprintf(&b, "%s    - %s\n", indent, item)
		}
	}
	var addresses, stacks, attributes []string
	for _, a := range w.Addresses {
		addresses = append(addresses, inYAML(string(a)))
	}
	for _, s := range w.Stacks {
		stacks = append(stacks, inYAML(s))
	}
	for _, a := range w.Attributes {
		if a.Value == nil {
			attributes = append(attributes, inYAML(string(a.Path)))
			continue
		}
		attributes = append(attributes, fmt.Sprintf("{path: %s, value: %s}", inYAML(string(a.Path)), a.Value))
	}
	list("addresses", addresses)
	list("stacks", stacks)
	list("attributes", attributes)
	line("reason", w.Reason)
	line("owner", w.Owner)
	line("ticket", w.Ticket)
	line("approved_by", w.ApprovedBy)
	for _, day := range []struct {
		key string
		at  time.Time
	}{{"from", w.From}, {"until", w.Until}} {
		if !day.at.IsZero() {
			fmt.Fprintf(&b, "%s  %s: %s\n", indent, day.key, day.at.Format(time.DateOnly))
		}
	}
	return b.String()
}

var plainText = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9 _./@-]*[A-Za-z0-9_./]$`)

// inYAML is text as YAML has it, in quotes where it could be anything else.
func inYAML(s string) string {
	if plainText.MatchString(s) && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off"}, strings.ToLower(s)) {
		return s
	}
	return quoted(s)
}

// added reports whether after is before and w at its end.
func added(before, after []drift.Waiver, w drift.Waiver) bool {
	if len(after) != len(before)+1 {
		return false
	}
	for i := range before {
		if written(before[i], "") != written(after[i], "") {
			return false
		}
	}
	return written(after[len(before)], "") == written(w, "")
}
