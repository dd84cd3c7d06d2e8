package terraform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"holdfast/internal/terraform/program"
)

// Version is what the program says of itself.
type Version struct {
	Number string // such as 1.11.4
	Tofu   bool
}

func (c CLI) versionCmd() program.Command {
	return c.command("version", "-json")
}

// Version asks the program for its version.
func (c CLI) Version(ctx context.Context) (Version, error) {
	out, err := c.versionCmd().Run(ctx)
	if err != nil {
		return Version{}, err
	}
	var answer struct {
		Terraform string `json:"terraform_version"` // OpenTofu's too
	}
	if err := json.Unmarshal(out, &answer); err != nil || answer.Terraform == "" {
		return Version{}, fmt.Errorf("%s says no version; is it Terraform or OpenTofu?", c.Binary)
	}
	return Version{Number: answer.Terraform, Tofu: isTofu(c.Binary)}, nil
}

func isTofu(binary string) bool {
	name := filepath.Base(binary)
	return name == "tofu" || name == "tofu.exe"
}

// PlanOptions are the choices of one plan.
type PlanOptions struct {
	Out      string   // the plan file; made with permission 0600
	State    string   // a state file in place of the local backend's; "" for that
	VarFiles []string // in their order
}

func (c CLI) planCmd(o PlanOptions) program.Command {
	args := []string{"plan", "-input=false", "-no-color", "-lock=false", "-refresh=true", "-out=" + o.Out}
	if o.State != "" {
		args = append(args, "-state="+o.State)
	}
	for _, file := range o.VarFiles {
		args = append(args, "-var-file="+file)
	}
	return c.command(args...)
}

// Plan writes a plan to a file. It takes no lock and changes nothing else. A
// plan holds secrets, so nobody but the user may read the file; the caller
// removes it.
func (c CLI) Plan(ctx context.Context, o PlanOptions) error {
	// Terraform keeps the mode of a file that is there.
	file, err := os.OpenFile(o.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		return fmt.Errorf("making the plan file: %w", err)
	}
	_, err = c.planCmd(o).Run(ctx)
	return err
}

func (c CLI) showCmd(file string) program.Command {
	return c.command("show", "-json", "-no-color", file)
}

// Show reads a plan file: the JSON document of a plan, secrets and all.
func (c CLI) Show(ctx context.Context, file string) ([]byte, error) {
	return c.showCmd(file).Run(ctx)
}

func (c CLI) statePullCmd() program.Command {
	return c.command("state", "pull")
}

// ErrNoState is the error of a stack that has no state.
var ErrNoState = errors.New("there is no state")

// StatePull gives the state of the selected workspace, from whichever backend,
// decrypted where it is encrypted.
func (c CLI) StatePull(ctx context.Context) ([]byte, error) {
	out, err := c.statePullCmd().Run(ctx)
	if err == nil && len(out) == 0 {
		return nil, ErrNoState
	}
	return out, err
}

func (c CLI) initCmd() program.Command {
	return c.command("init", "-backend=false", "-input=false", "-no-color", "-lockfile=readonly")
}

// isDir reports whether there is a folder, links followed.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
