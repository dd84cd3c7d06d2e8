package edit_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/lab"
	"holdfast/internal/resolve/edit"
)

// TestTerraformTakesTheEdits holds edits against the real Terraform, with its
// built-in provider: they are formatted, valid, and planned as what is live.
func TestTerraformTakesTheEdits(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	const source = `
# Settings of the team.
variable "names" {
  type    = list(string)
  default = ["a", "b"] # two
}

locals {
  sizes = {
    small = 1
    large = 10 # big
  }
}

resource "terraform_data" "literal" {
  input = "old $${x}" # a comment
}

resource "terraform_data" "each" {
  for_each = local.sizes
  input    = each.value
}

resource "terraform_data" "counted" {
  count = length(var.names)
  input = var.names[count.index]
}

resource "terraform_data" "policy" {
  input = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow" # for now
      Action = ["s3:GetObject"]
    }]
  })
}

resource "terraform_data" "heredoc" {
  input = <<-EOT
    name: ${local.sizes.small}
    text: old
  EOT
}

module "inner" {
  source = "./inner"
  text   = "old"
}

# Was deleted.
resource "terraform_data" "deleted" {
  input = 1
}
-- inner/main.tf --
variable "text" {
  type = string
}

resource "terraform_data" "it" {
  input = { text = var.text }
}
-- more.auto.tfvars --
names = ["a", "b"]
`
	const accepted = `
terraform_data.literal | input | "new\n%{if}${y}"
terraform_data.each["large"] | input | 20
terraform_data.counted[1] | input | "c"
terraform_data.policy | input | "{\"Statement\":[{\"Action\":[\"s3:GetObject\",\"s3:PutObject\"],\"Effect\":\"Deny\"}],\"Version\":\"2012-10-17\"}"
terraform_data.heredoc | input | "name: 1\ntext: ${new}\n"
module.inner.terraform_data.it | input.text | "new"
terraform_data.deleted
`
	dir := unpack(t, source)
	terraform := runner(t, tools.Terraform, dir)
	terraform("init")
	in := input(dir, accepted, t, bed{forget: true})
	in.Schema = func(drift.Address) *schema.Block {
		return &schema.Block{Attributes: map[string]*schema.Attribute{
			"input": attr(cty.DynamicPseudoType), "id": {Type: cty.String, Computed: true},
			"output": {Type: cty.DynamicPseudoType, Computed: true}, "triggers_replace": attr(cty.DynamicPseudoType),
		}}
	}
	r, err := edit.Plan(in)
	must(t, err)
	if len(r.Refusals) > 0 {
		t.Fatal(reasons(r))
	}
	must(t, r.Write())
	terraform("fmt", "-check", "-diff", "-recursive")
	terraform("validate")
	for expr, want := range map[string]string{
		`terraform_data.literal.input == "new\n%%{if}$${y}"`: "true",
		`local.sizes.large`: "20",
		`var.names[1]`:      `"c"`,
		`jsondecode(terraform_data.policy.input).Statement[0].Effect`:         `"Deny"`,
		`terraform_data.heredoc.input == "name: 1\ntext: $${new}\n"`:          "true",
		`length(jsondecode(terraform_data.policy.input).Statement[0].Action)`: "2",
	} {
		if got := strings.TrimSpace(terraform("console", "-plan", "<", expr)); !strings.HasSuffix(got, want) {
			t.Errorf("%s is %s, want %s", expr, got, want)
		}
	}
}

// runner runs the real Terraform. What follows "<" is its input.
func runner(t *testing.T, program, dir string) func(args ...string) string {
	rc := filepath.Join(t.TempDir(), "empty.tfrc")
	must(t, os.WriteFile(rc, nil, 0o600))
	return func(args ...string) string {
		t.Helper()
		input := ""
		if n := len(args) - 2; n > 0 && args[n] == "<" {
			args, input = args[:n], args[n+1]+"\n"
		}
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
		cmd.Env = []string{"TF_CLI_CONFIG_FILE=" + rc, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(rc)}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
}

// TestTerraformFindsThemFormatted has the real Terraform look at every edit of
// the tables: what it would not have touched before it does not touch afterwards.
func TestTerraformFindsThemFormatted(t *testing.T) {
	t.Parallel()
	tools := lab.Need(t)
	dir := t.TempDir()
	for n, c := range slices.Concat(edits, shapes) {
		r, err := edit.Plan(input(unpack(t, c.source), c.accepted, t, c.bed))
		must(t, err)
		for i, f := range r.Files {
			if ext := filepath.Ext(f.Name); ext != ".json" {
				name := fmt.Sprintf("%d-%d%s", n, i, ext)
				must(t, os.WriteFile(filepath.Join(dir, "before-"+name), f.Before, 0o644))
				must(t, os.WriteFile(filepath.Join(dir, "after-"+name), f.After, 0o644))
			}
		}
	}
	cmd := exec.CommandContext(t.Context(), tools.Terraform, "fmt", "-check", "-list=true")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	unformatted := strings.Fields(string(out))
	for _, name := range unformatted {
		if rest, after := strings.CutPrefix(name, "after-"); after && !slices.Contains(unformatted, "before-"+rest) {
			t.Errorf("not formatted:\n%s", read(t, filepath.Join(dir, name)))
		}
	}
	if len(unformatted) == 0 {
		t.Error("terraform fmt found every file formatted, though one of the tables is not")
	}
}
