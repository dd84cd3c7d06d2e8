//go:build unix

package pull

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"holdfast/internal/state"
)

func backend(t *testing.T, dir string, config map[string]any, env ...string) *Backend {
	t.Helper()
	b, err := New(state.Settings{Dir: dir, Env: env, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	return b.(*Backend)
}

// failing prints what it is told to on standard error.
const failing = `#!/bin/sh
printf 'Error: password %s of %s, key %s, %s\n' "$PGPASSWORD" "$CONN" "$GOOGLE_CREDENTIALS" "$TF_VAR_db" >&2
printf 'it is in region-1, postgres://admin:%s@db.example/x\n' "$PGPASSWORD" >&2
exit 1
`

func TestNoSecretInErrors(t *testing.T) {
	t.Parallel()
	const variable, line = "canary-of-a-variable", "canary-of-a-key-file"
	b := backend(t, t.TempDir(), map[string]any{"conn_str": "postgres://u:" + canary + "2@h/db", "region": "region-1"},
		path(install(t, "terraform", failing)), "PGPASSWORD="+canary, "CONN=postgres://u:"+canary+"2@h/db", "TF_VAR_db="+variable,
		"GOOGLE_CREDENTIALS={\n\"private_key\": \""+line+"\",\n}")
	_, err := b.State("default").Read(t.Context())
	if err == nil {
		t.Fatal("no error")
	}
	for _, secret := range []string{canary, variable, line} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("it shows %s: %v", secret, err)
		}
	}
	for _, want := range []string{"terraform workspace list failed", "region-1", "(hidden)", "db.example", b.settings.Dir} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q: %v", want, err)
		}
	}
}

// A program that hangs is killed with all that it started.
func TestTimeLimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := backend(t, dir, nil, path(install(t, "terraform", "#!/bin/sh\nsleep 600 &\necho $! >child\nwait\n")))
	b.patience = 5 * time.Second // the program has begun by then
	_, err := b.State("default").Read(t.Context())
	if err == nil || !strings.Contains(err.Error(), "took longer than") || !strings.Contains(err.Error(), "--state FILE") {
		t.Errorf("got %v", err)
	}
	gone(t, filepath.Join(dir, "child"))
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := backend(t, dir, nil, path(install(t, "terraform", "#!/bin/sh\nsleep 600 &\necho $! >child.part\nmv child.part child\nwait\n")))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		until(t, "it runs", func() bool {
			_, err := os.Stat(filepath.Join(dir, "child"))
			return err == nil
		})
	}()
	if _, err := b.State("default").Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	gone(t, filepath.Join(dir, "child"))
}

// gone waits until the process whose id is in a file has ended.
func gone(t *testing.T, file string) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(src)))
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the process has ended", func() bool {
		if syscall.Kill(pid, 0) != nil {
			return true
		}
		// One of which nobody has asked how it ended is still listed.
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err == nil && strings.Contains(string(stat), ") Z ")
	})
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick, end := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Errorf("waited in vain: %s", what)
			return
		}
	}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	terraform, tofu, other := install(t, "terraform", standIn), install(t, "tofu", standIn), install(t, "tofu-1.9", standIn)
	both := terraform + string(filepath.ListSeparator) + tofu
	for _, c := range []struct {
		name string
		tofu bool
		env  []string
		want string
	}{
		{"terraform first", false, []string{"PATH=" + tofu + string(filepath.ListSeparator) + terraform}, filepath.Join(terraform, "terraform")},
		{"tofu alone", false, []string{"PATH=" + tofu}, filepath.Join(tofu, "tofu")},
		{"named by path", false, []string{"PATH=" + both, "HOLDFAST_TERRAFORM=" + filepath.Join(other, "tofu-1.9")}, filepath.Join(other, "tofu-1.9")},
		{"named", false, []string{"PATH=" + both + string(filepath.ListSeparator) + other, "HOLDFAST_TERRAFORM=tofu-1.9"}, filepath.Join(other, "tofu-1.9")},
		{"to decrypt", true, []string{"PATH=" + both}, filepath.Join(tofu, "tofu")},
		{"to decrypt, terraform named", true, []string{"PATH=" + both, "HOLDFAST_TERRAFORM=" + filepath.Join(terraform, "terraform")}, filepath.Join(tofu, "tofu")},
		{"to decrypt, tofu named", true, []string{"PATH=" + both, "HOLDFAST_TERRAFORM=" + filepath.Join(other, "tofu-1.9")}, filepath.Join(other, "tofu-1.9")},
		{"none", false, []string{"PATH=" + other}, ""},
		{"named and not there", false, []string{"PATH=" + both, "HOLDFAST_TERRAFORM=terraform9"}, ""},
		{"in the current folder", false, []string{"PATH=."}, ""},
	} {
		b := backend(t, terraform, nil, c.env...)
		b.tofu = c.tofu
		got, err := b.program()
		if got != c.want || (c.want == "") != (err != nil) || (err != nil && !strings.Contains(err.Error(), "; ")) {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	got := environment([]string{"A=1", "TF_LOG=TRACE", "TF_LOG_PATH=log", "TF_CLI_ARGS=-lock=true", "TF_CLI_ARGS_state_pull=x", "TF_WORKSPACE=other", "TF_VAR_x=1"}, "prod")
	want := []string{"A=1", "TF_VAR_x=1", "TF_WORKSPACE=prod", "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// What a pull would write is known from Terraform's source: see the package's
// comment.
func TestRefuse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		record    string
		workspace string
		refused   bool
	}{
		{"consul, default", `{"backend":{"type":"consul","config":{"path":"x"}}}`, "default", false},
		{"consul, another", `{"backend":{"type":"consul","config":{"path":"x"}}}`, "prod", true},
		{"consul, another, null", `{"backend":{"type":"consul","config":{"lock":null}}}`, "prod", true},
		{"consul without locks", `{"backend":{"type":"consul","config":{"lock":false}}}`, "prod", false},
		{"kubernetes, default among others", `{"backend":{"type":"kubernetes","config":{}}}`, "default", true},
		{"kubernetes, another", `{"backend":{"type":"kubernetes","config":{}}}`, "prod", false},
		{"pg", `{"backend":{"type":"pg","config":{}}}`, "default", false},
		{"damaged", `{"backend":{}}`, "default", true},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, ".terraform", "terraform.tfstate"), c.record)
		write(t, filepath.Join(dir, "states", "default"), "{}")
		write(t, filepath.Join(dir, "states", "prod"), "{}")
		source := backend(t, dir, nil, path(install(t, "terraform", standIn))).State(c.workspace)
		if _, err := source.Read(t.Context()); (err != nil) != c.refused || (err != nil && !strings.Contains(err.Error(), "; ")) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "data", "terraform.tfstate"), `{"backend":{"type":"kubernetes"}}`)
	write(t, filepath.Join(dir, "states", "default"), "{}")
	if _, err := backend(t, dir, nil, "TF_DATA_DIR=data", path(install(t, "terraform", standIn))).State("default").Read(t.Context()); err != nil {
		t.Errorf("kubernetes with the default workspace alone: %v", err)
	}
}

