package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestVariablePrecedence(t *testing.T) {
	t.Parallel()
	e := evaluator(t, precedenceArchive, setup{
		env: []string{"TF_VAR_env=env", "TF_VAR_tfvars=env", "TF_VAR_undeclared=x", "PATH=/bin", "TF_VAR_broken"},
		options: []VarOption{
			{Name: "file_after_flag", Value: "flag"},
			{File: "env/prod.tfvars"},
			{Name: "flag", Value: "flag"},
		},
	})
	for name, want := range map[string]string{
		"default": "default", "env": "env", "tfvars": "tfvars", "json": "json", "auto_a": "a", "auto_b": "b",
		"auto_json": "${not_a_template}", "file": "file", "flag": "flag", "file_after_flag": "file",
	} {
		v, problems := e.evaluate(t, "var."+name)
		equal(t, name, show(v)+texts(problems), fmt.Sprintf("%q", want))
	}
}

const precedenceArchive = `
variable "default" { default = "default" }
variable "env" { default = "default" }
variable "tfvars" {}
variable "json" {}
variable "auto_a" {}
variable "auto_b" {}
variable "auto_json" {}
variable "file" {}
variable "flag" {}
variable "file_after_flag" {}
-- terraform.tfvars --
tfvars     = "tfvars"
json       = "tfvars"
auto_a     = "tfvars"
auto_b     = "tfvars"
auto_json  = "tfvars"
file       = "tfvars"
flag       = "tfvars"
undeclared = "is no matter"
-- terraform.tfvars.json --
{"json": "json", "auto_a": "json", "auto_b": "json", "auto_json": "json"}
-- a.auto.tfvars --
auto_a    = "a"
auto_b    = "a"
auto_json = "a"
-- b.auto.tfvars --
auto_b    = "b"
auto_json = "b"
-- c.auto.tfvars.json --
{"auto_json": "${not_a_template}"}
-- other.tfvars --
file_after_flag = "never loaded by itself"
-- env/prod.tfvars --
file            = "file"
flag            = "file"
file_after_flag = "file"
`

func TestVariableErrors(t *testing.T) {
	t.Parallel()
	dir := unpack(t, `
locals {}
-- terraform.tfvars --
a = "b"
`)
	tests := map[string]struct {
		archive string
		option  VarOption
		want    string
	}{
		"missing file":      {"", VarOption{File: "gone.tfvars"}, "gone.tfvars does not exist; its path is taken from the root module's folder"},
		"syntax":            {"-- x.tfvars --\na = \"b\"\nb = [", VarOption{File: "x.tfvars"}, "x.tfvars:"},
		"block":             {"-- b.tfvars --\n\na {}", VarOption{File: "b.tfvars"}, "b.tfvars:2,1: Unexpected \"a\" block"},
		"JSON":              {"-- x.tfvars.json --\n[]", VarOption{File: "x.tfvars.json"}, "x.tfvars.json:1,"},
		"nesting":           {"-- deep.tfvars --\na = " + strings.Repeat("[", 3000), VarOption{File: "deep.tfvars"}, "nested more than 1000 deep"},
		"a folder, no file": {"-- dir.tfvars/x --\n", VarOption{File: "dir.tfvars"}, "dir.tfvars is not a file"},
	}
	for name, test := range tests {
		write(t, dir, test.archive)
		_, err := RootVariables(dir, nil, []VarOption{test.option})
		contains(t, name, fmt.Sprint(err), test.want)
	}
	_, err := RootVariables(filepath.Join(dir, "gone"), nil, nil)
	contains(t, "no folder", fmt.Sprint(err), "reading the root module")
}

