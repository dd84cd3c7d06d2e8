package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Emulator is an AWS API with a state of its own: moto, served on a port of
// 127.0.0.1. Safe for concurrent use.
type Emulator struct {
	process *process
	parent  *Emulator // nil: this is the root
	path    []int     // from the root, as emulator.py numbers forks
	started started

	closing sync.Once
	closed  error
	gone    atomic.Bool // Close was called
}

// Start starts an empty emulator; takes about a second. ctx bounds the start,
// not the emulator's life: that ends with Close, or with this process, however
// that ends.
func Start(ctx context.Context, tools Tools) (*Emulator, error) {
	p, root, err := startProcess(ctx, tools.Python)
	if err != nil {
		return nil, err
	}
	return &Emulator{process: p, started: root}, nil
}

// Fork makes a copy of the emulator with the state it has now, on a port of its
// own; takes milliseconds. Requests in flight are waited for, later ones wait
// for the fork. A fork can be forked too, and ends with the one it was made of.
//
// State that names the emulator's own address keeps the old one: an SQS queue's
// URL, for example. It works on the fork all the same.
func (e *Emulator) Fork(ctx context.Context) (*Emulator, error) {
	var s started
	if err := e.process.do(ctx, command{Op: "fork", Node: e.path}, &s); err != nil {
		return nil, fmt.Errorf("fork emulator %s: %w", e.URL(), err)
	}
	path := append(slices.Clone(e.path), s.Child)
	return &Emulator{process: e.process, parent: e, path: path, started: s}, nil
}

// Close ends the emulator and its forks, and returns when they have ended.
// Closing again, or after what it was forked from, does nothing.
func (e *Emulator) Close() error {
	e.closing.Do(func() {
		e.closed = e.close()
		e.gone.Store(true)
	})
	return e.closed
}

func (e *Emulator) close() error {
	if e.parent == nil {
		return e.process.close()
	}
	last := len(e.path) - 1
	command := command{Op: "close", Node: e.path[:last], Child: e.path[last]}
	err := e.process.do(context.Background(), command, &struct{}{})
	if err == nil || e.parent.hasEnded() {
		return nil
	}
	return fmt.Errorf("close emulator %s: %w", e.URL(), err)
}

// hasEnded says whether the emulator, or one it was forked from, was closed.
func (e *Emulator) hasEnded() bool {
	for ; e != nil; e = e.parent {
		if e.gone.Load() {
			return true
		}
	}
	return false
}

// URL is the endpoint, without a slash at the end.
func (e *Emulator) URL() string {
	return fmt.Sprintf("http://127.0.0.1:%d", e.started.Port)
}

// PID is the id of the process that serves this emulator.
func (e *Emulator) PID() int { return e.started.PID }

// Env is what a program needs in its environment to use the emulator as AWS.
// See AWSEnv.
func (e *Emulator) Env() []string { return AWSEnv(e.URL()) }

// AWSEnv is the environment that makes SDKs, the AWS provider and the S3 backend
// use url as AWS, and nothing of the user's own configuration.
func AWSEnv(url string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + url,
		"AWS_ACCESS_KEY_ID=test", // moto takes any; an unsigned request can't be told to a service
		"AWS_SECRET_ACCESS_KEY=test",
		"AWS_REGION=us-east-1",
		"AWS_DEFAULT_REGION=us-east-1",   // the name that boto3 and the CLI read
		"AWS_EC2_METADATA_DISABLED=true", // don't look for a machine's role: it hangs where there is none
		"AWS_MAX_ATTEMPTS=1",             // an error is the answer. The AWS provider does not heed it: set max_retries there
		"AWS_CONFIG_FILE=" + os.DevNull,  // no profile, region or role of the user's
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
		"AWS_PAGER=", // the CLI must not wait for a key
	}
}

// pythonEnv is the environment of moto itself. dir takes what moto writes.
func pythonEnv(dir string) []string {
	return append(cleanEnv(),
		"AWS_DEFAULT_REGION=us-east-1",
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"MOTO_LAMBDA_DATA_DIR="+dir,
		// Objects beyond this go to a file, whose position forks would share.
		"MOTO_S3_DEFAULT_KEY_BUFFER_SIZE=1073741824",
		"PYTHONDONTWRITEBYTECODE=1",
		// macOS otherwise kills the child of a process with threads.
		"OBJC_DISABLE_INITIALIZE_FORK_SAFETY=YES",
	)
}

// cleanEnv is this process's environment without what would steer Terraform,
// an SDK, moto or Holdfast itself. The lab's own variables stay.
func cleanEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "HOLDFAST_LAB_") || name == "HOLDFAST_REQUIRE_LAB" {
			return false
		}
		for _, prefix := range []string{"AWS_", "TF_", "MOTO_", "HOLDFAST_", "CHECKPOINT_DISABLE"} {
			if strings.HasPrefix(name, prefix) {
				return true
			}
		}
		return false
	})
}

// decodeNumbers decodes JSON with numbers as json.Number where the target
// leaves it open.
func decodeNumbers(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(into)
}
