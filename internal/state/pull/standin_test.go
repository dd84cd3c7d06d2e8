//go:build unix

package pull

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"holdfast/internal/state"
	"holdfast/internal/state/statetest"
)

// standIn behaves as terraform does in the commands that are used. It keeps a
// workspace's state in states/WORKSPACE, and remembers nothing.
const standIn = `#!/bin/sh
case "$*" in
"workspace list")
	printf '* default\n'
	for file in states/*; do
		name=${file#states/}
		[ -f "$file" ] && [ "$name" != default ] && printf '  %s\n' "$name"
	done
	printf '\n\nThe active workspace is being overridden using the TF_WORKSPACE environment\nvariable.\n\n'
	;;
"state pull") if [ -f "states/$TF_WORKSPACE" ]; then exec cat "states/$TF_WORKSPACE"; fi ;;
*) exit 64 ;;
esac
`

// install puts a script into a folder of its own, for PATH.
func install(t *testing.T, name, script string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, name), script)
	if err := os.Chmod(filepath.Join(dir, name), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	// While a file is being written, a child that another test starts holds it
	// open for a moment, and then it can't be run ("text file busy").
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// snapshot gives all files and folders with content and times.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		all[path] = info.Mode().String() + info.ModTime().String()
		if entry.Type().IsRegular() {
			src, err := os.ReadFile(path)
			all[path] += string(src)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

const canary = "canary-password-0123456789"

// path is the stand-in's own tools behind a folder.
func path(dir string) string {
	return "PATH=" + dir + string(filepath.ListSeparator) + os.Getenv("PATH")
}

// TestConformance runs the suite over a stand-in for terraform, because the
// real one passes nothing on but states. See TestTerraform.
func TestConformance(t *testing.T) {
	t.Parallel()
	statetest.Run(t, func(t *testing.T) statetest.Rig {
		program, dir := install(t, "terraform", standIn), t.TempDir()
		return statetest.Rig{
			Open: func(t *testing.T, _ string) state.Backend {
				b, err := New(state.Settings{Dir: dir, Env: []string{path(program), "PG_PASSWORD=" + canary}, Config: map[string]any{"conn_str": "postgres://u:" + canary + "@h/db"}})
				if err != nil {
					t.Fatal(err)
				}
				return b
			},
			Put: func(t *testing.T, workspace string, content []byte) {
				write(t, filepath.Join(dir, "states", workspace), string(content))
			},
			Workspaces: statetest.Names,
			Page:       100,
			Snapshot:   func(t *testing.T) map[string]string { return snapshot(t, dir) },
			Secrets:    []string{canary},
		}
	})
}
