package stack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"holdfast/internal/drift"
)

// SettingsFile is the name of the settings at the top of a repository.
const SettingsFile = "holdfast.yaml"

// Settings are what holdfast.yaml says; docs/configuration.md explains them and
// docs/holdfast.schema.json is their schema. The zero value says nothing.
type Settings struct {
	File string // its path; "" where there is none
	Dir  string // the folder it is in, absolute; paths in it start there

	Version     int            `yaml:"version"`
	Environment string         `yaml:"environment"`
	Include     Globs          `yaml:"include"`
	Exclude     Globs          `yaml:"exclude"`
	Report      Report         `yaml:"report"`
	Schedule    Schedule       `yaml:"schedule"`
	TimeZone    Zone           `yaml:"time_zone"`
	Alerts      []Alert        `yaml:"alerts"`
	Severity    []SeverityRule `yaml:"severity"`
	Ignore      []Ignore       `yaml:"ignore"`
	Attribution Attribution    `yaml:"attribution"`
	Resolve     Resolve        `yaml:"resolve"`
	Store       string         `yaml:"store"`
	Concurrency Concurrency    `yaml:"concurrency"`
	Defaults    Defaults       `yaml:"defaults"`
	Stacks      []Entry        `yaml:"stacks"`
	Server      Server         `yaml:"server"`
	Sources     []Source       `yaml:"sources"`
}

// Report says what the drift report is headed with.
type Report struct {
	Task  string `yaml:"task"`
	Title string `yaml:"title"`
	File  string `yaml:"file"`
}

// Ignore is standing noise that is known, with the reason and an end.
type Ignore struct {
	Address    Pattern   `yaml:"address"`
	Type       string    `yaml:"type"`
	Attributes []Pattern `yaml:"attributes"`
	Reason     string    `yaml:"reason"`
	Until      Date      `yaml:"until"`
}

// Concurrency limits a run; 0 means the default.
type Concurrency struct {
	Stacks    int  `yaml:"stacks"`    // checked at the same time
	Reads     int  `yaml:"reads"`     // resources read at the same time
	Providers int  `yaml:"providers"` // processes
	Memory    Size `yaml:"memory"`    // of all providers
}

// Defaults are settings that all stacks may share.
type Defaults struct {
	Workspace     string                    `yaml:"workspace"`
	Workspaces    Workspaces                `yaml:"workspaces"`
	VarFiles      []Template                `yaml:"var_files"`
	BackendConfig []string                  `yaml:"backend_config"`
	Env           map[string]Word           `yaml:"env"`
	Engine        Engine                    `yaml:"engine"`
	Timeout       Duration                  `yaml:"timeout"`
	Providers     map[string]map[string]any `yaml:"providers"`
}

// Entry says what holds for one root module, or for all that match.
type Entry struct {
	Path     string `yaml:"path"`
	Include  Globs  `yaml:"include"`
	Exclude  Globs  `yaml:"exclude"`
	Name     string `yaml:"name"`
	Defaults        // what it has goes before the defaults

	line int
}

func (s *Entry) place(line int) { s.line = line }

// FindSettings looks for holdfast.yaml in a folder and those above it, up to the
// top of its repository. Without one, the settings are those of no file.
func FindSettings(dir string) (*Settings, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for {
		file := filepath.Join(dir, SettingsFile)
		if _, err := os.Lstat(file); err == nil {
			return ReadSettings(shortest(file))
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("looking for %s: %w", SettingsFile, err)
		}
		if exists(filepath.Join(dir, ".git")) || filepath.Dir(dir) == dir {
			return &Settings{}, nil
		}
		dir = filepath.Dir(dir)
	}
}

// shortest is a path relative to the current folder, where that is shorter.
func shortest(path string) string {
	current, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(current, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}

// ReadSettings reads a settings file. Its errors name file and line, all that
// are found at once.
func ReadSettings(file string) (*Settings, error) {
	src, err := readLimited(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s does not exist; holdfast init writes one", file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the settings: %w", err)
	}
	s, err := parseSettings(src, file)
	if err != nil {
		return nil, err
	}
	s.File = file
	dir, err := filepath.Abs(filepath.Dir(file))
	s.Dir = dir
	return s, err
}

// Path is a path that the settings name: absolute, or from their folder.
func (s *Settings) Path(name string) string {
	if name = filepath.FromSlash(name); filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.Dir, name)
}

func parseSettings(src []byte, file string) (*Settings, error) {
	s := &Settings{}
	if err := decodeYAML(src, file, s); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Settings) check() error {
	var errs []error
	if s.Version != 1 {
		errs = append(errs, errors.New("version must be 1; this program knows no other"))
	}
	if err := errors.Join(s.Include.Check(), s.Exclude.Check(), s.Defaults.workspaces()); err != nil {
		errs = append(errs, err)
	}
	names := map[string]bool{}
	for _, source := range s.Sources {
		if names[source.Name] {
			errs = append(errs, fmt.Errorf("there are two sources with the name %s", source.Name))
		}
		names[source.Name] = true
	}
	return oneLine(append(errs, s.alertNames()...))
}

