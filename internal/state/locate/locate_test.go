package locate

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/state"
)

// Each case is what --state may be, and what is taken of it.
func TestParse(t *testing.T) {
	t.Parallel()
	for where, want := range map[string]Place{
		"terraform.tfstate":                {Key: "terraform.tfstate"},
		"/abs/path.tfstate":                {Key: "/abs/path.tfstate"},
		`C:\states\prod.tfstate`:           {Key: `C:\states\prod.tfstate`},
		"live/*/terraform.tfstate":         {Key: "live/*/terraform.tfstate"},
		"s3://b/k":                         {Scheme: "s3", Host: "b", Key: "k"},
		"S3://b/k":                         {Scheme: "s3", Host: "b", Key: "k"},
		"s3://b/env:/prod/a b%20c.tfstate": {Scheme: "s3", Host: "b", Key: "env:/prod/a b%20c.tfstate"},
		"s3://b/prod/**/*.tfstate":         {Scheme: "s3", Host: "b", Key: "prod/**/*.tfstate"},
		"s3://b/a?/k?region=eu-west-1&endpoint=http://h:1/x": {
			Scheme: "s3", Host: "b", Key: "a?/k", Options: map[string]string{"region": "eu-west-1", "endpoint": "http://h:1/x"},
		},
		"s3://b":                             {Scheme: "s3", Host: "b"},
		"gs://b/p/default.tfstate":           {Scheme: "gs", Host: "b", Key: "p/default.tfstate"},
		"azurerm://account/container/k":      {Scheme: "azurerm", Host: "account", Key: "container/k"},
		"hcp://app.terraform.io/org/net-*":   {Scheme: "hcp", Host: "app.terraform.io", Key: "org/net-*"},
		"https://h:8443/a/b?token=x&ref=y/z": {Scheme: "https", Host: "h:8443", Key: "a/b?token=x&ref=y/z"},
	} {
		got, err := parse(where)
		if err != nil || got.Scheme != want.Scheme || got.Host != want.Host || got.Key != want.Key || len(got.Options) != len(want.Options) {
			t.Errorf("%s: got %+v, %v", where, got, err)
		}
		for name, value := range want.Options {
			if got.Options[name] != value {
				t.Errorf("%s: %s is %q", where, name, got.Options[name])
			}
		}
	}
	if _, err := parse(""); err == nil {
		t.Error("nothing is taken for something")
	}
}

// FuzzParse keeps a law: a place prints as what it was parsed from, without its
// options; and a key matches itself.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"s3://b/k?region=x", "a/**/b", "s3://", "://", "x://?a=", "s3://b/[x]{a,b}\\*", "http://u:p@h/x?y#z", "gs://b//k"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, where string) {
		p, err := parse(where)
		if err != nil {
			return
		}
		if again, err := parse(p.String()); err != nil || again.String() != p.String() {
			t.Errorf("%q became %q, then %q, %v", where, p, again, err)
		}
		if key := strings.NewReplacer("*", "", "?", "").Replace(where); !matches(key, key) {
			t.Errorf("%q does not match itself", key)
		}
	})
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		{"prod/**/*.tfstate", []string{"prod/a.tfstate", "prod/x/y/a.tfstate"}, []string{"prod/a.tfstate.backup", "dev/a.tfstate", "prodx/a.tfstate"}},
		{"*/terraform.tfstate", []string{"a/terraform.tfstate"}, []string{"a/b/terraform.tfstate", "terraform.tfstate"}},
		{"env:/prod-?/k", []string{"env:/prod-1/k"}, []string{"env:/prod-12/k", "env:/prod-/k"}},
		{"**", []string{"a", "a/b"}, nil},
		{"[ab]/{x,y}*", []string{"[ab]/{x,y}z"}, []string{"a/x", "b/y"}},
		{`a\*`, []string{`a\b`, `a\*`}, []string{"a*"}},
	} {
		for _, key := range c.yes {
			if !matches(c.pattern, key) {
				t.Errorf("%s does not match %s", c.pattern, key)
			}
		}
		for _, key := range c.no {
			if matches(c.pattern, key) {
				t.Errorf("%s matches %s", c.pattern, key)
			}
		}
	}
}

// shelf is a store with keys.
type shelf []string

func (s shelf) List(_ context.Context, prefix string) ([]string, error) {
	return slices.DeleteFunc(slices.Clone(s), func(key string) bool { return !strings.HasPrefix(key, prefix) }), nil
}

func (s shelf) Source(key string) state.Source {
	return state.Unavailable{Name: "shelf/" + key, Reason: errors.New("a test's")}
}

func names(sources []state.Source) []string {
	var all []string
	for _, source := range sources {
		all = append(all, source.String())
	}
	return all
}