// files is a backend of files, as they are.
type files struct{ dir string }

func (f files) State(workspace string) state.Source {
	return state.Local{Path: filepath.Join(f.dir, workspace)}
}
func (f files) Workspaces(context.Context) ([]string, error) { return []string{"default"}, nil }

const encrypted = `{"serial":3,"lineage":"l-1","meta":{"key_provider.pbkdf2.k":"eyJ9"},"encrypted_data":"bm90aGluZw==","encryption_version":"v0"}`

// tofu isn't needed here: a stand-in gives what it would.
func TestDecrypt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, stored, pulled, want string }{
		{"encrypted", encrypted, `{"version":4,"serial":3,"lineage":"l-1"}`, `{"version":4,"serial":3,"lineage":"l-1"}`},
		{"not encrypted", `{"version":4,"lineage":"x"}`, "unused", `{"version":4,"lineage":"x"}`},
		{"a word in it", `{"version":4,"outputs":{"encrypted_data":{"value":1}}}`, "unused", `{"version":4,"outputs":{"encrypted_data":{"value":1}}}`},
		{"not decrypted", encrypted, encrypted, ""},
		{"another state", encrypted, `{"version":4,"lineage":"l-2"}`, ""},
		{"nonsense", encrypted, "Success!", ""},
	} {
		dir, inner := t.TempDir(), t.TempDir()
		write(t, filepath.Join(inner, "default"), c.stored)
		write(t, filepath.Join(dir, "states", "default"), c.pulled)
		program := install(t, "tofu", standIn)
		b := Decrypt(files{inner}, state.Settings{Dir: dir, Env: []string{path(program)}})
		got, err := b.State("default").Read(t.Context())
		if string(got) != c.want || (c.want == "") != (err != nil) || (err != nil && !strings.Contains(err.Error(), "; ")) {
			t.Errorf("%s: got %s, %v", c.name, got, err)
		}
	}
	inner := t.TempDir()
	write(t, filepath.Join(inner, "default"), encrypted)
	_, err := Decrypt(files{inner}, state.Settings{Dir: inner, Env: []string{"PATH=" + inner}}).State("default").Read(t.Context())
	if err == nil || !strings.Contains(err.Error(), "tofu is not in PATH") {
		t.Errorf("without tofu: %v", err)
	}
	if _, err := Decrypt(files{inner}, state.Settings{}).State("none").Read(t.Context()); !errors.Is(err, state.ErrNone) {
		t.Errorf("no state: %v", err)
	}
}

// The decrypted fixture of state is one that Decrypt recognises.
func TestEncrypted(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(filepath.Join("..", "testdata", "encrypted.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	if !Encrypted(src) || Encrypted(nil) || Encrypted([]byte(`{"version":4}`)) {
		t.Error("an encrypted state isn't told from others")
	}
}

func same(t *testing.T, before, after map[string]string) {
	t.Helper()
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the folder has changed:\n%s", diff)
	}
}