// Values of root variables: how text from the environment is read, types,
// defaults, null, sensitive. The same module is applied by Terraform in
// TestTerraform; here is what that can't show.
func TestVariables(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ declared, env, want, problem string }{
		"untyped text":             {``, `[1]`, `"[1]"`, ""},
		"string":                   {`type = string`, `"quoted"`, `"\"quoted\""`, ""},
		"number":                   {`type = number`, `0x10`, `?`, "a number is required"},
		"number of text":           {`type = number`, `12`, `12`, ""},
		"bool":                     {`type = bool`, `true`, `true`, ""},
		"any":                      {`type = any`, `{a = [1, "x"]}`, `{a=[1 "x"]}`, ""},
		"any that is no value":     {`type = any`, `word`, `?`, "main.tf:1: `var.x`: the value of variable x from the environment: "},
		"list":                     {`type = list(number)`, `["1", 2]`, `[1 2]`, ""},
		"set":                      {`type = set(string)`, `["b", "a", "b"]`, `<"a" "b">`, ""},
		"map":                      {`type = map(any)`, `{a = 1, b = 2}`, `{a=1 b=2}`, ""},
		"legacy map":               {`type = "map"`, `{a = 1}`, `{a=1}`, ""},
		"legacy list":              {`type = list`, `[1]`, `[1]`, ""},
		"legacy string":            {`type = "string"`, `[1]`, `"[1]"`, ""},
		"tuple":                    {`type = tuple([string, bool])`, `[1, "true"]`, `["1" true]`, ""},
		"object":                   {`type = object({a = string})`, `{a = 1, b = 2}`, `{a="1"}`, ""},
		"object that lacks":        {`type = object({a = string, b = object({c = bool})})`, `{a = 1, b = {}}`, `?`, `attribute "b": attribute "c" is required`},
		"no expression":            {`type = any`, `{`, `?`, "is no expression"},
		"deep":                     {`type = any`, strings.Repeat("(", 3000), `?`, "nested more than 1000 deep"},
		"optional":                 {`type = object({a = optional(string), b = optional(number, 3), c = optional(object({d = optional(bool, true)}), {})})`, `{}`, `{a=null b=3 c={d=true}}`, ""},
		"optional in a map":        {`type = map(object({a = optional(string, "x")}))`, `{k = {}, l = {a = null}, m = {a = "y"}}`, `{k={a="x"} l={a="x"} m={a="y"}}`, ""},
		"default is converted":     {"type = list(string)\n default = [1]", ``, `["1"]`, ""},
		"default with optional":    {"type = object({a = optional(string, \"x\")})\n default = {}", ``, `{a="x"}`, ""},
		"null":                     {"type = any\n default = 1", `null`, `null`, ""},
		"not nullable":             {"type = any\n default = 1\n nullable = false", `null`, `1`, ""},
		"not nullable, no default": {"type = any\n nullable = false", `null`, `?`, "it has no value; give it one with --var or --var-file"},
		"sensitive":                {"type = map(string)\n sensitive = true", `{a = "s"}`, `!{a="s"}`, ""},
		"sensitive default":        {"default = \"s\"\n sensitive = true", ``, `!"s"`, ""},
		"sensitive, does not fit":  {"type = number\n sensitive = true", `s3cret`, `!?`, "its value does not fit its type: why is not shown, for a sensitive value takes part"},
		"ephemeral":                {"ephemeral = true", `t`, `~"t"`, ""},
		"required":                 {`type = object({a = optional(string, "x")})`, ``, `?`, "main.tf:1: `var.x`: it has no value; give it one with --var or --var-file"},
		"required and sensitive":   {`sensitive = true`, ``, `!?`, "it has no value"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup{}
			if test.env != "" {
				s.env = []string{"TF_VAR_x=" + test.env}
			}
			e := evaluator(t, "variable \"x\" {\n"+test.declared+"\n}", s)
			v, problems := e.evaluate(t, "var.x")
			equal(t, "value", show(v), test.want)
			contains(t, "problems", texts(problems), test.problem)
			if test.problem == "" && problems != nil {
				t.Errorf("problems: %s", texts(problems))
			}
			if strings.Contains(texts(problems), "s3cret") {
				t.Errorf("the secret is in %s", texts(problems))
			}
		})
	}
}

func TestSensitiveVariables(t *testing.T) {
	t.Parallel()
	e := evaluator(t, `
variable "a" {
  sensitive = true
  default   = "s3cret"
}
variable "b" { sensitive = true }
variable "c" {
  ephemeral = true
  default   = "token"
}
variable "d" { default = "plain" }
`, setup{})
	got := map[string]bool{}
	for _, v := range e.SensitiveVariables() {
		got[show(v)] = true
	}
	equal(t, "values", got, map[string]bool{`!"s3cret"`: true, "!?": true, `~"token"`: true})
}

func TestEnvOptions(t *testing.T) {
	t.Parallel()
	got, err := EnvOptions([]string{
		"TF_CLI_ARGS=-var=a=generic -no-color", "TF_CLI_ARGS_apply=-var=a=apply",
		`TF_CLI_ARGS_plan=-parallelism=3 -var 'a=x y' --var-file=env/prod.tfvars -var "b={\"k\" = 1}" -var-file other.tfvars`,
	})
	must(t, err)
	equal(t, "options", fmt.Sprint(got), fmt.Sprint([]VarOption{
		{Name: "a", Value: "x y"}, {File: "env/prod.tfvars"}, {Name: "b", Value: `{"k" = 1}`}, {File: "other.tfvars"}, {Name: "a", Value: "generic"},
	}))
	for args, want := range map[string]string{"-var": "has no value", "-var=secretcanary": "NAME=VALUE", "-var 'a=secretcanary": "quotes"} {
		_, err := EnvOptions([]string{"TF_CLI_ARGS_plan=" + args})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestCheckOptions(t *testing.T) {
	t.Parallel()
	tree := load(t, `variable "region" {}`)
	must(t, tree.CheckOptions([]VarOption{{Name: "region"}, {File: "x.tfvars"}}))
	if err := tree.CheckOptions([]VarOption{{Name: "regoin"}}); err == nil || !strings.Contains(err.Error(), "regoin") {
		t.Errorf("a slip of the pen: %v", err)
	}
}
