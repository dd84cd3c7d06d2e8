package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Cloud is what a stack is applied to: an *Emulator or a *Proxy.
type Cloud interface {
	Env() []string // what Terraform needs in its environment to use it as AWS
}

// Stack is a root module in a folder of its own, initialised, and bound to a
// cloud. Different stacks can be used at once; of one stack, only plans.
type Stack struct {
	Dir   string // the root module's folder
	tools Tools
	cloud Cloud  // nil: the module needs none
	side  string // Dir + ".lab": the Terraform CLI configuration, plan files
}

// NewStack copies the root module in src to dst (which must not exist, or be
// empty), without state, and initialises it; takes about a second. cloud may be
// nil where the module needs none. initArgs are added to `terraform init`.
// Beside dst, in dst.lab, go the files that Terraform needs and that are no part
// of the module. Relative paths that leave src (a module in "../modules") do not
// work in the copy.
func NewStack(ctx context.Context, tools Tools, cloud Cloud, src, dst string, initArgs ...string) (*Stack, error) {
	s, err := newStack(tools, cloud, src, dst, notSource)
	if err != nil {
		return nil, err
	}
	if _, err := s.Run(ctx, append([]string{"init", "-input=false", "-no-color"}, initArgs...)...); err != nil {
		return nil, errors.Join(err, s.Remove())
	}
	return s, nil
}

// Clone copies the stack, initialised and with its state, for another cloud:
// usually a fork of the emulator that it was applied to. Runs no Terraform;
// takes milliseconds.
func (s *Stack) Clone(dst string, cloud Cloud) (*Stack, error) {
	return newStack(s.tools, cloud, s.Dir, dst, notLock)
}

func newStack(tools Tools, cloud Cloud, src, dst string, skip func(string, fs.DirEntry) bool) (*Stack, error) {
	dst, err := filepath.Abs(dst)
	if err != nil {
		return nil, fmt.Errorf("new stack: %w", err)
	}
	s := &Stack{Dir: dst, tools: tools, cloud: cloud, side: dst + ".lab"}
	if err := copyTree(src, dst, skip); err != nil {
		return nil, fmt.Errorf("new stack: %w", err)
	}
	if err := os.MkdirAll(s.side, 0o755); err != nil {
		return nil, fmt.Errorf("new stack: %w", err)
	}
	if err := os.WriteFile(s.cliConfig(), []byte(cliConfig(tools.Mirror)), 0o600); err != nil {
		return nil, fmt.Errorf("new stack: %w", err)
	}
	return s, nil
}

// Remove deletes the stack's folders. What was applied stays in the cloud.
func (s *Stack) Remove() error {
	return errors.Join(os.RemoveAll(s.Dir), os.RemoveAll(s.side))
}

// With returns the stack, same folder, bound to another cloud: a proxy in front
// of its emulator, for example.
func (s *Stack) With(cloud Cloud) *Stack {
	bound := *s
	bound.cloud = cloud
	return &bound
}

func (s *Stack) cliConfig() string { return filepath.Join(s.side, "cli.tfrc") }

// cliConfig takes the AWS provider from the mirror and all others from where
// they come from. Terraform links a mirror's unpacked providers, so that
// initialising copies nothing.
// https://developer.hashicorp.com/terraform/cli/config/config-file
func cliConfig(mirror string) string {
	return fmt.Sprintf(`disable_checkpoint = true

provider_installation {
  filesystem_mirror {
    path    = %s
    include = ["registry.terraform.io/hashicorp/aws"]
  }
  direct {
    exclude = ["registry.terraform.io/hashicorp/aws"]
  }
}
`, strconv.Quote(mirror))
}

// Env is the whole environment for Terraform, or Holdfast, to work on the stack:
// this process's, without AWS_*, TF_* and HOLDFAST_* (the lab's own stay), and
// with the cloud's and what makes Terraform quiet and independent of the user's
// set-up. Includes no TF_PLUGIN_CACHE_DIR: a cache would be shared and locked by
// nobody.
func (s *Stack) Env() []string {
	env := append(cleanEnv(),
		"TF_CLI_CONFIG_FILE="+s.cliConfig(),
		"TF_IN_AUTOMATION=1",
		"TF_INPUT=0",
		"CHECKPOINT_DISABLE=1",
	)
	if s.cloud != nil {
		env = append(env, s.cloud.Env()...)
	}
	return env
}

// unlogged keeps providers from logging each request with its body, which Terraform
// reads and throws away. It is not in Env, which is as users have it.
var unlogged = []string{"TF_LOG=off", "TF_LOG_PROVIDER=off", "TF_LOG_PROVIDER_AWS=off", "TF_LOG_SDK=off"}

// Run runs terraform with args in the stack's folder and returns its standard
// output. The error holds the end of all output, and what moto could not do.
func (s *Stack) Run(ctx context.Context, args ...string) ([]byte, error) {
	terraform := program{name: s.tools.Terraform, args: args, dir: s.Dir, env: append(s.Env(), unlogged...), patience: stopPatience}
	out, err := terraform.run(ctx)
	if err == nil {
		return out, nil
	}
	if cloud, ok := s.cloud.(interface{ Unimplemented() []string }); ok {
		if missing := cloud.Unimplemented(); len(missing) > 0 {
			err = fmt.Errorf("%w\nnot implemented by moto: %s", err, strings.Join(missing, ", "))
		}
	}
	return out, fmt.Errorf("stack %s: %w", s.Dir, err)
}

// Apply runs `terraform apply` without asking.
func (s *Stack) Apply(ctx context.Context, args ...string) error {
	_, err := s.Run(ctx, append([]string{"apply", "-auto-approve", "-input=false", "-no-color"}, args...)...)
	return err
}

// StateFile is where the current workspace's local state is. With a remote
// backend there is no such file.
func (s *Stack) StateFile() string {
	workspace, err := os.ReadFile(filepath.Join(s.Dir, ".terraform", "environment"))
	if name := strings.TrimSpace(string(workspace)); err == nil && name != "" && name != "default" {
		return filepath.Join(s.Dir, "terraform.tfstate.d", name, "terraform.tfstate")
	}
	return filepath.Join(s.Dir, "terraform.tfstate")
}

// State reads the state: the local file, else through `terraform state pull`.
func (s *Stack) State(ctx context.Context) ([]byte, error) {
	data, err := os.ReadFile(s.StateFile())
	if errors.Is(err, fs.ErrNotExist) {
		return s.Run(ctx, "state", "pull")
	}
	if err != nil {
		return nil, fmt.Errorf("state of %s: %w", s.Dir, err)
	}
	return data, nil
}
