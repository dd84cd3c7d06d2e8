package detect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"holdfast/internal/drift"
	"holdfast/internal/terraform"
)

// The plan engine is the second way to a verdict: terraform plan, read by the
// rule of docs/verdict.md. It is slower by far and knows what Terraform knows.

// checkByPlan checks the whole stack by a plan. An error says that nothing was
// checked.
func (p *pass) checkByPlan(ctx context.Context, last bool) (again bool, err error) {
	if err := p.planCan(); err != nil {
		return false, err
	}
	select {
	case p.checker.plans <- struct{}{}:
		defer func() { <-p.checker.plans }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, p.checker.options.PlanTimeout)
	defer cancel()
	p.loadSchemas() //nolint:contextcheck // schemas are shared by stacks and loaded once
	plan, err := p.makePlan(ctx)
	if err != nil {
		return false, err
	}
	p.out.Engine = string(Plan)
	p.lookAtWriter(plan.TerraformVersion)
	p.lookAtSchemas(p.loadedSchemas)
	p.judgeAll(plan) //nolint:contextcheck // as above
	p.guardPlanAbsence(plan)
	return p.guardPlanApply(ctx, last), nil
}

// planCode names the kind of an error of the plan engine for programs.
func planCode(err error) string {
	if errors.Is(err, terraform.ErrNotFound) {
		return "terraform_missing"
	}
	if coded, ok := errors.AsType[*codedError](err); ok {
		return coded.code
	}
	if code := codeOf(err); code != "failed" {
		return code
	}
	return "plan_failed"
}

// loadSchemas has the schemas of all providers of the state at hand: they say
// what is a set and what is sensitive. One that can't be had is missed where it
// is needed.
func (p *pass) loadSchemas() {
	for _, s := range p.subjects {
		if source := s.inst.Provider.Provider; source != drift.BuiltinProvider {
			_, _ = p.schemas(source)
		}
	}
}

// makePlan runs terraform plan and reads the plan. All that is written goes into
// a folder of our own, which is removed again: a plan holds secrets.
func (p *pass) makePlan(ctx context.Context) (*terraform.Plan, error) {
	if err := p.planable(); err != nil {
		return nil, err
	}
	binary, err := p.binary()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(p.checker.options.TempDir, "holdfast-plan-")
	if err != nil {
		return nil, fmt.Errorf("no folder for the plan: %w", err)
	}
	defer os.RemoveAll(dir)
	missing, err := p.planData(ctx, filepath.Join(dir, "data"))
	if err != nil {
		return nil, fmt.Errorf("preparing the plan: %w", err)
	}
	o := terraform.PlanOptions{Out: filepath.Join(dir, "plan")}
	if p.stack.StateNamed {
		o.State = p.stack.StatePath
	}
	if o.VarFiles, err = p.tree.WriteVars(p.options, dir); err != nil {
		return nil, fmt.Errorf("preparing the plan: %w", err)
	}
	cli := terraform.CLI{
		Binary: binary, Dir: p.stack.Dir, DataDir: filepath.Join(dir, "data"), Env: p.planEnv(), Redact: p.redact.clean,
	}
	if err := cli.Plan(ctx, o); err != nil {
		return nil, errors.Join(err, missing)
	}
	src, err := cli.Show(ctx, o.Out)
	if err != nil {
		return nil, err
	}
	return terraform.DecodePlan(src)
}

// planEnv keeps providers from writing while Terraform configures them, as far as
// the environment can: what the source says goes before. Which variable stops
// azurerm depends on its version, and 4.x refuses both (see noWrites).
func (p *pass) planEnv() []string {
	env := append(p.providerEnv(), "TERRAFORM_VAULT_SKIP_CHILD_TOKEN=true")
	for source, locked := range p.where.Lock {
		major, _, _ := strings.Cut(locked.Version, ".")
		switch {
		case !strings.HasSuffix(source, "/hashicorp/azurerm"):
		case len(major) == 1 && major < "4":
			env = append(env, "ARM_SKIP_PROVIDER_REGISTRATION=true")
		default:
			env = append(env, "ARM_RESOURCE_PROVIDER_REGISTRATIONS=none")
		}
	}
	return env
}

