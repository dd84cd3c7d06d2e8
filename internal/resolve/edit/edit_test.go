package edit_test

import (
	"slices"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/resolve/edit"
)

type editCase struct {
	name     string
	source   string
	accepted string
	want     string // the changed lines
	refused  string // in the refusals
	bed      bed
}

func TestEdits(t *testing.T) {
	t.Parallel()
	for _, c := range slices.Concat(edits, shapes) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := unpack(t, c.source)
			got, err := edit.Plan(input(dir, c.accepted, t, c.bed))
			must(t, err)
			if r := reasons(got); (r == "") != (c.refused == "") || !strings.Contains(r, c.refused) {
				t.Errorf("refusals:\n%swant %q in them", r, c.refused)
			}
			if lines, want := changedLines(got), strings.TrimPrefix(c.want, "\n"); lines != want {
				t.Errorf("changed lines:\n%swant:\n%s", lines, want)
			}
			for _, f := range got.Files {
				if !strings.HasSuffix(f.Name, ".json") && formatted(f.Before) && !formatted(f.After) {
					t.Errorf("%s is not formatted any more:\n%s", f.Name, f.After)
				}
			}
			if len(got.Files) > 0 {
				again(t, dir, got, c)
			}
		})
	}
}

// again writes an edit and sees that nothing is left to be edited.
func again(t *testing.T, dir string, got edit.Result, c editCase) {
	t.Helper()
	must(t, got.Write())
	next, err := edit.Plan(input(dir, c.accepted, t, c.bed))
	must(t, err)
	if len(next.Files) > 0 {
		t.Errorf("there is more to edit afterwards:\n%s", next.Diff())
	}
	must(t, got.Restore())
}