func TestFindInStore(t *testing.T) {
	t.Parallel()
	l := Locator{Schemes: map[string]Opener{"shelf": func(p Place, _ []string) (Store, string, error) {
		if p.Host == "broken" {
			return nil, "", errors.New("it is broken; mend it")
		}
		return shelf{"z/a.tfstate", "a/a.tfstate", "a/b/c.tfstate", "a/notes.txt"}, p.Key, nil
	}}}
	for where, want := range map[string][]string{
		"shelf://x/**/*.tfstate":  {"shelf/a/a.tfstate", "shelf/a/b/c.tfstate", "shelf/z/a.tfstate"},
		"shelf://x/a/**":          {"shelf/a/a.tfstate", "shelf/a/b/c.tfstate", "shelf/a/notes.txt"},
		"shelf://x/nothing/there": {"shelf/nothing/there"},
	} {
		got, err := l.Find(t.Context(), where)
		if err != nil || !slices.Equal(names(got), want) {
			t.Errorf("%s: got %q, %v", where, names(got), err)
		}
	}
	for where, want := range map[string]string{
		"shelf://x/a/*.json":  `no state matches shelf://x/a/*.json: of the 3 objects that begin with "a/" none does; mend the pattern`,
		"shelf://broken/a":    "--state shelf://broken/a: it is broken; mend it",
		"ftp://x/a":           "ftp:// is no place for states that Holdfast knows; write a path, or a URL with shelf://",
		"":                    "--state is empty",
		"shelf://x/q*?a=1":    "no state matches shelf://x/q*: ",
		"shelf://x/[ab]/*.tf": "of the 0 objects",
	} {
		_, err := l.Find(t.Context(), where)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", where, err, want)
		}
	}
}

func TestFindFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{
		"a/terraform.tfstate", "a/.terraform/terraform.tfstate", "a/terraform.tfstate.backup", "b/c/terraform.tfstate", "b/c/.terraform.tfstate.lock.info",
		"b/odd[1].tfstate", "star*.tfstate", "starred.tfstate",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(dir, filepath.Join(dir, "b", "loop")); err != nil {
		t.Fatal(err)
	}
	l := Locator{Dir: dir}
	for pattern, want := range map[string][]string{
		"**/terraform.tfstate":               {"a/terraform.tfstate", "b/c/terraform.tfstate"},
		filepath.Join(dir, "*", "*.tfstate"): {"a/terraform.tfstate", "b/odd[1].tfstate"},
		"b/odd[1].tfstate":                   {"b/odd[1].tfstate"},
		"b/odd[?].tfstate":                   {"b/odd[1].tfstate"},
		"a/not-there.tfstate":                {"a/not-there.tfstate"},
		"star*.tfstate":                      {"star*.tfstate"},
		"sta?r*.tfstate":                     {"starred.tfstate"},
		"*/.terraform/terraform.tfstate":     {"a/.terraform/terraform.tfstate"},
		"a/*":                                {"a/terraform.tfstate", "a/terraform.tfstate.backup"},
		"b/**":                               {"b/c/terraform.tfstate", "b/odd[1].tfstate"},
		filepath.Join("..", filepath.Base(dir), "a", "t*e"): {"a/terraform.tfstate"},
	} {
		got, err := l.Find(t.Context(), pattern)
		var rel []string
		for _, name := range names(got) {
			short, _ := filepath.Rel(dir, name)
			rel = append(rel, filepath.ToSlash(short))
		}
		if err != nil || !slices.Equal(rel, want) {
			t.Errorf("%s: got %q, %v", pattern, rel, err)
		}
	}
	for _, pattern := range []string{"none/*.tfstate", "a/*.json"} {
		if _, err := l.Find(t.Context(), pattern); err == nil || !strings.Contains(err.Error(), "no state matches "+pattern) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Find(ctx, "**/*.tfstate"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A folder that can't be looked into is not passed over in silence.
func TestFolderUnreadable(t *testing.T) {
	t.Parallel()
	s := search{pattern: "/x/**"}
	dir := t.TempDir()
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(entries) == 0 {
		t.Fatal(err)
	}
	if err := s.visit("/x/closed", entries[0], os.ErrPermission); !errors.Is(err, filepath.SkipDir) || len(s.found) != 1 {
		t.Fatalf("found %v, %v", s.found, err)
	}
	if _, err := s.found[0].Read(t.Context()); !errors.Is(err, os.ErrPermission) || s.found[0].String() != "/x/closed" {
		t.Errorf("%s: %v", s.found[0], err)
	}
	if _, err := s.found[0].Lock(t.Context()); err == nil {
		t.Error("its lock is known")
	}
}

func TestFindOverHTTP(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "u" || password != "canary-password" || r.URL.RequestURI() != "/s?a=b" {
			w.WriteHeader(http.StatusForbidden)
		}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(server.Close)
	l := Locator{Schemes: Standard(nil), Env: []string{"TF_HTTP_USERNAME=u", "TF_HTTP_PASSWORD=canary-password"}}
	found, err := l.Find(t.Context(), server.URL+"/s?a=b")
	if err != nil || len(found) != 1 {
		t.Fatalf("found %v, %v", found, err)
	}
	if got, err := found[0].Read(t.Context()); err != nil || string(got) != "{}" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := l.Find(t.Context(), server.URL+"/*"); err == nil || !strings.Contains(err.Error(), "can't be searched") {
		t.Errorf("a pattern: %v", err)
	}
}
