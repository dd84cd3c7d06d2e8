package state_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"holdfast/internal/state"
)

// Settings come from Terraform's record, as JSON, and from -backend-config, as
// text.
func TestSettings(t *testing.T) {
	t.Parallel()
	s := state.Settings{Config: map[string]any{
		"text": "x", "null": nil, "yes": true, "yes_text": "true", "number": 5.0, "int": 6, "int64": int64(8), "exact": json.Number("7"), "number_text": "12",
		"list": []any{"a", "b"}, "object": map[string]any{"k": "v"}, "block": []any{map[string]any{"k": "v"}}, "no_block": []any{},
	}}
	for name, want := range map[string]string{"text": "x", "null": "", "absent": "", "yes": "true", "number": "5", "int": "6", "int64": "8", "exact": "7"} {
		if got, err := s.Text(name); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]bool{"yes": true, "yes_text": true, "null": false, "absent": false} {
		if got, err := s.Bool(name); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, want := range map[string]int{"number": 5, "exact": 7, "number_text": 12, "null": 3, "absent": 3} {
		if got, err := s.Int(name, 3); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if got, err := s.List("list"); err != nil || !reflect.DeepEqual(got, []string{"a", "b"}) {
		t.Errorf("list: %v, %v", got, err)
	}
	for name, want := range map[string]string{"object": "v", "block": "v", "no_block": "", "null": "", "absent": ""} {
		object, err := s.Object(name)
		if got, _ := object.Text("k"); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A setting of another type is an error that names it and doesn't show it.
func TestSettingsOfAnotherType(t *testing.T) {
	t.Parallel()
	s := state.Settings{Config: map[string]any{"s": []any{"canary"}, "n": "canary", "l": []any{1.0}, "blocks": []any{map[string]any{}, map[string]any{}}}}
	_, text := s.Text("s")
	_, flag := s.Bool("n")
	_, number := s.Int("n", 0)
	_, list := s.List("l")
	_, object := s.Object("n")
	_, blocks := s.Object("blocks")
	for i, err := range []error{text, flag, number, list, object, blocks} {
		if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "terraform init") {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestSettingsPaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := state.Settings{Dir: dir, Env: []string{"HOME=/nowhere", "A=1", "A=2", "E="}}
	for path, want := range map[string]string{
		"": "", "x/y": filepath.Join(dir, "x", "y"), dir: dir, "~/.aws/config": filepath.FromSlash("/nowhere/.aws/config"),
	} {
		if got := s.Path(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
	if s.Getenv("A") != "2" || s.FirstEnv("E", "NONE", "A") != "2" || s.FirstEnv("E") != "" {
		t.Error("the environment is misread")
	}
}

func TestHide(t *testing.T) {
	t.Parallel()
	inner := errors.New("wrong: canary-long, canary-long-er, x")
	err := state.Hide(inner, "canary-long", "x", "", "canary-long-er")
	if got := err.Error(); got != "wrong: (hidden), (hidden), x" || !errors.Is(err, inner) {
		t.Errorf("got %s", got)
	}
	if state.Hide(nil, "canary") != nil || state.Hide(inner, "absent-secret") != inner { //nolint:errorlint // the same one
		t.Error("what holds no secret is another error")
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	reason := errors.New("of a test")
	u := state.Unavailable{Name: "x", Reason: reason}
	_, readErr := u.Read(t.Context())
	_, lockErr := u.Lock(t.Context())
	if !errors.Is(readErr, reason) || !errors.Is(lockErr, reason) || u.String() != "x" {
		t.Errorf("%v, %v", readErr, lockErr)
	}
	unsound := &state.UnsoundError{Code: "c", Err: reason}
	if !errors.Is(unsound, reason) || unsound.Error() != "of a test" {
		t.Errorf("%v", unsound)
	}
}
