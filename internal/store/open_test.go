package store_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/store"
)

// canary is a secret; no message and no file may hold it.
const canary = "CANARY-7f3a@/:%"

func TestNoPasswordInErrors(t *testing.T) {
	t.Parallel()
	for _, where := range []string{
		"postgres://holdfast:CANARY-7f3a@127.0.0.1:1/db",
		"postgres://holdfast:CANARY-7f3a@@127.0.0.1:1/db",
		"postgres://holdfast:CANARY-7f3a%40%2F%3A%25@127.0.0.1:1/db?connect_timeout=1",
		"postgres://holdfast@127.0.0.1:1/db?password=CANARY-7f3a",
		"postgresql://holdfast:CANARY-7f3a@[::1/db",
		"postgres://holdfast:CANARY-7f3a%zz@127.0.0.1/db",
		"postgres://holdfast:CANARY-7f3a@127.0.0.1:port/db",
		"postgres://holdfast:CANARY-7f3a@127.0.0.1/db?sslmode=CANARY-7f3a",
		"postgres://holdfast:CANARY-7f3a@no host/CANARY-7f3a?x",
	} {
		s, err := store.Open(t.Context(), where)
		if err == nil {
			s.Close()
			t.Fatalf("%s was opened", where)
		}
		for text := err.Error(); err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), "CANARY") || !strings.Contains(text, "--no-history") {
				t.Errorf("%s: %v", where, err)
			}
		}
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, where := range map[string]string{
		"a folder": dir, "below a file": filepath.Join(text, "history.db"), "no database": text, "nothing": "",
	} {
		s, err := store.Open(t.Context(), where)
		if err == nil {
			s.Close()
			t.Fatalf("%s was opened", name)
		}
		if !strings.Contains(err.Error(), "the history in") || !strings.Contains(err.Error(), "--store") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Open(ctx, filepath.Join(dir, "new.db")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestNewer: what a newer program wrote is left alone.
func TestNewer(t *testing.T) {
	t.Parallel()
	where := filepath.Join(t.TempDir(), "history.db")
	if err := open(t, where).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", where)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), where); err == nil || !strings.Contains(err.Error(), "version 999") || !strings.Contains(err.Error(), "update this one") {
		t.Error(err)
	}
}

// TestFile: only its user reads the file, whatever characters its path has.
func TestFile(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("modes and some characters are not those of Windows")
	}
	for _, name := range []string{"plain.db", "a b?c#d%20e&mode=ro.db", "ü'\".db", ":memory:"} {
		where := filepath.Join(t.TempDir(), "new", name)
		s := open(t, where)
		check(t, s, at(0), stackWith(finding("a.b", "1")))
		for path, want := range map[string]fs.FileMode{where: 0o600, where + "-wal": 0o600, filepath.Dir(where): 0o700} {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != want {
				t.Errorf("%s has mode %o", path, info.Mode().Perm())
			}
		}
		if entries, err := os.ReadDir(filepath.Dir(where)); err != nil || len(entries) > 3 {
			t.Errorf("%v, %v", entries, err)
		}
	}
}

// TestNoSecrets: of a sensitive value nothing reaches the history. A finding has
// no place for one; this holds the store to it.
func TestNoSecrets(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, where string) {
		s := open(t, where)
		f := finding("aws_x.y", drift.Revision([]byte("key"), drift.Modified, []drift.RawChange{{Path: "password", Actual: canary}}))
		f.Changes = []drift.Change{{Path: "password", Sensitive: true}}
		check(t, s, at(0), stackWith(f))
		check(t, s, at(1), stackWith())
		var text strings.Builder
		for _, e := range all(t, s.Episodes(t.Context(), store.Filter{})) {
			for _, c := range e.Finding.Changes {
				text.Write(c.Expected)
				text.Write(c.Actual)
			}
		}
		for _, e := range all(t, s.Events(t.Context(), store.Filter{})) {
			text.WriteString(e.Detail + e.Reason)
		}
		if !store.IsURL(where) {
			src, err := os.ReadFile(where + "-wal")
			if err != nil || len(src) == 0 {
				t.Fatal(err)
			}
			text.Write(src)
		}
		if strings.Contains(text.String(), "CANARY") || !strings.Contains(text.String(), "password") {
			t.Error("a sensitive value is in the history")
		}
	})
}
