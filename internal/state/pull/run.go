package pull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"holdfast/internal/state"
	"holdfast/internal/state/webget"
)

// run runs the program in the stack's folder and gives what it prints. The
// error has the end of what it says, without secrets.
func (b *Backend) run(ctx context.Context, workspace string, args ...string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	program, err := b.program()
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, b.patience)
	defer cancel()
	var out bytes.Buffer
	said := &tail{}
	cmd := exec.CommandContext(limited, program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = b.settings.Dir, environment(b.settings.Env, workspace), &out, said
	cmd.WaitDelay = 5 * time.Second
	end := alone(cmd)
	cmd.Cancel = end
	err = cmd.Run()
	command := filepath.Base(program) + " " + strings.Join(args, " ")
	switch {
	case err == nil:
		return out.Bytes(), nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s was interrupted: %w", command, ctx.Err())
	case limited.Err() != nil:
		return nil, fmt.Errorf("%s took longer than %v; check the network, or pull the state yourself and use --state FILE", command, b.patience)
	}
	if _, ran := errors.AsType[*exec.ExitError](err); !ran {
		return nil, fmt.Errorf("%s could not be run: %w; check HOLDFAST_TERRAFORM and PATH", command, err)
	}
	return nil, fmt.Errorf("%s failed (%s); run it in %s to see more, and terraform init if it asks for that",
		command, b.hide(said.String()), b.settings.Dir)
}

// program finds the program: the one of HOLDFAST_TERRAFORM, else the first that
// is in the stack's PATH.
func (b *Backend) program() (string, error) {
	named := b.settings.Getenv("HOLDFAST_TERRAFORM")
	if b.tofu && !strings.Contains(filepath.Base(named), "tofu") {
		named = "" // it can't decrypt
	}
	if named != "" {
		if strings.ContainsAny(named, `/\`) {
			return b.settings.Path(named), nil
		}
		if found := look(b.settings, named); found != "" {
			return found, nil
		}
		return "", fmt.Errorf("HOLDFAST_TERRAFORM=%s is not in PATH; correct it", named)
	}
	programs := []string{"terraform", "tofu"}
	if b.tofu {
		programs = programs[1:]
	}
	for _, name := range programs {
		if found := look(b.settings, name); found != "" {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s is not in PATH; install it, or name it in HOLDFAST_TERRAFORM, or pull the state yourself and use --state FILE", strings.Join(programs, " or "))
}

// look finds a program in the stack's PATH, which need not be this process's.
// What stands in the current folder is never taken.
func look(s state.Settings, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	for _, dir := range filepath.SplitList(s.Getenv("PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return found
		}
	}
	return ""
}

// environment is the stack's, with what makes the command write, ask or log more
// taken away.
func environment(env []string, workspace string) []string {
	out := slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		// Arguments for other commands, and logs that may be files.
		return strings.HasPrefix(name, "TF_CLI_ARGS") || strings.HasPrefix(name, "TF_LOG") || name == "TF_WORKSPACE"
	})
	return append(out, "TF_WORKSPACE="+workspace, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1")
}

// tail keeps the end of what a program says.
type tail struct{ kept []byte }

// enough is how many bytes of it are kept.
const enough = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - enough; over > 0 {
		t.kept = slices.Delete(t.kept, 0, over)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.kept) }

// decoration is what frames the program's messages, and colours.
var decoration = regexp.MustCompile("\x1b\\[[0-9;]*m|[│╷╵]")

// userinfo is a name and a password in a URL.
var userinfo = regexp.MustCompile(`://[^/\s@]*:[^/\s]*@`)

// secretName tells settings and variables that hold a secret by their names.
var secretName = regexp.MustCompile(`(?i)secret|token|passw|pwd|credential|private|cert|auth|conn_str|(^|_)(access|api|client|encryption|sse|shared|storage|account)?_?key(_id|_data)?$|(^|_)(pat|sas)(_|$)|^TF_VAR_|^TF_ENCRYPTION`)

// hide makes one line of what a program said, without its frame and secrets.
func (b *Backend) hide(said string) string {
	said = userinfo.ReplaceAllString(decoration.ReplaceAllString(said, ""), "://(hidden)@")
	said = webget.Hide(said, secretsOf(b.settings)...)
	if said == "" {
		return "it said nothing"
	}
	return said
}

// secretsOf gives what may be secret in the settings and the environment. A value
// of several lines is also looked for line by line.
func secretsOf(s state.Settings) []string {
	var secrets []string
	add := func(name, value string) {
		if !secretName.MatchString(name) || isPath(value) || (len(value) < 8 && strings.HasPrefix(name, "TF_VAR_")) {
			return // a variable's short value is a word that messages need
		}
		secrets = append(secrets, value)
		if u, err := url.Parse(value); err == nil && u.User != nil {
			password, _ := u.User.Password()
			secrets = append(secrets, password)
		}
		for line := range strings.Lines(value) {
			if line = strings.TrimSpace(line); len(line) >= 8 {
				secrets = append(secrets, line)
			}
		}
	}
	for _, entry := range s.Env {
		name, value, _ := strings.Cut(entry, "=")
		add(name, value)
	}
	settingsOf("", s.Config, add)
	return secrets
}

// settingsOf calls add for every text in the settings; those in a block count
// under the block's name and their own.
func settingsOf(name string, value any, add func(name, value string)) {
	switch v := value.(type) {
	case string:
		if name != "key" { // the path of a state in object storage
			add(name, v)
		}
	case map[string]any:
		for inner, item := range v {
			settingsOf(strings.TrimPrefix(name+"_"+inner, "_"), item, add)
		}
	case []any:
		for _, item := range v {
			settingsOf(name, item, add)
		}
	}
}

// isPath reports whether a value names a file that exists, whose path is no
// secret.
func isPath(value string) bool {
	if !filepath.IsAbs(value) {
		return false
	}
	_, err := os.Stat(value)
	return err == nil
}
