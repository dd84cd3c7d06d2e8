//go:build unix

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Postgres is a PostgreSQL server with a folder of its own, that listens on a
// socket in it and on no port. Safe for concurrent use.
type Postgres struct {
	bin, dir string
	cmd      *exec.Cmd
	hold     io.WriteCloser // the server lives as long as this is open
	as       *syscall.SysProcAttr

	closing sync.Once
	closed  error
	counter sync.Mutex
	made    int
}

// server keeps a server until its standard input ends, which it does with the
// process that started it, however that ends. Each line of the input stops it, or
// starts it again.
const server = `run() { "$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off >>"$2/log" 2>&1 & }
run "$1" "$2"
while read -r word; do
	if [ "$word" = stop ]; then kill -INT $!; wait $!; else run "$1" "$2"; fi
done
kill -INT $!
wait $!
rm -rf "$2"`

// StartPostgres starts an empty server; takes about a second. ctx bounds the
// start. The server ends with Close, or with this process, however that ends.
func StartPostgres(ctx context.Context) (*Postgres, error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "holdfast-pg-")
	if err != nil {
		return nil, err
	}
	p := &Postgres{bin: bin, dir: dir}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Postgres) start(ctx context.Context) error {
	if err := p.becomeUser(); err != nil {
		return err
	}
	initdb := p.command(ctx, filepath.Join(p.bin, "initdb"), "-D", filepath.Join(p.dir, "data"), "-U", "holdfast", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	p.cmd = p.command(context.WithoutCancel(ctx), "/bin/sh", "-c", server, "postgres", p.bin, p.dir)
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return err
	}
	p.hold = stdin
	if err := p.cmd.Start(); err != nil {
		p.cmd = nil
		return err
	}
	return p.ready(ctx)
}

// NeedPostgres starts a server, or skips the test where there is no PostgreSQL.
// Where HOLDFAST_REQUIRE_LAB=1 is set, as in CI, it fails the test instead.
func NeedPostgres(t TB) *Postgres {
	t.Helper()
	p, err := StartPostgres(context.Background())
	switch {
	case err == nil:
	case !errors.Is(err, errNoPostgres):
		t.Fatal("starting PostgreSQL: ", err)
	case os.Getenv("HOLDFAST_REQUIRE_LAB") == "1":
		t.Fatal("HOLDFAST_REQUIRE_LAB=1: ", err)
	default:
		t.Skip(err)
	}
	return p
}

var errNoPostgres = errors.New("no PostgreSQL server is installed: initdb is neither in the PATH nor in /usr/lib/postgresql/*/bin")

// postgresPrograms finds the folder of the server's programs. Debian keeps them
// out of the PATH, and a link in the PATH may stand for one of them alone.
func postgresPrograms() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is sound
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			found = append(found, path)
		}
	}
	for _, path := range slices.Backward(found) {
		dir := filepath.Dir(path)
		if _, err := os.Stat(filepath.Join(dir, "postgres")); err == nil {
			return dir, nil
		}
	}
	return "", errNoPostgres
}

// becomeUser gives the folder to somebody else where this is root, as whom the
// server refuses to run.
func (p *Postgres) becomeUser() error {
	p.as = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	p.as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(p.dir, int(uid), int(gid))
}

func (p *Postgres) command(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.SysProcAttr = p.dir, p.as
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	return cmd
}

// ready waits until the server answers, for three minutes.
func (p *Postgres) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		if p.command(ctx, filepath.Join(p.bin, "pg_isready"), "-h", p.dir, "-U", "holdfast", "-q").Run() == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(p.dir, "log"))
			return fmt.Errorf("PostgreSQL did not answer: %w\n%s", ctx.Err(), bytes.TrimSpace(log))
		}
	}
}

// Database makes an empty database and gives its URL.
func (p *Postgres) Database(ctx context.Context) (string, error) {
	p.counter.Lock()
	p.made++
	name := "db" + strconv.Itoa(p.made)
	p.counter.Unlock()
	create := p.command(ctx, filepath.Join(p.bin, "createdb"), "-h", p.dir, "-U", "holdfast", name)
	if out, err := create.CombinedOutput(); err != nil {
		return "", fmt.Errorf("createdb: %w\n%s", err, out)
	}
	return p.URL(name), nil
}

// URL is that of a database of the server. The server asks for no password, and
// takes any; on a busy machine it may take long to answer.
func (p *Postgres) URL(database string) string {
	return "postgres:///" + database + "?user=holdfast&host=" + url.QueryEscape(p.dir) + "&connect_timeout=120"
}

// Stop stops the server, with all connections cut off, until Restart.
func (p *Postgres) Stop(ctx context.Context) error {
	if _, err := io.WriteString(p.hold, "stop\n"); err != nil {
		return err
	}
	for p.command(ctx, filepath.Join(p.bin, "pg_isready"), "-h", p.dir, "-U", "holdfast", "-q").Run() == nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// Restart starts the server again, with all that it had.
func (p *Postgres) Restart(ctx context.Context) error {
	if _, err := io.WriteString(p.hold, "start\n"); err != nil {
		return err
	}
	return p.ready(ctx)
}

// Dial connects to the server's socket, for a test that stands between.
func (p *Postgres) Dial() (net.Conn, error) {
	return net.Dial("unix", filepath.Join(p.dir, ".s.PGSQL.5432"))
}

// Close ends the server and removes its folder.
func (p *Postgres) Close() error {
	p.closing.Do(func() {
		if p.hold != nil {
			_ = p.hold.Close()
		}
		if p.cmd != nil {
			_ = p.cmd.Wait() // of what use is how a server ended whose data is thrown away
		}
		p.closed = os.RemoveAll(p.dir)
	})
	return p.closed
}

// Databases are those of the tests of one package: one server has them all, which
// the first test that wants one starts. The zero value is ready.
type Databases struct {
	start  sync.Mutex
	server *Postgres
}

// New gives the URL of an empty database, as NeedPostgres has it.
func (d *Databases) New(ctx context.Context, t TB) string {
	t.Helper()
	d.start.Lock()
	defer d.start.Unlock()
	if d.server == nil {
		d.server = NeedPostgres(t)
	}
	url, err := d.server.Database(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// Close ends the server, if one was started.
func (d *Databases) Close() error {
	d.start.Lock()
	defer d.start.Unlock()
	if d.server == nil {
		return nil
	}
	return d.server.Close()
}
