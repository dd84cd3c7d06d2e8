package resolve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/drift"
	"holdfast/internal/resolve/edit"
	"holdfast/internal/state"
	"holdfast/internal/terraform"
	"holdfast/internal/terraform/program"
)

// Plan is a plan in a file, held against the findings. Close it: the file holds
// secrets.
type Plan struct {
	Steps   []drift.Step
	Refused []drift.Refusal // empty: it may be applied
	// Backup is where the state of before is, once the apply has begun.
	Backup string

	// Edit is what is written into the source, where reality is taken in.
	Edit edit.Result

	job   *Job
	dir   string // of all that is written here; "" where no plan was made
	state []byte // as it was before the plan
	apply func(ctx context.Context, interrupts <-chan os.Signal) error
}

// Revert makes the plan that puts the findings back, unless a guard refuses. It
// changes nothing. An error says that no plan could be made.
func (j *Job) Revert(ctx context.Context) (*Plan, error) {
	p, err := j.begin(ctx, j.protected())
	if err != nil || len(p.Refused) > 0 {
		return p, err
	}
	p.apply = func(_ context.Context, interrupts <-chan os.Signal) error {
		return j.applyCmd(p.file()).RunOut(interrupts, p.dir) //nolint:contextcheck // it must come to its own end
	}
	plan, err := p.make(ctx, j.targets())
	if err != nil {
		p.Close()
		return p, err
	}
	p.Steps, p.Refused = Gate(plan, j.Findings, j.Allowed, j.Schema)
	return p, nil
}

// begin starts a plan that the guards, and others, may refuse.
func (j *Job) begin(ctx context.Context, others []drift.Refusal) (*Plan, error) {
	p := &Plan{job: j, Refused: append(j.guards(ctx), others...)}
	if len(p.Refused) > 0 {
		return p, nil
	}
	err := p.sameState(ctx)
	return p, err
}

// targets are the findings' addresses, as Terraform's flags.
func (j *Job) targets() []string {
	var flags []string
	for _, f := range j.Findings {
		flags = append(flags, "-target="+f.Address)
	}
	return flags
}

// Close removes the plan's file.
func (p *Plan) Close() {
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
}

func (p *Plan) file() string { return filepath.Join(p.dir, "plan") }

// cli is for what only reads.
func (j *Job) cli() terraform.CLI {
	s := j.Stack
	return terraform.CLI{Binary: j.Binary, Dir: s.Dir, Env: s.Env, DataDir: s.DataDir, Workspace: s.Workspace, Redact: j.Redact}
}

func (j *Job) command(args ...string) program.Command {
	s := j.Stack
	return program.Command{
		Binary: j.Binary, Args: args, Dir: s.Dir, Env: program.Environment(s.Env, s.DataDir, s.Workspace), Redact: j.Redact,
		Grace: planGrace,
	}
}

// planGrace is how long an interrupted plan may take to give its lock back.
const planGrace = time.Minute

// sameState makes sure that Terraform works on the very state that was checked:
// the folder may be initialised for another backend than the settings say.
func (p *Plan) sameState(ctx context.Context) error {
	src, err := p.job.cli().StatePull(ctx)
	if err != nil {
		return err
	}
	now, err := state.Decode(src)
	if err != nil {
		return fmt.Errorf("the state as terraform state pull gives it: %w", err)
	}
	checked := p.job.Checked.State
	switch {
	case now.Lineage != checked.Lineage:
		p.Refused = refused("Terraform works on another state here than the one that was checked", "run terraform init with this stack's backend configuration")
	case now.Serial != checked.Serial:
		p.Refused = refused("somebody has changed the state since the check", "run it again")
	}
	p.state = src
	return nil
}

// make runs terraform plan, with the lock, and reads the plan.
func (p *Plan) make(ctx context.Context, scope []string) (*terraform.Plan, error) {
	p.Close() // an earlier one
	var err error
	if p.dir, err = os.MkdirTemp("", "holdfast-resolve-"); err != nil {
		return nil, fmt.Errorf("no folder for the plan: %w", err)
	}
	// Terraform keeps the mode of a file that is there.
	if err := os.WriteFile(p.file(), nil, 0o600); err != nil {
		return nil, fmt.Errorf("making the plan file: %w", err)
	}
	files, err := p.job.varFiles(p.dir)
	if err != nil {
		return nil, fmt.Errorf("preparing the plan: %w", err)
	}
	if _, err := p.job.planCmd(p.file(), scope, files).Run(ctx); err != nil {
		return nil, err
	}
	src, err := p.job.cli().Show(ctx, p.file())
	if err != nil {
		return nil, err
	}
	return terraform.DecodePlan(src)
}

func (j *Job) planCmd(file string, scope, varFiles []string) program.Command {
	args := append([]string{"plan", "-input=false", "-no-color", "-lock=true", "-lock-timeout=" + j.LockTimeout.String(), "-refresh=true", "-out=" + file}, scope...)
	for _, path := range varFiles {
		args = append(args, "-var-file="+path)
	}
	return j.command(args...)
}

// varFiles are the stack's variables, in the order in which they count, as the
// check had them.
func (j *Job) varFiles(dir string) ([]string, error) {
	load := config.Load
	if j.Stack.Tofu {
		load = config.LoadTofu
	}
	tree, err := load(j.Stack.Dir, j.Stack.DataDir)
	if err != nil {
		return nil, err
	}
	return tree.WriteVars(j.Options, dir)
}

// Apply looks at the findings once more, and applies the plan's very file.
// Terraform itself refuses it if the state has changed since. begin is called just
// before, and records that it begins; nothing is applied if it fails. Once begun,
// it is not ended by ctx: interrupts are passed on to Terraform. A *RefusedError
// says that nothing was changed; another error after begin says that something
// may have been.
func (p *Plan) Apply(ctx context.Context, interrupts <-chan os.Signal, begin func() error) error {
	now, err := p.job.Check(ctx)
	if err != nil {
		return err
	}
	if refusals := Look(p.job.Findings, now); len(refusals) > 0 {
		return &RefusedError{refusals}
	}
	if p.Backup, err = p.backup(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := begin(); err != nil {
		return err
	}
	return p.apply(ctx, interrupts)
}

func (j *Job) applyCmd(file string) program.Command {
	return j.command("apply", "-input=false", "-no-color", "-lock-timeout="+j.LockTimeout.String(), file)
}

// backup says where the state of before will be: the local backend has Terraform
// write one; of another, it is the state that was pulled before the plan.
func (p *Plan) backup() (string, error) {
	j := p.job
	if j.Stack.Backend == "local" && j.Stack.StatePath != "" {
		return j.Stack.StatePath + ".backup", nil
	}
	if err := os.MkdirAll(j.Backups, 0o700); err != nil {
		return "", fmt.Errorf("backing the state up: %w", err)
	}
	file, err := os.CreateTemp(j.Backups, fmt.Sprintf("%s-%d-*.tfstate", j.Stack.ID(), j.Checked.State.Serial)) // mode 0600
	if err != nil {
		return "", fmt.Errorf("backing the state up: %w", err)
	}
	_, err = file.Write(p.state)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("backing the state up: %w", err)
	}
	return file.Name(), nil
}
