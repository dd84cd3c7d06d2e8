package stack

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Server says how `holdfast serve` and `holdfast worker` run.
type Server struct {
	Listen       string        `yaml:"listen"`  // host and port
	URL          string        `yaml:"url"`     // as people reach it
	Contact      string        `yaml:"contact"` // whom to ask for access, for people
	OIDC         OIDC          `yaml:"oidc"`
	Tokens       bool          `yaml:"tokens"` // people and programs come in with tokens
	TrustProxy   []NetworkPart `yaml:"trust_proxy"`
	Workers      int           `yaml:"workers"`       // checks at the same time in a process
	Window       Duration      `yaml:"window"`        // a round's checks begin within so long
	CheckTimeout Duration      `yaml:"check_timeout"` // of a stack
	Stale        Duration      `yaml:"stale"`         // not checked for so long: said on every page
}

// OIDC says how people log in through their organisation.
type OIDC struct {
	Issuer           string   `yaml:"issuer"`
	ClientID         string   `yaml:"client_id"`
	ClientSecretEnv  string   `yaml:"client_secret_env"`
	ClientSecretFile string   `yaml:"client_secret_file"`
	Claim            string   `yaml:"claim"`
	Scopes           []string `yaml:"scopes"`
	Roles            Roles    `yaml:"roles"`
}

// Roles are the values of the claim that make somebody what.
type Roles struct {
	Admin    []string `yaml:"admin"`
	Operator []string `yaml:"operator"`
	Viewer   []string `yaml:"viewer"`
}

// NetworkPart is a range of addresses, as 10.0.0.0/8.
type NetworkPart string

func (n *NetworkPart) set(text string) error {
	if _, err := netip.ParsePrefix(text); err != nil {
		return errors.New("write a range of addresses as 10.0.0.0/8")
	}
	*n = NetworkPart(text)
	return nil
}

// Source is where stacks come from: a folder, or a git repository. Its
// holdfast.yaml says which they are.
type Source struct {
	Name        string      `yaml:"name"`
	Folder      string      `yaml:"folder"` // absolute, or relative to the settings
	Git         string      `yaml:"git"`    // the URL of a repository
	Branch      string      `yaml:"branch"` // the repository's own default without one
	Tag         string      `yaml:"tag"`
	Path        string      `yaml:"path"` // of the folder with holdfast.yaml in the repository
	Credentials Credentials `yaml:"credentials"`
	Push        Credentials `yaml:"push"`     // for branches that propose changes; none are pushed without
	Approval    bool        `yaml:"approval"` // what changes something needs a second person
}

// Credentials say where a secret is; none is in the settings themselves.
type Credentials struct {
	Username       string `yaml:"username"`
	TokenEnv       string `yaml:"token_env"`
	TokenFile      string `yaml:"token_file"`
	SSHKeyFile     string `yaml:"ssh_key_file"`
	KnownHostsFile string `yaml:"known_hosts_file"`
}

func (s *Server) check() error {
	var errs []error
	if s.Listen != "" {
		if _, _, err := net.SplitHostPort(s.Listen); err != nil {
			errs = append(errs, fmt.Errorf("listen %q: write it as 127.0.0.1:8420", s.Listen))
		}
	}
	if u, err := url.Parse(s.URL); s.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "") {
		errs = append(errs, errors.New("url must be that of the server's first page, as https://holdfast.example.com"))
	}
	if s.Workers < 0 {
		errs = append(errs, errors.New("workers must not be negative"))
	}
	return oneLine(errs)
}

func (o *OIDC) check() error {
	var errs []error
	if o.Issuer == "" || o.ClientID == "" {
		return errors.New("oidc needs an issuer and a client_id")
	}
	if u, err := url.Parse(o.Issuer); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		errs = append(errs, errors.New("issuer must be a URL, as https://login.example.com"))
	}
	if (o.ClientSecretEnv != "") == (o.ClientSecretFile != "") {
		errs = append(errs, errors.New("the client's secret is in an environment variable or in a file: name one as client_secret_env or client_secret_file"))
	}
	if len(o.Roles.Admin)+len(o.Roles.Operator)+len(o.Roles.Viewer) == 0 {
		errs = append(errs, errors.New("roles must say who may come in: values of the claim under admin, operator or viewer; \"*\" is everybody"))
	}
	return oneLine(errs)
}

var sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

func (s *Source) check() error {
	var errs []error
	say := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !sourceName.MatchString(s.Name) || strings.Contains(s.Name, "..") {
		say("a source needs a name of letters, digits, dots, dashes and underscores")
	}
	if (s.Folder != "") == (s.Git != "") {
		say("a source is either a folder or a git repository")
	}
	if s.Git == "" && (s.Branch+s.Tag+s.Path != "" || s.Credentials != (Credentials{}) || s.Push != (Credentials{})) {
		say("branch, tag, path, credentials and push are of a git repository")
	}
	if err := CheckGitURL(s.Git); s.Git != "" && err != nil {
		errs = append(errs, err)
	}
	return oneLine(append(errs, s.checkNames()...))
}

// checkNames checks what names a part of the repository.
func (s *Source) checkNames() (errs []error) {
	if s.Branch != "" && s.Tag != "" {
		errs = append(errs, errors.New("branch and tag exclude each other"))
	}
	for _, name := range []string{s.Branch, s.Tag} {
		if name != "" && !isGitName(name) {
			errs = append(errs, fmt.Errorf("%q is no name of a branch or tag", name))
		}
	}
	if s.Path != "" && (!filepath.IsLocal(filepath.FromSlash(s.Path)) || slices.Contains(strings.Split(path.Clean(s.Path), "/"), ".git")) {
		errs = append(errs, fmt.Errorf("path %q is not a folder of the repository", s.Path))
	}
	return errs
}

func (c *Credentials) check() error {
	if n := count(c.TokenEnv, c.TokenFile, c.SSHKeyFile); n != 1 {
		return errors.New("credentials are one of token_env, token_file and ssh_key_file")
	}
	return nil
}

func count(texts ...string) (n int) {
	for _, text := range texts {
		if text != "" {
			n++
		}
	}
	return n
}

// scpLike is git's short form of an SSH address: user@host:path.
var scpLike = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^-:][^:]*$`)

// CheckGitURL says what keeps a URL from being fetched. Git runs programs for some
// (ext::), and takes what begins with a dash for an option.
func CheckGitURL(text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("the URL of the repository has control characters in it")
	}
	if scpLike.MatchString(text) {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil {
		return errors.New("the URL of the repository can't be read") // it may hold a secret
	}
	if _, secret := u.User.Password(); secret || u.User != nil && u.Scheme != "ssh" {
		return errors.New("the URL of the repository has a name or a password in it; name an environment variable or a file under credentials instead")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return errors.New("the URL of the repository has more in it than host and path; a token belongs into credentials")
	}
	if u.Scheme == "file" && u.Host == "" && path.IsAbs(u.Path) || slices.Contains([]string{"https", "http", "ssh"}, u.Scheme) && hasRepository(u) {
		return nil
	}
	return errors.New("the URL of the repository must begin with https://, ssh:// or file:///, or be of the form git@host:path")
}

// hasRepository reports whether a URL has a host and a path, and none of them, or
// the user, could be taken for an option.
func hasRepository(u *url.URL) bool {
	user := ""
	if u.User != nil {
		user = u.User.Username()
	}
	option := strings.HasPrefix(u.Hostname(), "-") || strings.HasPrefix(u.Path, "/-") || strings.HasPrefix(user, "-")
	return u.Hostname() != "" && strings.Trim(u.Path, "/") != "" && !option
}

// gitName is what this program takes for the name of a branch or tag: less than
// git does, and never an option.
var gitName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._/@+#-]*$`)

func isGitName(name string) bool {
	return len(name) < 250 && gitName.MatchString(name) && !strings.Contains(name, "..") && !strings.Contains(name, "//") && !strings.Contains(name, "@{") &&
		!strings.HasSuffix(name, "/") && !strings.HasSuffix(name, ".") && !strings.HasSuffix(name, ".lock")
}

// Zone is the name of a time zone, of the IANA.
type Zone string

func (z *Zone) set(text string) error {
	if _, err := time.LoadLocation(text); err != nil || text == "Local" {
		return errors.New("there is no time zone of that name; write it as Europe/Berlin or UTC")
	}
	*z = Zone(text)
	return nil
}