var edits = []editCase{
	{
		name:     "a string",
		source:   "resource \"thing\" \"a\" {\n  name = \"old\" # why\n}\n",
		accepted: `thing.a | name | "new"`,
		want:     "-  name = \"old\" # why\n+  name = \"new\" # why\n",
	},
	{
		name:     "a number, negative before",
		source:   "resource \"thing\" \"a\" {\n  size = -1\n}\n",
		accepted: `thing.a | size | 20`,
		want:     "-  size = -1\n+  size = 20\n",
	},
	{
		name:     "a number in quotes",
		source:   "resource \"thing\" \"a\" {\n  size = \"1\"\n}\n",
		accepted: `thing.a | size | 2.5`,
		want:     "-  size = \"1\"\n+  size = \"2.5\"\n",
	},
	{
		name:     "a bool",
		source:   "resource \"thing\" \"a\" {\n  on = true\n}\n",
		accepted: `thing.a | on | false`,
		want:     "-  on = true\n+  on = false\n",
	},
	{
		name:     "an argument that goes",
		source:   "resource \"thing\" \"a\" {\n  # kept\n  name = \"a\"\n  size = 3 # goes with it\n  on   = true\n}\n",
		accepted: `thing.a | size | null`,
		want:     "-  size = 3 # goes with it\n",
	},
	{
		name:     "an argument that comes",
		source:   "resource \"thing\" \"a\" {\n  name = \"a\"\n\n  rule {\n    port = 1\n  }\n}\n",
		accepted: `thing.a | tags | {"Owner":"me"}`,
		want:     "+  tags = {\n+    Owner = \"me\"\n+  }\n+\n",
	},
	{
		name:     "an argument that comes and is longer than the others",
		source:   "resource \"thing\" \"a\" {\n  name = \"a\"\n}\n",
		accepted: `thing.a | policy | "x"`,
		want:     "-  name = \"a\"\n+  name   = \"a\"\n+  policy = \"x\"\n",
	},
	{
		name:     "an argument into an empty block",
		source:   "resource \"thing\" \"a\" {}\n",
		accepted: `thing.a | size | 1`,
		want:     "-resource \"thing\" \"a\" {}\n+resource \"thing\" \"a\" {\n+  size = 1\n+}\n",
	},
	{
		name:     "an argument into a block on one line",
		source:   "resource \"thing\" \"a\" { name = \"x\" }\n",
		accepted: `thing.a | size | 1`,
		want:     "-resource \"thing\" \"a\" { name = \"x\" }\n+resource \"thing\" \"a\" {\n+  name = \"x\"\n+  size = 1\n+}\n",
	},
	{
		name:     "an argument before depends_on",
		source:   "resource \"thing\" \"a\" {\n  name = \"a\"\n\n  depends_on = [thing.b]\n}\n\nresource \"thing\" \"b\" {}\n",
		accepted: `thing.a | size | 4`,
		want:     "+  size = 4\n",
	},
	{
		name:     "a key of a map",
		source:   "resource \"thing\" \"a\" {\n  tags = {\n    Name  = \"a\" # the name\n    Owner = \"b\"\n  }\n}\n",
		accepted: `thing.a | tags["Owner"] | "c"`,
		want:     "-    Owner = \"b\"\n+    Owner = \"c\"\n",
	},
	{
		name:     "a key that comes and one that goes",
		source:   "resource \"thing\" \"a\" {\n  tags = {\n    # who it is\n    Name  = \"a\"\n    Owner = \"b\"\n  }\n}\n",
		accepted: "thing.a | tags[\"Owner\"] | null\nthing.a | tags[\"a b\"] | \"${x}\"",
		want:     "-    Owner = \"b\"\n+    \"a b\" = \"$${x}\"\n",
	},
	{
		name:     "keys in the style of the others",
		source:   "resource \"thing\" \"a\" {\n  tags = { \"Name\" : \"a\", \"Owner\" : \"b\" }\n}\n",
		accepted: "thing.a | tags[\"Team\"] | \"x\"",
		want:     "-  tags = { \"Name\" : \"a\", \"Owner\" : \"b\" }\n+  tags = { \"Name\" : \"a\", \"Owner\" : \"b\", \"Team\" : \"x\" }\n",
	},
	{
		name:     "the last key goes",
		source:   "resource \"thing\" \"a\" {\n  tags = {\n    Name = \"a\"\n  }\n}\n",
		accepted: "thing.a | tags[\"Name\"] | null",
		want:     "-  tags = {\n-    Name = \"a\"\n-  }\n+  tags = {}\n",
	},
	{
		name:     "the first key comes",
		source:   "resource \"thing\" \"a\" {\n  tags = {}\n}\n",
		accepted: "thing.a | tags[\"Name\"] | \"x\"",
		want:     "-  tags = {}\n+  tags = {\n+    Name = \"x\"\n+  }\n",
	},
	{
		name:     "merge: the literal part",
		source:   "variable \"tags\" {\n  default = { Env = \"dev\" }\n}\n\nresource \"thing\" \"a\" {\n  tags = merge(var.tags, { Owner = \"b\" })\n}\n\nresource \"thing\" \"b\" {\n  tags = var.tags\n}\n",
		accepted: "thing.a | tags[\"Owner\"] | \"c\"\nthing.a | tags[\"New\"] | \"n\"",
		want:     "-  tags = merge(var.tags, { Owner = \"b\" })\n+  tags = merge(var.tags, { Owner = \"c\", New = \"n\" })\n",
	},
	{
		name:     "merge: the part that others share",
		source:   "variable \"tags\" {\n  default = { Env = \"dev\" }\n}\n\nresource \"thing\" \"a\" {\n  tags = merge(var.tags, { Owner = \"b\" })\n}\n\nresource \"thing\" \"b\" {\n  tags = var.tags\n}\n",
		accepted: "thing.a | tags[\"Env\"] | \"prod\"",
		refused:  `it would also change tags of thing.b`,
	},
	{
		name:     "a tag of default_tags",
		source:   "provider \"aws\" {\n  default_tags {\n    tags = { Team = \"x\" }\n  }\n}\n\nresource \"thing\" \"a\" {\n  name = \"a\"\n}\n",
		accepted: "thing.a | tags_all[\"Team\"] | null",
		refused:  "default_tags",
	},
	{
		name:     "tags_all follows tags",
		source:   "resource \"thing\" \"a\" {\n  tags = { A = \"1\" }\n}\n",
		accepted: "thing.a | tags[\"A\"] | \"2\"\nthing.a | tags_all[\"A\"] | \"2\"",
		want:     "-  tags = { A = \"1\" }\n+  tags = { A = \"2\" }\n",
	},
	{
		name:     "an element of a list",
		source:   "resource \"thing\" \"a\" {\n  list = [\n    \"a\", # first\n    \"b\",\n    \"c\"\n  ]\n}\n",
		accepted: "thing.a | list[1] | \"x\"\nthing.a | list[3] | \"d\"",
		want:     "-    \"b\",\n-    \"c\"\n+    \"x\",\n+    \"c\",\n+    \"d\"\n",
	},
	{
		name:     "elements of a list that go",
		source:   "resource \"thing\" \"a\" {\n  list = [\"a\", \"b\", \"c\"]\n}\n",
		accepted: "thing.a | list[1] | null\nthing.a | list[2] | null",
		want:     "-  list = [\"a\", \"b\", \"c\"]\n+  list = [\"a\"]\n",
	},
	{
		name:     "a set, in the order of the source",
		source:   "resource \"thing\" \"a\" {\n  set = [\n    \"b\", # second\n    \"a\",\n  ]\n}\n",
		accepted: `thing.a | set | ["a","b","c"]`,
		want:     "+    \"c\",\n",
	},
	{
		name:     "a whole list with one more in the middle",
		source:   "resource \"thing\" \"a\" {\n  opts = {\n    a = \"x\"\n    b = [1, 3]\n  }\n}\n",
		accepted: `thing.a | opts.b | [1,2,3]`,
		want:     "-    b = [1, 3]\n+    b = [1, 2, 3]\n",
	},
	{
		name:     "the default of a variable",
		source:   "variable \"size\" {\n  type    = number\n  default = 1 # small\n}\n\nresource \"thing\" \"a\" {\n  size = var.size\n}\n",
		accepted: `thing.a | size | 2`,
		want:     "-  default = 1 # small\n+  default = 2 # small\n",
	},
	{
		name:     "tfvars win over the default",
		source:   "variable \"size\" {\n  default = 1\n}\n\nresource \"thing\" \"a\" {\n  size = var.size\n}\n-- terraform.tfvars --\nsize = 5\n-- z.auto.tfvars --\nsize = 7\n",
		accepted: `thing.a | size | 8`,
		want:     "-size = 7\n+size = 8\n",
	},
	{
		name:     "a var file",
		source:   "variable \"size\" {\n  default = 1\n}\n\nresource \"thing\" \"a\" {\n  size = var.size\n}\n-- env/prod.tfvars --\nsize = 5\n",
		accepted: `thing.a | size | 8`,
		want:     "-size = 5\n+size = 8\n",
		bed:      bed{options: []config.VarOption{{File: "env/prod.tfvars"}}},
	},
	{
		name:     "tfvars in JSON",
		source:   "variable \"size\" {\n  default = 1\n}\n\nresource \"thing\" \"a\" {\n  size = var.size\n}\n-- terraform.tfvars.json --\n{\n  \"size\": 5\n}\n",
		accepted: `thing.a | size | 8`,
		want:     "-  \"size\": 5\n+  \"size\": 8\n",
	},
	{
		name:     "a value of the environment",
		source:   "variable \"size\" {\n  default = 1\n}\n\nresource \"thing\" \"a\" {\n  size = var.size\n}\n",
		accepted: `thing.a | size | 8`,
		refused:  "TF_VAR_size",
		bed:      bed{env: []string{"TF_VAR_size=3"}},
	},
	{
		name:     "a value of the command line",
		source:   "variable \"size\" {\n  default = 1\n}\n\nresource \"thing\" \"a\" {\n  size = var.size\n}\n",
		accepted: `thing.a | size | 8`,
		refused:  "--var",
		bed:      bed{options: []config.VarOption{{Name: "size", Value: "3"}}},
	},
	{
		name:     "a variable that two use",
		source:   "variable \"size\" {\n  default = 1\n}\n\nresource \"thing\" \"a\" {\n  size = var.size\n}\n\nresource \"thing\" \"b\" {\n  size = var.size\n}\n",
		accepted: `thing.a | size | 8`,
		refused:  "it would also change size of thing.b",
	},
	{
		name:     "a variable that two use, and both are accepted",
		source:   "variable \"size\" {\n  default = 1\n}\n\nresource \"thing\" \"a\" {\n  size = var.size\n}\n\nresource \"thing\" \"b\" {\n  size = var.size\n}\n",
		accepted: "thing.a | size | 8\nthing.b | size | 8",
		want:     "-  default = 1\n+  default = 8\n",
	},
	{
		name:     "a variable that two use, and they differ",
		source:   "variable \"size\" {\n  default = 1\n}\n\nresource \"thing\" \"a\" {\n  size = var.size\n}\n\nresource \"thing\" \"b\" {\n  size = var.size\n}\n",
		accepted: "thing.a | size | 8\nthing.b | size | 9",
		refused:  "it would also change size of thing.b",
	},
	{
		name:     "a sensitive variable",
		source:   "variable \"pw\" {\n  default   = \"canary-1\"\n  sensitive = true\n}\n\nresource \"thing\" \"a\" {\n  name = var.pw\n}\n",
		accepted: `thing.a | name | "x"`,
		refused:  "sensitive",
	},
	{
		name:     "a sensitive value",
		source:   "resource \"thing\" \"a\" {\n  password = \"canary-2\"\n}\n",
		accepted: `thing.a | password | (secret)`,
		refused:  "never written into the source",
	},
	{
		name:     "a local value",
		source:   "locals {\n  sizes = {\n    a = 1\n    b = 2\n  }\n}\n\nresource \"thing\" \"a\" {\n  size = local.sizes.a\n}\n\nresource \"thing\" \"b\" {\n  size = local.sizes[\"b\"]\n}\n",
		accepted: "thing.a | size | 3\nthing.b | size | 4",
		want:     "-    a = 1\n-    b = 2\n+    a = 3\n+    b = 4\n",
	},
	{
		name:     "an argument of a module",
		source:   "module \"m\" {\n  source = \"./m\"\n  size   = 1\n}\n-- m/main.tf --\nvariable \"size\" {}\n\nresource \"thing\" \"a\" {\n  size = var.size\n}\n",
		accepted: `module.m.thing.a | size | 2`,
		want:     "-  size   = 1\n+  size   = 2\n",
	},
	{
		name:     "a module called twice that uses its default",
		source:   "module \"m\" {\n  source = \"./m\"\n}\n\nmodule \"n\" {\n  source = \"./m\"\n}\n-- m/main.tf --\nvariable \"size\" {\n  default = 1\n}\n\nresource \"thing\" \"a\" {\n  size = var.size\n}\n",
		accepted: `module.m.thing.a | size | 2`,
		want:     "+  size   = 2\n",
	},
	{
		name:     "a literal in a module called twice",
		source:   "module \"m\" {\n  source = \"./m\"\n}\n\nmodule \"n\" {\n  source = \"./m\"\n}\n-- m/main.tf --\nresource \"thing\" \"a\" {\n  size = 1\n}\n",
		accepted: `module.m.thing.a | size | 2`,
		refused:  "it would also change size of module.n.thing.a",
	},
	{
		name:     "a literal in a module called once",
		source:   "module \"m\" {\n  source = \"./m\"\n}\n-- m/main.tf --\nresource \"thing\" \"a\" {\n  size = 1\n}\n",
		accepted: `module.m.thing.a | size | 2`,
		want:     "-  size = 1\n+  size = 2\n",
	},
	{
		name:     "a literal in an installed module",
		source:   "module \"m\" {\n  source = \"org/m/aws\"\n}\n-- .terraform/modules/modules.json --\n{\"Modules\":[{\"Key\":\"m\",\"Dir\":\".terraform/modules/m\"}]}\n-- .terraform/modules/m/main.tf --\nresource \"thing\" \"a\" {\n  size = 1\n}\n",
		accepted: `module.m.thing.a | size | 2`,
		refused:  "terraform init installed",
	},
	{
		name:     "an argument of an installed module",
		source:   "module \"m\" {\n  source = \"org/m/aws\"\n  size   = 1\n}\n-- .terraform/modules/modules.json --\n{\"Modules\":[{\"Key\":\"m\",\"Dir\":\".terraform/modules/m\"}]}\n-- .terraform/modules/m/main.tf --\nvariable \"size\" {}\n\nresource \"thing\" \"a\" {\n  size = var.size\n}\n",
		accepted: `module.m.thing.a | size | 2`,
		want:     "-  size   = 1\n+  size   = 2\n",
	},
	{
		name:     "the output of another module",
		source:   "module \"n\" {\n  source = \"./n\"\n}\n\nresource \"thing\" \"a\" {\n  name = module.n.name\n}\n-- n/main.tf --\noutput \"name\" {\n  value = \"x\"\n}\n",
		accepted: `thing.a | name | "y"`,
		want:     "-  value = \"x\"\n+  value = \"y\"\n",
	},
	{
		name:     "an element of a for_each map",
		source:   "resource \"thing\" \"a\" {\n  for_each = {\n    one = { size = 1 } # the first\n    two = { size = 2 }\n  }\n  name = each.key\n  size = each.value.size\n}\n",
		accepted: `thing.a["two"] | size | 3`,
		want:     "-    two = { size = 2 }\n+    two = { size = 3 }\n",
	},
	{
		name:     "each.value",
		source:   "locals {\n  sizes = { one = 1, two = 2 }\n}\n\nresource \"thing\" \"a\" {\n  for_each = local.sizes\n  size     = each.value\n}\n",
		accepted: `thing.a["one"] | size | 3`,
		want:     "-  sizes = { one = 1, two = 2 }\n+  sizes = { one = 3, two = 2 }\n",
	},
	{
		name:     "each.key",
		source:   "resource \"thing\" \"a\" {\n  for_each = toset([\"x\", \"y\"])\n  name     = each.key\n}\n",
		accepted: `thing.a["x"] | name | "z"`,
		refused:  "each.key",
	},
	{
		name:     "each.value of a set",
		source:   "resource \"thing\" \"a\" {\n  for_each = toset([\"x\", \"y\"])\n  name     = each.value\n}\n",
		accepted: `thing.a["x"] | name | "z"`,
		refused:  "key of the instance",
	},
	{
		name:     "an element of a list by count.index",
		source:   "variable \"names\" {\n  default = [\"a\", \"b\"]\n}\n\nresource \"thing\" \"a\" {\n  count = length(var.names)\n  name  = var.names[count.index]\n}\n",
		accepted: `thing.a[1] | name | "c"`,
		want:     "-  default = [\"a\", \"b\"]\n+  default = [\"a\", \"c\"]\n",
	},
	{
		name:     "element()",
		source:   "locals {\n  names = [\"a\", \"b\"]\n}\n\nresource \"thing\" \"a\" {\n  count = 2\n  name  = element(local.names, count.index)\n}\n",
		accepted: `thing.a[0] | name | "c"`,
		want:     "-  names = [\"a\", \"b\"]\n+  names = [\"c\", \"b\"]\n",
	},
	{
		name:     "lookup()",
		source:   "locals {\n  sizes = { a = 1 }\n}\n\nresource \"thing\" \"a\" {\n  size = lookup(local.sizes, \"a\", 5)\n}\n",
		accepted: `thing.a | size | 2`,
		want:     "-  sizes = { a = 1 }\n+  sizes = { a = 2 }\n",
	},
	{
		name:     "a literal for all instances",
		source:   "resource \"thing\" \"a\" {\n  count = 2\n  size  = 1\n}\n",
		accepted: `thing.a[0] | size | 2`,
		refused:  "it would also change size of thing.a[1]",
	},
	{
		name:     "a conditional",
		source:   "variable \"prod\" {\n  default = true\n}\n\nresource \"thing\" \"a\" {\n  size = var.prod ? 2 : 1\n}\n",
		accepted: `thing.a | size | 3`,
		refused:  "condition",
	},
	{
		name:     "a computed value",
		source:   "resource \"thing\" \"a\" {\n  name = upper(\"x\")\n}\n",
		accepted: `thing.a | name | "y"`,
		refused:  "computed by upper()",
	},
	{
		name:     "a value of another resource",
		source:   "resource \"thing\" \"b\" {\n  name = \"b\"\n}\n\nresource \"thing\" \"a\" {\n  name = thing.b.name\n}\n",
		accepted: `thing.a | name | "y"`,
		refused:  "takes its value from thing.b.name",
		bed:      bed{state: objects{"thing.b": `{"name":"b"}`}},
	},
	{
		name:     "a file",
		source:   "resource \"thing\" \"a\" {\n  policy = file(\"p.json\")\n}\n-- p.json --\n{}\n",
		accepted: `thing.a | policy | "x"`,
		refused:  "content of a file",
	},
	{
		name:     "text between references",
		source:   "variable \"env\" {\n  default = \"dev\"\n}\n\nresource \"thing\" \"a\" {\n  name = \"app-${var.env}-old\"\n  tags = { Env = var.env }\n}\n",
		accepted: `thing.a | name | "app-dev-new"`,
		want:     "-  name = \"app-${var.env}-old\"\n+  name = \"app-${var.env}-new\"\n",
	},
	{
		name:     "a reference in text",
		source:   "variable \"env\" {\n  default = \"dev\"\n}\n\nresource \"thing\" \"a\" {\n  name = \"app-${var.env}-old\"\n}\n",
		accepted: `thing.a | name | "app-prod-old"`,
		refused:  "put together from parts",
	},
	{
		name:     "a heredoc",
		source:   "resource \"thing\" \"a\" {\n  name   = \"a\"\n  policy = <<-EOT\n    one\n      two\n\n    three\n  EOT\n}\n",
		accepted: `thing.a | policy | "one\n  2\n\n${three}\n"`,
		want:     "-      two\n+      2\n-    three\n+    $${three}\n",
	},
	{
		name:     "a heredoc with references",
		source:   "variable \"env\" {\n  default = \"dev\"\n}\n\nresource \"thing\" \"a\" {\n  policy = <<-EOT\n    env: ${var.env}\n    size: 1\n    end: ${var.env}!\n  EOT\n}\n",
		accepted: `thing.a | policy | "env: dev\nsize: 2\nend: dev!\n"`,
		want:     "-    size: 1\n+    size: 2\n",
	},
	{
		name:     "a heredoc with its own end in it",
		source:   "resource \"thing\" \"a\" {\n  policy = <<EOT\nx\nEOT\n}\n",
		accepted: `thing.a | policy | "a\nEOT\nb\n"`,
		want:     "-  policy = <<EOT\n-x\n-EOT\n+  policy = \"a\\nEOT\\nb\\n\"\n",
	},
	{
		name: "jsonencode",
		source: `
resource "thing" "a" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # who may read
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = "*"
    }]
  })
}
`,
		accepted: `thing.a | policy | "{\"Statement\":[{\"Action\":[\"s3:GetObject\",\"s3:PutObject\"],\"Effect\":\"Deny\",\"Resource\":\"*\"}],\"Version\":\"2012-10-17\"}"`,
		want:     "-      Effect   = \"Allow\"\n-      Action   = [\"s3:GetObject\"]\n+      Effect   = \"Deny\"\n+      Action   = [\"s3:GetObject\", \"s3:PutObject\"]\n",
	},
	{
		name: "a JSON document in a heredoc",
		source: `
resource "thing" "a" {
  policy = <<EOF
{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "s3:*"}
  ]
}
EOF
}
`,
		accepted: `thing.a | policy | "{\"Statement\":[{\"Action\":\"s3:Get\",\"Effect\":\"Allow\",\"Sid\":\"x\"}],\"Version\":\"2012-10-17\"}"`,
		want:     "-    {\"Effect\": \"Allow\", \"Action\": \"s3:*\"}\n+    {\"Effect\": \"Allow\", \"Action\": \"s3:Get\", \"Sid\": \"x\"}\n",
	},
	{
		name:     "an argument of a nested block",
		source:   "resource \"thing\" \"a\" {\n  rule {\n    port = 1\n  }\n\n  rule {\n    port = 2\n  }\n}\n",
		accepted: `thing.a | rule[1].port | 3`,
		want:     "-    port = 2\n+    port = 3\n",
	},
	{
		name:     "a block in a nested block",
		source:   "resource \"thing\" \"a\" {\n  rule {\n    port = 1\n    match {\n      path = \"/\"\n    }\n  }\n}\n",
		accepted: `thing.a | rule[0].match[0].path | "/x"`,
		want:     "-      path = \"/\"\n+      path = \"/x\"\n",
	},
	{
		name:     "a block that there is one of",
		source:   "resource \"thing\" \"a\" {\n  timeouts {\n    create = \"5m\"\n  }\n}\n",
		accepted: `thing.a | timeouts.create | "9m"`,
		want:     "-    create = \"5m\"\n+    create = \"9m\"\n",
	},
	{
		name:     "a block that comes",
		source:   "resource \"thing\" \"a\" {\n  rule {\n    port = 1\n  }\n}\n",
		accepted: `thing.a | rule[1] | {"port":2,"text":"","ref":"r-1","match":[{"path":"/"}]}`,
		want:     "+  rule {\n+    port = 2\n+    ref  = \"r-1\"\n+    match {\n+      path = \"/\"\n+    }\n+  }\n",
	},
	{
		name:     "a block that goes, with its comment",
		source:   "resource \"thing\" \"a\" {\n  name = \"a\"\n\n  # the second\n  rule {\n    port = 2\n  }\n}\n",
		accepted: `thing.a | rule[0] | null`,
		want:     "-\n-  # the second\n-  rule {\n-    port = 2\n-  }\n",
	},
	{
		name:     "a set of blocks",
		source:   "resource \"thing\" \"a\" {\n  allow {\n    port  = 80 # http\n    cidrs = [\"0.0.0.0/0\"]\n  }\n\n  allow {\n    port  = 443\n    cidrs = [\"0.0.0.0/0\"]\n  }\n}\n",
		accepted: `thing.a | allow | [{"port":443,"text":"","cidrs":["0.0.0.0/0"],"self":false},{"port":80,"text":"","cidrs":["10.0.0.0/8"],"self":false}]`,
		want:     "-    cidrs = [\"0.0.0.0/0\"]\n+    cidrs = [\"10.0.0.0/8\"]\n",
	},
	{
		name:     "a set of blocks with one more and one less",
		source:   "resource \"thing\" \"a\" {\n  allow {\n    port = 80\n  }\n}\n",
		accepted: `thing.a | allow | [{"port":80,"text":"","cidrs":[],"self":false},{"port":22,"text":"ssh","cidrs":[],"self":false}]`,
		want:     "+  allow {\n+    port = 22\n+    text = \"ssh\"\n+  }\n",
	},
	{
		name:     "a dynamic block",
		source:   "locals {\n  ports = [80, 443]\n}\n\nresource \"thing\" \"a\" {\n  dynamic \"rule\" {\n    for_each = local.ports\n    content {\n      port = rule.value\n    }\n  }\n}\n",
		accepted: `thing.a | rule[1].port | 8443`,
		want:     "-  ports = [80, 443]\n+  ports = [80, 8443]\n",
	},
	{
		name:     "a dynamic block with an iterator, over objects",
		source:   "resource \"thing\" \"a\" {\n  dynamic \"allow\" {\n    for_each = [{ p = 80 }, { p = 443 }]\n    iterator = it\n    content {\n      port = it.value.p\n    }\n  }\n}\n",
		accepted: `thing.a | allow | [{"port":80,"text":"","cidrs":[],"self":false},{"port":444,"text":"","cidrs":[],"self":false}]`,
		want:     "-    for_each = [{ p = 80 }, { p = 443 }]\n+    for_each = [{ p = 80 }, { p = 444 }]\n",
	},
	{
		name:     "a set of objects written as an argument",
		source:   "resource \"thing\" \"a\" {\n  deny = [\n    { port = 1, text = \"a\" },\n  ]\n}\n",
		accepted: `thing.a | deny | [{"port":1,"text":"a"},{"port":2,"text":"b"}]`,
		want:     "+    {\n+      port = 2\n+      text = \"b\"\n+    },\n",
	},
	{
		name:     "no schema: an argument that is written",
		source:   "resource \"thing\" \"a\" {\n  name = \"a\"\n  rule {\n    port = 1\n  }\n}\n",
		accepted: "thing.a | name | \"b\"\nthing.a | rule[0].port | 2",
		want:     "-  name = \"a\"\n+  name = \"b\"\n-    port = 1\n+    port = 2\n",
		bed:      bed{blind: true},
	},
	{
		name:     "no schema: something new that may be a block",
		source:   "resource \"thing\" \"a\" {\n  name = \"a\"\n}\n",
		accepted: `thing.a | rule[0] | {"port":2}`,
		refused:  "schema isn't known",
		bed:      bed{blind: true},
	},
	{
		name:     "what the provider sets",
		source:   "resource \"thing\" \"a\" {\n  name = \"a\"\n}\n",
		accepted: `thing.a | id | "x"`,
		refused:  "can't be set",
	},
	{
		name:     "the JSON syntax",
		source:   "-- main.tf.json --\n{\n  \"resource\": {\n    \"thing\": {\n      \"a\": {\"name\": \"a\", \"tags\": {\"x\": \"1\"}}\n    }\n  }\n}\n",
		accepted: "thing.a | name | \"b\"\nthing.a | tags[\"x\"] | \"${2}\"",
		want:     "-      \"a\": {\"name\": \"a\", \"tags\": {\"x\": \"1\"}}\n+      \"a\": {\"name\": \"b\", \"tags\": {\"x\": \"$${2}\"}}\n",
	},
	{
		name:     "the JSON syntax, something new",
		source:   "-- main.tf.json --\n{\"resource\": {\"thing\": {\"a\": {\"name\": \"a\"}}}}\n",
		accepted: `thing.a | size | 2`,
		refused:  "native syntax",
	},
	{
		name:     "an override file",
		source:   "resource \"thing\" \"a\" {\n  size = 1\n}\n-- override.tf --\nresource \"thing\" \"a\" {\n  size = 2\n}\n",
		accepted: `thing.a | size | 3`,
		want:     "-  size = 2\n+  size = 3\n",
	},
	{
		name:     "lines that end in CR LF",
		source:   "resource \"thing\" \"a\" {\r\n  name = \"a\"\r\n}\r\n",
		accepted: "thing.a | name | \"b\"\nthing.a | tags | {\"x\":\"1\"}",
		want:     "-  name = \"a\"\r\n+  name = \"b\"\r\n+\r\n+  tags = {\r\n+    x = \"1\"\r\n+  }\r\n",
	},
	{
		name:     "a byte order mark",
		source:   "\ufeffresource \"thing\" \"a\" {\n  name = \"a\"\n}\n",
		accepted: "thing.a | name | \"b\"",
		want:     "-  name = \"a\"\n+  name = \"b\"\n",
	},
	{
		name:     "a file that was not formatted",
		source:   "resource \"thing\" \"a\" {\n    name=\"a\"\n      size   = 1\n}\n",
		accepted: "thing.a | name | \"b\"",
		want:     "-    name=\"a\"\n+    name=\"b\"\n",
	},
	{
		name:     "another stack of the same code",
		source:   "resource \"thing\" \"a\" {\n  size = 1\n}\n",
		accepted: `thing.a | size | 2`,
		refused:  "stack dev has the same code",
		bed:      bed{others: map[string]edit.Setting{"dev": {Workspace: "dev"}}},
	},
	{
		name:     "another stack with a var file of its own",
		source:   "variable \"size\" {}\n\nresource \"thing\" \"a\" {\n  size = var.size\n}\n-- prod.tfvars --\nsize = 2\n-- dev.tfvars --\nsize = 1\n",
		accepted: `thing.a | size | 3`,
		want:     "-size = 2\n+size = 3\n",
		bed: bed{
			options: []config.VarOption{{File: "prod.tfvars"}},
			others:  map[string]edit.Setting{"dev": {Options: []config.VarOption{{File: "dev.tfvars"}}}},
		},
	},
	{
		name:     "a provider that would change",
		source:   "variable \"env\" {\n  default = \"dev\"\n}\n\nprovider \"aws\" {\n  profile = var.env\n}\n\nresource \"thing\" \"a\" {\n  name = var.env\n}\n",
		accepted: `thing.a | name | "prod"`,
		refused:  "profile of provider aws",
	},
	{
		name:     "something unknown that depends on it",
		source:   "variable \"env\" {\n  default = \"dev\"\n}\n\nresource \"thing\" \"new\" {\n  name = \"${thing.later.id}-${var.env}\"\n}\n\nresource \"thing\" \"later\" {}\n\nresource \"thing\" \"a\" {\n  name = var.env\n}\n",
		accepted: `thing.a | name | "prod"`,
		refused:  "it would also change name of thing.new",
	},
	{
		name:     "something unknown that does not depend on it",
		source:   "resource \"thing\" \"new\" {\n  name = \"${thing.later.id}-x\"\n}\n\nresource \"thing\" \"later\" {}\n\nresource \"thing\" \"a\" {\n  name = \"a\"\n}\n",
		accepted: `thing.a | name | "prod"`,
		want:     "-  name = \"a\"\n+  name = \"prod\"\n",
	},
	{
		name:     "a module that can't be seen",
		source:   "variable \"env\" {\n  default = \"dev\"\n}\n\nmodule \"m\" {\n  source = \"org/m/aws\"\n  env    = var.env\n}\n\nresource \"thing\" \"a\" {\n  name = var.env\n}\n",
		accepted: `thing.a | name | "prod"`,
		refused:  "env of module.m",
	},
	{
		name:     "one refused change refuses its finding alone",
		source:   "resource \"thing\" \"a\" {\n  name = upper(\"x\")\n  size = 1\n}\n\nresource \"thing\" \"b\" {\n  size = 1\n}\n",
		accepted: "thing.a | size | 2\nthing.a | name | \"y\"\nthing.b | size | 2",
		want:     "-  size = 1\n+  size = 2\n",
		refused:  "thing.a name",
	},
	{
		name:     "deleted: the block goes with its comment",
		source:   "# keep me\n\n# goes\n# too\nresource \"thing\" \"a\" {\n  name = \"a\"\n}\n\nresource \"thing\" \"b\" {}\n",
		accepted: "thing.a",
		want:     "-# goes\n-# too\n-resource \"thing\" \"a\" {\n-  name = \"a\"\n-}\n-\n",
	},
	{
		name:     "deleted: something refers to it",
		source:   "resource \"thing\" \"a\" {}\n\noutput \"x\" {\n  value = thing.a.id\n}\n",
		accepted: "thing.a",
		refused:  "the source refers to it: main.tf:4",
	},
	{
		name:     "deleted: a removed block",
		source:   "# why\nresource \"thing\" \"a\" {\n  name = \"a\"\n}\n",
		accepted: "thing.a",
		want:     "-resource \"thing\" \"a\" {\n-  name = \"a\"\n+removed {\n+  from = thing.a\n+\n+  lifecycle {\n+    destroy = false\n+  }\n",
		bed:      bed{forget: true},
	},
	{
		name:     "deleted: one of for_each",
		source:   "resource \"thing\" \"a\" {\n  for_each = {\n    x = 1\n    y = 2 # goes\n  }\n  size = each.value\n}\n",
		accepted: `thing.a["y"]`,
		want:     "-    y = 2 # goes\n",
	},
	{
		name:     "deleted: one of toset",
		source:   "resource \"thing\" \"a\" {\n  for_each = toset([\"x\", \"y\"])\n  name     = each.key\n}\n",
		accepted: `thing.a["x"]`,
		want:     "-  for_each = toset([\"x\", \"y\"])\n+  for_each = toset([\"y\"])\n",
	},
	{
		name:     "deleted: one of for_each that another resource has too",
		source:   "locals {\n  all = toset([\"x\", \"y\"])\n}\n\nresource \"thing\" \"a\" {\n  for_each = local.all\n}\n\nresource \"thing\" \"b\" {\n  for_each = local.all\n}\n",
		accepted: `thing.a["x"]`,
		refused:  `which objects there are: thing.b["x"]`,
	},
	{
		name:     "deleted: the last of count",
		source:   "resource \"thing\" \"a\" {\n  count = 3\n}\n",
		accepted: "thing.a[1]\nthing.a[2]",
		want:     "-  count = 3\n+  count = 1\n",
	},
	{
		name:     "deleted: not the last of count",
		source:   "resource \"thing\" \"a\" {\n  count = 3\n}\n",
		accepted: "thing.a[1]",
		refused:  "only the last",
	},
	{
		name:     "deleted: count of a list's length",
		source:   "locals {\n  names = [\"a\", \"b\"]\n}\n\nresource \"thing\" \"a\" {\n  count = length(local.names)\n  name  = local.names[count.index]\n}\n",
		accepted: "thing.a[1]",
		want:     "-  names = [\"a\", \"b\"]\n+  names = [\"a\"]\n",
	},
	{
		name:     "deleted: in a module with for_each",
		source:   "module \"m\" {\n  for_each = toset([\"x\", \"y\"])\n  source   = \"./m\"\n}\n-- m/main.tf --\nresource \"thing\" \"a\" {}\n",
		accepted: `module.m["x"].thing.a`,
		refused:  `which objects there are: module.m["y"].thing.a`,
	},
	{
		name:     "deleted: an output goes with it",
		source:   "resource \"thing\" \"a\" {\n  for_each = toset([\"x\", \"y\"])\n}\n\noutput \"x\" {\n  value = thing.a[\"x\"].id\n}\n",
		accepted: `thing.a["x"]`,
		refused:  "output x",
		bed:      bed{state: objects{`thing.a["x"]`: `{"id":"1"}`, `thing.a["y"]`: `{"id":"2"}`}},
	},
}
