package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/mattn/go-shellwords"
	"github.com/zclconf/go-cty/cty"
)

// Assigned is a value given to a root variable, not yet fitted to its type.
type Assigned struct {
	expr hcl.Expression // from a file
	text string         // from the environment or the command line
	from string         // for messages
}

// Expr is the expression in a variables file that the value is from; nil where
// it is from the environment or the command line.
func (a Assigned) Expr() hcl.Expression { return a.expr }

// From names where the value is from, for messages.
func (a Assigned) From() string { return a.from }

func (a Assigned) value(v *Variable) (cty.Value, error) {
	expr := a.expr
	if expr == nil {
		if v.Literal {
			return cty.StringVal(a.text), nil
		}
		if err := checkExpression(a.text, a.from); err != nil {
			return cty.NilVal, fmt.Errorf("the value of variable %s from %w", v.Name, err)
		}
		var diags hcl.Diagnostics
		if expr, diags = hclsyntax.ParseExpression([]byte(a.text), a.from, hcl.InitialPos); diags.HasErrors() {
			return cty.NilVal, fmt.Errorf("the value of variable %s from %s is no expression: %s", v.Name, a.from, diags[0].Summary)
		}
	}
	val, diags := expr.Value(nil)
	if diags.HasErrors() {
		return cty.NilVal, fmt.Errorf("the value of variable %s from %s: %s", v.Name, a.from, diags[0].Summary)
	}
	return val, nil
}

// VarOption is one --var or --var-file, in the order they were given.
type VarOption struct {
	File  string // path of a variables file, relative to the root module
	Name  string // of a variable, where File is empty
	Value string
}

// EnvOptions are the variables that TF_CLI_ARGS and TF_CLI_ARGS_plan give on the
// command line of a plan, in the order in which they count: Terraform puts them
// before what the user writes there.
// https://developer.hashicorp.com/terraform/cli/config/environment-variables
func EnvOptions(env []string) ([]VarOption, error) {
	var options []VarOption
	for _, name := range []string{"TF_CLI_ARGS_plan", "TF_CLI_ARGS"} {
		for _, entry := range env {
			line, ok := strings.CutPrefix(entry, name+"=")
			if !ok {
				continue
			}
			args, err := shellwords.Parse(line)
			if err != nil {
				return nil, fmt.Errorf("%s can't be split into arguments; correct its quotes", name)
			}
			more, err := varArguments(args)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			options = append(options, more...)
		}
	}
	return options, nil
}

func varArguments(args []string) ([]VarOption, error) {
	var options []VarOption
	for len(args) > 0 {
		flag, value, inOne := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(args[0], "-"), "-"), "=")
		args = args[1:]
		if flag != "var" && flag != "var-file" {
			continue
		}
		if !inOne {
			if len(args) == 0 {
				return nil, fmt.Errorf("-%s has no value", flag)
			}
			value, args = args[0], args[1:]
		}
		name, assigned, isPair := strings.Cut(value, "=")
		switch {
		case flag == "var-file":
			options = append(options, VarOption{File: value})
		case !isPair:
			return nil, errors.New("-var is not of the form NAME=VALUE")
		default:
			options = append(options, VarOption{Name: name, Value: assigned})
		}
	}
	return options, nil
}

// CheckOptions refuses a value for a variable that the root module does not
// declare, as Terraform does on the command line: it is a slip of the pen, and
// the check would go on without it.
func (t *Tree) CheckOptions(options []VarOption) error {
	for _, o := range options {
		if o.File == "" && t.Root.Variables[o.Name] == nil {
			return fmt.Errorf("--var %s: the root module declares no variable of that name; correct it, or declare it", o.Name)
		}
	}
	return nil
}

// RootVariables collects the values of root variables as Terraform does, later
// ones winning: TF_VAR_ of the environment, terraform.tfvars,
// terraform.tfvars.json, *.auto.tfvars and *.auto.tfvars.json by name, then
// the options in their order.
func RootVariables(dir string, env []string, options []VarOption) (map[string]Assigned, error) {
	return Overlay(nil).RootVariables(dir, env, options)
}

// RootVariables is RootVariables with the overlay's contents of files.
func (o Overlay) RootVariables(dir string, env []string, options []VarOption) (map[string]Assigned, error) {
	vars := map[string]Assigned{}
	for _, entry := range env {
		if name, value, ok := strings.Cut(entry, "="); ok {
			if name, ok := strings.CutPrefix(name, "TF_VAR_"); ok {
				vars[name] = Assigned{text: value, from: "the environment"}
			}
		}
	}
	files, err := autoFiles(dir)
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		if err := o.addVarFile(vars, path); err != nil {
			return nil, err
		}
	}
	for _, option := range options {
		if option.File == "" {
			vars[option.Name] = Assigned{text: option.Value, from: "--var"}
			continue
		}
		path := option.File
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if err := o.addVarFile(vars, path); err != nil {
			return nil, err
		}
	}
	return vars, nil
}

// autoFiles lists the variable files that are loaded by themselves.
func autoFiles(dir string) ([]string, error) {
	var files []string
	for _, name := range []string{"terraform.tfvars", "terraform.tfvars.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			files = append(files, filepath.Join(dir, name))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the root module: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasSuffix(name, ".auto.tfvars") || strings.HasSuffix(name, ".auto.tfvars.json") { // hidden ones too
			files = append(files, filepath.Join(dir, name))
		}
	}
	return files, nil
}

func (o Overlay) addVarFile(vars map[string]Assigned, path string) error {
	src, err := o.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("variables file %s does not exist; its path is taken from the root module's folder", path)
	}
	if err != nil {
		return fmt.Errorf("reading a variables file: %w", err)
	}
	return addVarSource(vars, src, path)
}

func addVarSource(vars map[string]Assigned, src []byte, path string) error {
	file, err := parseFile(src, path)
	if err != nil {
		return fmt.Errorf("variables file: %w", err)
	}
	attrs, diags := file.Body.JustAttributes()
	if diags.HasErrors() {
		return fmt.Errorf("variables file: %w", sourceError(diags))
	}
	for name, attr := range attrs {
		vars[name] = Assigned{expr: attr.Expr, from: path}
	}
	return nil
}