// planable tells which stacks must not, or can't, be planned here.
func (p *pass) planable() error {
	declared := p.stack.Backend
	if b := p.tree.Root.Backend; b != nil {
		declared = b.Type
	}
	switch {
	case p.stack.NoSource:
		return coded("source_missing", "a plan needs the source, which is not at hand; check where that is")
	case p.stack.StateURL != "":
		return coded("backend_unsupported", "the plan engine can't plan against a state at %s; leave --state out, or use --engine direct", p.stack.StateURL)
	case p.stack.StateNamed && declared != "local":
		return coded("backend_unsupported", "the plan engine can't plan against a state named by hand, because the root module declares the backend %q; leave --state out, or use --engine direct", declared)
	case declared == "remote" || declared == "cloud":
		return coded("backend_unsupported", "with the backend %q a plan would be a run in HCP Terraform, which is more than reading; use --engine direct", declared)
	}
	return nil
}

// binary looks for the program that the stack is meant for, else for the other.
func (p *pass) binary() (string, error) {
	names := []string{"terraform", "tofu"}
	if p.where.Lock.OpenTofu() || p.stack.Tofu {
		slices.Reverse(names)
	}
	return terraform.Find(p.checker.options.Terraform, p.stack.Env, names...)
}

// planData makes a data folder like the stack's own: its modules by a link, the
// backend's record and the workspace copied, and the providers, each checked
// against the lock file, by links. missing says which of them were not to be
// had; the plan may do without.
func (p *pass) planData(ctx context.Context, data string) (missing, err error) {
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	modules := filepath.Join(p.stack.DataDir, "modules")
	if _, err := os.Stat(modules); err == nil {
		if err := os.Symlink(modules, filepath.Join(data, "modules")); err != nil {
			return nil, err
		}
	}
	record, err := os.ReadFile(filepath.Join(p.stack.DataDir, "terraform.tfstate"))
	if err == nil {
		err = os.WriteFile(filepath.Join(data, "terraform.tfstate"), record, 0o600)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(data, "environment"), []byte(p.stack.Workspace), 0o600); err != nil {
		return nil, err
	}
	for source := range p.where.Lock {
		if err := p.linkProvider(ctx, source, filepath.Join(data, "providers")); err != nil {
			missing = errors.Join(missing, err)
		}
	}
	return missing, nil
}

func (p *pass) linkProvider(ctx context.Context, source, root string) error {
	pkg, err := p.checker.providers.Package(ctx, p.request(source, nil))
	if err != nil || pkg.Hash == "" { // a development override: Terraform finds it by itself
		return err
	}
	at := filepath.Join(root, filepath.FromSlash(source), pkg.Version, runtime.GOOS+"_"+runtime.GOARCH)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	return os.Symlink(filepath.Dir(pkg.Binary), at)
}

// guardPlanApply reads the state and its lock again: what a plan calls drift
// may be an apply under way.
func (p *pass) guardPlanApply(ctx context.Context, last bool) (again bool) {
	if len(p.out.Findings) > 0 {
		return p.guardApply(ctx, last)
	}
	raw, err := p.source.Read(ctx)
	return !last && err == nil && !bytes.Equal(raw, p.raw)
}

// guardPlanAbsence is guardAbsence with what the plan knows: the data sources
// that it read.
func (p *pass) guardPlanAbsence(plan *terraform.Plan) {
	for pc, gone := range p.gone() {
		if len(gone) >= manyGone && !p.vouched(pc, homes(gone)) && !p.sameByPlan(pc, plan) {
			p.doubtGone(pc, addressesOf(gone))
		}
	}
}

// sameByPlan reports whether the provider works as, and where, the state says.
func (p *pass) sameByPlan(pc drift.ProviderConfig, plan *terraform.Plan) bool {
	account, location := false, false
	for _, inst := range p.state.Instances {
		id, ok := identities[inst.Address.Type]
		if !ok || inst.Address.Mode != drift.Data || inst.Provider != pc {
			continue
		}
		was := stringIn(inst.Attributes, id.attribute)
		if was == "" || was != text(plan.Refreshed(inst.Address.String())[id.attribute]) {
			return false
		}
		account, location = account || id.account, location || id.location
	}
	return account && location
}

// stringIn is a string attribute of a JSON object; "" where there is none.
func stringIn(object []byte, name string) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return ""
	}
	return text(members[name])
}

func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}
