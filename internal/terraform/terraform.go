// Package terraform runs Terraform, or OpenTofu, for what only reads: version,
// plan, show, state pull, and an init that installs a provider into a folder of
// ours. Each command is built by one function and run by another, so that
// arguments and environment can be tested without the program.
package terraform

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"holdfast/internal/terraform/program"
)

// CLI is a Terraform or OpenTofu to run, and where.
type CLI struct {
	Binary string   // the program's path
	Dir    string   // the root module's folder; the program works there
	Env    []string // the user's environment; see program.Environment for what becomes of it
	// DataDir is used in place of .terraform, so that nothing is written to the
	// user's. Empty leaves TF_DATA_DIR as the environment has it.
	DataDir   string
	Workspace string // to work in; "" for the one that the data folder names
	// Redact takes secrets out of what the program says of an error; nil leaves
	// it as it is.
	Redact func(string) string
	// Grace is how long the program may take to end after an interrupt before
	// its process group is killed; 0 means 15 seconds.
	Grace time.Duration
}

// ErrNotFound is found in the error of a program that is nowhere.
var ErrNotFound = errors.New("no terraform or tofu was found")

// Find looks for the program: the one that the user named (a path or a name),
// that of HOLDFAST_TERRAFORM, else the first of the names in the PATH of env.
// Without names they are terraform and tofu.
func Find(named string, env []string, names ...string) (string, error) {
	if named == "" {
		named = getenv(env, "HOLDFAST_TERRAFORM")
	}
	if named != "" {
		if path := look(named, env); path != "" {
			return path, nil
		}
		return "", fmt.Errorf("%w: %s is no program; name one with --terraform or HOLDFAST_TERRAFORM", ErrNotFound, named)
	}
	if len(names) == 0 {
		names = []string{"terraform", "tofu"}
	}
	for _, name := range names {
		if path := look(name, env); path != "" {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w in the PATH; install one, or name it with --terraform or HOLDFAST_TERRAFORM", ErrNotFound)
}

// look finds a program in the PATH of an environment that need not be ours.
func look(name string, env []string) string {
	if strings.ContainsRune(name, filepath.Separator) || strings.ContainsRune(name, '/') {
		abs, err := filepath.Abs(name)
		if err == nil && isProgram(abs) {
			return abs
		}
		return ""
	}
	for _, dir := range filepath.SplitList(getenv(env, "PATH")) {
		if !filepath.IsAbs(dir) {
			continue // like the shell's ".": whose folder it is depends on where we are
		}
		path := filepath.Join(dir, name)
		if isProgram(path) {
			return path
		}
		if runtime.GOOS == "windows" && isProgram(path+".exe") {
			return path + ".exe"
		}
	}
	return ""
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0)
}

// getenv looks a variable up; the last entry counts.
func getenv(env []string, name string) string {
	value := ""
	for _, entry := range env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}

// command builds a run of the program.
func (c CLI) command(args ...string) program.Command {
	return program.Command{
		Binary: c.Binary, Args: args, Dir: c.Dir, Env: program.Environment(c.Env, c.DataDir, c.Workspace), Redact: c.Redact, Grace: c.Grace,
	}
}
