package store

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// connectTimeout bounds a connection where the URL doesn't say connect_timeout.
const connectTimeout = 10 * time.Second

// postgresConnections of one process: its checks, its queue and its pages don't
// wait for each other, and several processes fit into the hundred that a server
// takes by default.
const postgresConnections = 10

// openPostgres prepares connections to a database; the first query makes one.
func openPostgres(where string) (*Store, error) {
	s := &Store{
		place: "PostgreSQL", dialect: goose.DialectPostgres, secrets: passwords(where),
		help: "see that the database can be reached, or leave the history out with --no-history",
	}
	config, err := pgx.ParseConfig(where)
	if err != nil {
		// What the parser says may quote any part of the URL.
		return nil, s.failed("opening it", errors.New("its URL can't be read; write it as postgres://USER@HOST/DATABASE, with the special characters of a password as %XX, or the password in PGPASSWORD"))
	}
	if config.Password != "" {
		s.secrets = append(s.secrets, config.Password, url.QueryEscape(config.Password), url.PathEscape(config.Password))
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	s.place = fmt.Sprintf("postgres://%s/%s", config.Host, config.Database)
	s.db = stdlib.OpenDB(*config)
	s.db.SetMaxOpenConns(postgresConnections)
	s.db.SetMaxIdleConns(postgresConnections) // by default only two are kept, and each new one costs a process of the server's
	s.db.SetConnMaxIdleTime(time.Minute)
	return s, nil
}

// passwords are those that a URL holds, as they are written in it and as they
// are meant.
func passwords(where string) []string {
	u, err := url.Parse(where)
	if err != nil {
		return nil
	}
	var secrets []string
	if password, ok := u.User.Password(); ok && password != "" {
		secrets = append(secrets, password)
	}
	for _, name := range []string{"password", "sslpassword"} {
		if value := u.Query().Get(name); value != "" {
			secrets = append(secrets, value, url.QueryEscape(value))
		}
	}
	return secrets
}

// isDeadlock reports whether the database has ended a transaction because another
// one and it waited for each other.
func isDeadlock(err error) bool {
	const deadlockDetected = "40P01"
	failed, ok := errors.AsType[*pgconn.PgError](err)
	return ok && failed.Code == deadlockDetected
}
