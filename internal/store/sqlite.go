package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // also the driver of that name
	lib "modernc.org/sqlite/lib"
)

// pragmas let several processes write: one waits for the other instead of
// failing, and a reader waits for nobody. What is committed outlives the process
// at once, and a crash of the machine from the next checkpoint on.
const pragmas = "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_txlock=immediate"

// connections of one process. SQLite has one writer at a time anyway; a reader
// that streams needs one of its own.
const connections = 4

// openFile opens a SQLite file. It is only for its user: it tells where the
// infrastructure is weak.
func openFile(path string) (*Store, error) {
	s := &Store{place: path, dialect: goose.DialectSQLite3, help: "name another place with --store, or leave the history out with --no-history"}
	abs, err := filepath.Abs(path)
	if path == "" {
		err = errors.New("no file is named")
	}
	if err == nil {
		err = createFile(abs)
	}
	if err != nil {
		return nil, s.failed("opening it", err)
	}
	s.db, err = sql.Open("sqlite", dataSource(abs))
	if err != nil {
		return nil, s.failed("opening it", err)
	}
	s.db.SetMaxOpenConns(connections)
	return s, nil
}

// dataSource names a file so that no character of its path means anything.
func dataSource(abs string) string {
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	return "file://" + (&url.URL{Path: slashed}).EscapedPath() + "?" + pragmas
}

func createFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// isBusy reports whether another process is in the way.
func isBusy(err error) bool {
	const primary = 0xff // of an extended code
	failed, ok := errors.AsType[*sqlite.Error](err)
	return ok && failed.Code()&primary == lib.SQLITE_BUSY
}

// errNewer is a history that this program doesn't understand.
func errNewer(has, known int64) error {
	return fmt.Errorf("it is of version %d, and this Holdfast knows none above %d; a newer one has written it, so update this one", has, known)
}
