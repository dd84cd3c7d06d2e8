package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	_ "embed"
)

//go:embed emulator.py
var emulatorScript []byte

// endPatience is how long a closed emulator may take to end before it is killed.
const endPatience = 10 * time.Second

// process is the Python process at the root of a tree of emulators, and the
// channel that steers the whole tree. Safe for concurrent use.
type process struct {
	cmd   *exec.Cmd
	dir   string // log files; the process removes it at its end, close makes sure
	stdin io.WriteCloser
	ended chan struct{} // closed when the process has ended

	mu      sync.Mutex // guards what follows, and writing to stdin
	last    int
	waiting map[int]chan reply
	end     error // set when ended is closed
}

// command is one line to the process. See emulator.py.
type command struct {
	ID       int    `json:"id"`
	Op       string `json:"op"`
	Node     []int  `json:"node"`
	Child    int    `json:"child,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	Service  string `json:"service,omitempty"`
	Method   string `json:"method,omitempty"`
	Region   string `json:"region,omitempty"`
	Params   any    `json:"params,omitempty"`
	Key      string `json:"key,omitempty"`
}

// reply is one line from the process.
type reply struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
	Code   string          `json:"code"`
}

// started is the result of a start or a fork.
type started struct {
	Child int    `json:"child"`
	PID   int    `json:"pid"`
	Port  int    `json:"port"`
	Log   string `json:"log"`
}

// startProcess starts Python and waits for its first line. ctx bounds the start
// only.
func startProcess(ctx context.Context, python string) (*process, started, error) {
	hello := make(chan reply, 1)
	p, err := spawn(python, hello)
	if err != nil {
		return nil, started{}, fmt.Errorf("start moto with %s: %w", python, err)
	}
	var root started
	if err := p.result(ctx, hello, &root); err != nil {
		err = fmt.Errorf("start moto with %s: %w", python, err)
		return nil, started{}, errors.Join(err, p.close())
	}
	return p, root, nil
}

// spawn starts Python; its first line goes to hello.
func spawn(python string, hello chan reply) (*process, error) {
	dir, err := os.MkdirTemp("", "holdfast-lab-")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir, waiting: map[int]chan reply{0: hello}, ended: make(chan struct{})}
	if err := p.exec(python); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, nil
}

func (p *process) exec(python string) error {
	script := p.dir + "/emulator.py"
	if err := os.WriteFile(script, emulatorScript, 0o600); err != nil {
		return err
	}
	stderr, err := os.OpenFile(rootLog(p.dir), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer stderr.Close()
	p.cmd = exec.Command(python, script, p.dir)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = p.dir, pythonEnv(p.dir), stderr
	ownGroup(p.cmd)
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go p.listen(stdout)
	return nil
}

// listen hands replies to those who wait, until the process ends.
func (p *process) listen(stdout io.Reader) {
	lines := json.NewDecoder(stdout)
	for {
		var r reply
		if err := lines.Decode(&r); err != nil {
			break
		}
		p.mu.Lock()
		waiting := p.waiting[r.ID]
		delete(p.waiting, r.ID)
		p.mu.Unlock()
		if waiting != nil {
			waiting <- r // has room for one, and gets no more
		}
	}
	log := tail(rootLog(p.dir))
	err := p.cmd.Wait()
	p.mu.Lock()
	p.end = fmt.Errorf("the emulator has ended (%s)%s", exitText(err), log)
	p.mu.Unlock()
	close(p.ended)
}

func exitText(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// do sends a command and decodes its result into result. Given up by ctx, the
// command may still be carried out.
func (p *process) do(ctx context.Context, c command, result any) error {
	answer, err := p.send(c)
	if errors.Is(err, errWrite) {
		answer, err = make(chan reply), nil // nobody reads: wait for the end, which says why
	}
	if err != nil {
		return err
	}
	return p.result(ctx, answer, result)
}

// errWrite means that the process reads no more.
var errWrite = errors.New("write to the emulator")

func (p *process) send(c command) (chan reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return nil, p.end
	}
	p.last++
	c.ID = p.last
	if c.Node == nil {
		c.Node = []int{}
	}
	line, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	answer := make(chan reply, 1)
	p.waiting[c.ID] = answer
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		delete(p.waiting, c.ID)
		return nil, fmt.Errorf("%w: %w", errWrite, err)
	}
	return answer, nil
}

func (p *process) result(ctx context.Context, answer chan reply, result any) error {
	select {
	case r := <-answer:
		if r.Error != "" {
			return &replyError{message: r.Error, code: r.Code}
		}
		return decodeNumbers(r.Result, result)
	case <-p.ended:
		return p.end
	case <-ctx.Done():
		return ctx.Err()
	}
}

// replyError is an error told by the Python side; code is AWS's, if it is AWS's.
type replyError struct{ message, code string }

func (e *replyError) Error() string { return e.message }

// close ends the process and with it the whole tree. Idempotent.
func (p *process) close() error {
	p.mu.Lock()
	_ = p.stdin.Close() // again: an error that doesn't matter
	p.mu.Unlock()
	timer := time.NewTimer(endPatience)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		killGroup(p.cmd.Process.Pid)
		<-p.ended
	}
	if err := os.RemoveAll(p.dir); err != nil {
		return fmt.Errorf("remove the emulator's folder: %w", err)
	}
	return nil
}