// oneLine joins errors so that each keeps the place that they share.
func oneLine(errs []error) error {
	var texts []string
	for _, err := range errs {
		texts = append(texts, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if len(texts) == 0 {
		return nil
	}
	return errors.New(strings.Join(texts, "; "))
}

func (i *Ignore) check() error {
	switch {
	case i.Address == "" && i.Type == "":
		return errors.New("an ignore rule needs an address or a type; * stands for any characters")
	case strings.TrimSpace(i.Reason) == "":
		return errors.New("an ignore rule needs a reason")
	}
	return nil
}

// Rule is the rule as package drift applies it.
func (i Ignore) Rule() drift.IgnoreRule {
	return drift.IgnoreRule{
		Address: drift.Pattern(i.Address), Type: i.Type, Attributes: patterns(i.Attributes), Reason: i.Reason, Until: i.Until.Time,
	}
}

// Rules are all ignore rules.
func (s *Settings) Rules() []drift.IgnoreRule {
	var rules []drift.IgnoreRule
	for _, i := range s.Ignore {
		rules = append(rules, i.Rule())
	}
	return rules
}

func (c *Concurrency) check() error {
	if c.Stacks < 0 || c.Reads < 0 || c.Providers < 0 {
		return errors.New("a limit of concurrency must not be negative")
	}
	return nil
}

func (d Defaults) workspaces() error {
	if d.Workspace != "" && d.Workspaces.set() {
		return errors.New("workspace and workspaces exclude each other; write all of them under workspaces")
	}
	for _, name := range append(slices.Clone(d.Workspaces.Names), d.Workspace) {
		if name != "" && !isWorkspace(name) {
			return fmt.Errorf("%q is no name of a workspace", name)
		}
	}
	return nil
}

var stackName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func (s *Entry) check() error {
	var errs []error
	if globs := len(s.Include)+len(s.Exclude) > 0; (s.Path != "") == globs {
		errs = append(errs, errors.New("a stack needs either a path, or include or exclude"))
	}
	if filepath.IsAbs(s.Path) || strings.HasPrefix(filepath.ToSlash(filepath.Clean(s.Path)), "../") {
		errs = append(errs, fmt.Errorf("path %s is not below this file's folder", s.Path))
	}
	if s.Name != "" && !stackName.MatchString(s.Name) {
		errs = append(errs, fmt.Errorf("name %q may have letters, digits, dots, dashes and underscores", s.Name))
	}
	for _, err := range []error{s.Include.Check(), s.Exclude.Check(), s.workspaces()} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return oneLine(errs)
}

// Workspaces are the names of some, or all that have a state.
type Workspaces struct {
	All   bool
	Names []string
}

func (w Workspaces) set() bool { return w.All || len(w.Names) > 0 }

func (w *Workspaces) decode(d *decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value == "all" {
		w.All = true
		return
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		d.errorf(n, "workspaces must be a list of names, or all")
		return
	}
	for _, item := range n.Content {
		for item.Kind == yaml.AliasNode {
			item = item.Alias
		}
		if item.Kind != yaml.ScalarNode || item.Tag != "!!str" || !isWorkspace(item.Value) {
			d.errorf(item, "an entry of workspaces must be the name of a workspace, as text")
			continue
		}
		if slices.Contains(w.Names, item.Value) {
			d.errorf(item, "workspace %s is there twice", item.Value)
		}
		w.Names = append(w.Names, item.Value)
	}
}

// Word is text, a number or true or false, as written.
type Word string

func (w *Word) decode(d *decoder, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.errorf(n, "a variable of env must be text, a number, or true or false")
		return
	}
	*w = Word(n.Value)
}

// Engine is auto, direct or plan; "" where nothing is said.
type Engine string

func (e *Engine) set(text string) error {
	if text != "auto" && text != "direct" && text != "plan" {
		return fmt.Errorf("%q is none; there are auto, direct and plan", text)
	}
	*e = Engine(text)
	return nil
}

// Schedule is a cron expression of five fields, or @daily and the like.
type Schedule string

func (s *Schedule) set(text string) error {
	if n := len(strings.Fields(text)); n != 5 && !strings.HasPrefix(text, "@") {
		return errors.New("it must have five fields, as in cron, or be @hourly, @daily or @every 6h")
	}
	*s = Schedule(text)
	return nil
}

// Pattern is that of addresses or of attributes: see drift.Pattern.
type Pattern drift.Pattern

func (p *Pattern) set(text string) error {
	*p = Pattern(text)
	return drift.Pattern(text).Check()
}

func patterns(list []Pattern) []drift.Pattern {
	var out []drift.Pattern
	for _, p := range list {
		out = append(out, drift.Pattern(p))
	}
	return out
}

// Duration is a length of time such as 90s, 10m or 1h.
type Duration struct{ time.Duration }

func (d *Duration) set(text string) error {
	v, err := time.ParseDuration(text)
	if err != nil || v <= 0 {
		return errors.New("write a length of time as 90s, 10m or 1h")
	}
	d.Duration = v
	return nil
}

// Date is the last day that something holds, in UTC.
type Date struct{ time.Time }

func (d *Date) set(text string) error {
	v, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return errors.New("write a day as 2027-01-31")
	}
	d.Time = v
	return nil
}

// Size is a number of bytes, written as 512MiB or 4GB.
type Size int64

var sizePattern = regexp.MustCompile(`^([0-9]{1,6})(KB|MB|GB|KiB|MiB|GiB)$`)

var units = map[string]int64{"KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

func (s *Size) set(text string) error {
	m := sizePattern.FindStringSubmatch(text)
	if m == nil {
		return errors.New("write a size as 512MiB or 4GiB")
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	*s = Size(n * units[m[2]])
	return err
}

// Template is a path with placeholders such as {workspace}.
type Template string

var placeholder = regexp.MustCompile(`\{[^{}]*\}?|\}`)

// placeholders are those there are; Root.fill replaces them.
var placeholders = []string{"{workspace}", "{repo}", "{path}", "{folder}", "{name}"}

func (t *Template) set(text string) error {
	if text == "" {
		return errors.New("a path must not be empty")
	}
	for _, p := range placeholder.FindAllString(text, -1) {
		if !slices.Contains(placeholders, p) {
			return fmt.Errorf("unknown placeholder %s; there are %s", p, strings.Join(placeholders, ", "))
		}
	}
	*t = Template(text)
	return nil
}
