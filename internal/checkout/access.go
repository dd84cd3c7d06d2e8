package checkout

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Credentials say where a secret is: at most one of the three. Username goes with
// a token.
type Credentials struct {
	Username       string
	TokenEnv       string
	TokenFile      string
	SSHKeyFile     string
	KnownHostsFile string // with a key; the user's own without one
}

// read gives the token; "" where there is none.
func (c Credentials) read() (string, error) {
	switch {
	case c.TokenEnv != "":
		token := strings.TrimSpace(os.Getenv(c.TokenEnv))
		if token == "" {
			return "", fmt.Errorf("the environment variable %s, which has the token, is empty", c.TokenEnv)
		}
		return token, nil
	case c.TokenFile != "":
		src, err := os.ReadFile(c.TokenFile)
		if err != nil {
			return "", fmt.Errorf("reading the token: %w", err)
		}
		if token := strings.TrimSpace(string(src)); token != "" {
			return token, nil
		}
		return "", fmt.Errorf("the file %s, which has the token, is empty", c.TokenFile)
	}
	return "", nil
}

// access are the variables that let git in, by which nothing secret is on a command
// line or in a file: a header for the repository's host alone, or a key.
func (g *git) access() []string {
	env := []string{"GIT_SSH_VARIANT=ssh", "GIT_SSH_COMMAND=" + g.credentials.ssh()}
	u, err := url.Parse(g.url)
	if g.secret == "" || err != nil || u.Host == "" {
		return env
	}
	return append(env, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http."+u.Scheme+"://"+u.Host+"/.extraHeader",
		"GIT_CONFIG_VALUE_0=Authorization: Basic "+g.basic())
}

// basic is name and token as HTTP has them.
func (g *git) basic() string {
	name := g.credentials.Username
	if name == "" {
		name = "x-access-token" // as GitHub has it; others take any
	}
	return base64.StdEncoding.EncodeToString([]byte(name + ":" + g.secret))
}

// ssh is the command that git runs. With a key of ours, nothing that the user has
// set up for ssh plays a part, but for the known hosts.
func (c Credentials) ssh() string {
	const strict = "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes"
	if c.SSHKeyFile == "" {
		return strict
	}
	command := strict + " -F " + os.DevNull + " -o IdentitiesOnly=yes -o " + option("IdentityFile", c.SSHKeyFile)
	if c.KnownHostsFile != "" {
		command += " -o " + option("UserKnownHostsFile", c.KnownHostsFile)
	}
	return command
}

// option is an option of ssh that names a file, which ssh would take apart at
// spaces, and in which it would replace what begins with a percent sign.
func option(name, file string) string {
	return quoted(name + `="` + strings.ReplaceAll(file, "%", "%%") + `"`)
}

// quoted is a word for the shell that git has run ssh.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// gitEnv is the environment without what would have git work elsewhere, ask
// somebody, or do as a file of this machine says. Whom it trusts stays.
func gitEnv(user []string) []string {
	var env []string
	for _, entry := range user {
		name, _, _ := strings.Cut(entry, "=")
		trust := name == "GIT_SSL_CAINFO" || name == "GIT_SSL_CAPATH"
		if trust || !strings.HasPrefix(name, "GIT_") && name != "SSH_ASKPASS" && name != "LC_ALL" && name != "LANGUAGE" {
			env = append(env, entry)
		}
	}
	return slices.Clip(append(env, "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_ATTR_NOSYSTEM=1", "GIT_LFS_SKIP_SMUDGE=1", "LC_ALL=C"))
}
