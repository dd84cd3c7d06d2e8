package state

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Text is a setting that is a string; "" where it is not set. Terraform records
// null for what is not set, and takes numbers and bools for strings.
func (s Settings) Text(name string) (string, error) {
	switch v := s.Config[name].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case fmt.Stringer: // a number that was decoded as such
		return v.String(), nil
	}
	return "", s.wrong(name, "a string")
}

// Bool is a setting that is true or false, also as -backend-config gives them:
// as text. Not set is false.
func (s Settings) Bool(name string) (bool, error) {
	switch v := s.Config[name].(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case string:
		if b, err := strconv.ParseBool(v); err == nil {
			return b, nil
		}
	}
	return false, s.wrong(name, "true or false")
}

// Int is a setting that is a whole number; otherwise where it is not set.
func (s Settings) Int(name string, otherwise int) (int, error) {
	text, err := s.Text(name)
	if err != nil || text == "" {
		return otherwise, err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, s.wrong(name, "a whole number")
	}
	return n, nil
}

// List is a setting that is a list of strings; nil where it is not set.
func (s Settings) List(name string) ([]string, error) {
	if s.Config[name] == nil {
		return nil, nil
	}
	items, ok := s.Config[name].([]any)
	if !ok {
		return nil, s.wrong(name, "a list of strings")
	}
	var texts []string
	for _, item := range items {
		text, ok := item.(string)
		if !ok {
			return nil, s.wrong(name, "a list of strings")
		}
		texts = append(texts, text)
	}
	return texts, nil
}

// Object gives a setting that is an object, as settings of its own: in the same
// folder and environment, and empty where it is not set. A list with one object
// is one too: it is how an older Terraform wrote a block.
func (s Settings) Object(name string) (Settings, error) {
	inner := Settings{Dir: s.Dir, Env: s.Env}
	value := s.Config[name]
	if list, ok := value.([]any); ok && len(list) <= 1 {
		value = nil
		if len(list) == 1 {
			value = list[0]
		}
	}
	if value == nil {
		return inner, nil
	}
	object, ok := value.(map[string]any)
	if !ok {
		return inner, s.wrong(name, "an object")
	}
	inner.Config = object
	return inner, nil
}

// wrong is the error of a setting of another type. It doesn't tell the value,
// which may be a secret.
func (s Settings) wrong(name, want string) error {
	return fmt.Errorf("the backend's setting %s is not %s; mend the backend block and run terraform init", name, want)
}

// Getenv looks a variable up in the environment; the last entry counts.
func (s Settings) Getenv(name string) string {
	value := ""
	for _, entry := range s.Env {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}

// FirstEnv is the first of some variables that is set and not empty.
func (s Settings) FirstEnv(names ...string) string {
	for _, name := range names {
		if value := s.Getenv(name); value != "" {
			return value
		}
	}
	return ""
}

// Path makes a path absolute: one that isn't starts at the root module, and ~
// is the user's home.
func (s Settings) Path(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home := s.FirstEnv("HOME", "USERPROFILE"); home != "" {
			return filepath.Join(home, rest)
		}
	}
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.Dir, path)
}
