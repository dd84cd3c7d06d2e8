package provider

import (
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin/runner"
)

// process is a provider's operating system process, from before it is started
// until after it has ended.
type process struct {
	stderr tail

	exited  chan struct{} // closed when it has ended
	drained chan struct{} // closed when all that it wrote has been read, too

	mu     sync.Mutex
	cmd    *exec.Cmd
	killed bool   // by us
	gone   bool   // its id may be another's by now
	state  string // how it ended
}

func newProcess() *process {
	return &process{exited: make(chan struct{}), drained: make(chan struct{})}
}

// start starts the process, unless it was killed before.
func (p *process) start(cmd *exec.Cmd, output ...io.Closer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.killed {
		return context.Canceled
	}
	isolate(cmd)
	started := make(chan error)
	go p.run(cmd, started, output)
	if err := <-started; err != nil {
		return err
	}
	p.cmd = cmd
	return nil
}

// drainTime is how long the output of an ended process may stay open. Only
// somebody who inherited it can hold it open: a child that left the process's
// group, and so is not ours to end.
const drainTime = time.Second

// run starts the process and waits for its end, on a thread that nothing else
// runs on: Linux kills the process when the thread that started it ends, and
// Go ends a thread whose goroutine has finished while locked to it. Whose
// goroutines do that is not ours to know.
func (p *process) run(cmd *exec.Cmd, started chan<- error, output []io.Closer) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.reap(cmd.Process)
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-p.drained:
	case <-timer.C:
	}
	for _, pipe := range output {
		_ = pipe.Close()
	}
}

// reap waits for the end of the process. What it leaves behind in its group is
// killed while its id is still its own.
func (p *process) reap(proc *os.Process) {
	stillOurs := awaitEnd(proc.Pid)
	p.mu.Lock()
	if stillOurs {
		killGroup(proc)
		p.gone = true
	}
	p.mu.Unlock()
	state, err := proc.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	if p.state = state.String(); err != nil {
		p.state = err.Error()
	}
	close(p.exited)
}

// kill ends the process and all that it started. It may be called at any time.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone {
		return
	}
	p.killed = true
	if p.cmd != nil {
		killGroup(p.cmd.Process)
	}
}

// pid is 0 before the start.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// isDead reports whether the process has ended.
func (p *process) isDead() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// died reports how the process ended of its own accord, with its last words.
// It waits at most d for both.
func (p *process) died(d time.Duration) (string, bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.drained:
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state, p.state != "" && !(p.killed && p.state == killedState)
}

// wait waits for the process to end and for its output to be read.
func (p *process) wait() {
	if p.pid() != 0 {
		<-p.drained
	}
}

// cmdRunner lets go-plugin use a process that is ours to end: in a process
// group of its own, and never outliving us.
type cmdRunner struct {
	*process
	cmd            *exec.Cmd
	stdout, stderr io.ReadCloser
}

func newRunner(p *process, cmd *exec.Cmd) (runner.Runner, error) {
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	return &cmdRunner{process: p, cmd: cmd, stdout: stdout, stderr: stderr}, nil
}

func (r *cmdRunner) Start(context.Context) error { return r.start(r.cmd, r.stdout, r.stderr) }
func (r *cmdRunner) Kill(context.Context) error  { r.kill(); return nil }
func (r *cmdRunner) Stdout() io.ReadCloser       { return r.stdout }
func (r *cmdRunner) Stderr() io.ReadCloser       { return r.stderr }
func (r *cmdRunner) Name() string                { return r.cmd.Path }
func (r *cmdRunner) ID() string                  { return strconv.Itoa(r.pid()) }

// Wait is called by go-plugin once, when it has read the output to its end.
func (r *cmdRunner) Wait(context.Context) error {
	<-r.exited
	close(r.drained)
	return nil
}

// Diagnose would add to go-plugin's message of a failed handshake.
func (r *cmdRunner) Diagnose(context.Context) string { return "" }

func (r *cmdRunner) PluginToHost(network, addr string) (string, string, error) {
	return network, addr, nil
}

func (r *cmdRunner) HostToPlugin(network, addr string) (string, string, error) {
	return network, addr, nil
}
