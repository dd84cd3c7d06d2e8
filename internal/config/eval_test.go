package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
)

// evalCase evaluates expressions in the root module of an archive.
type evalCase struct {
	archive string
	setup
	want     map[string]string // what show makes of it, by expression
	problems map[string]string // a part of the problems, by expression; "" is none
}

var evalCases = map[string]evalCase{
	"locals": {
		archive: `
locals {
  a = local.b + 1
  b = 2
}
locals {
  loop   = local.pool
  pool   = { x = local.loop, y = 1 }
  itself = [local.itself]
  beyond = local.nope
}
`,
		want: map[string]string{"local.a": "3", "local.pool": "{x=? y=1}", "local.itself": "[?]", "local.beyond": "?"},
		problems: map[string]string{
			"local.loop":   "main.tf:7: local.pool refers to itself",
			"local.itself": "main.tf:8: local.itself refers to itself",
			"local.beyond": "main.tf:9: `local.nope`: no local value of that name is declared",
			"local.a":      "",
		},
	},
	"what is not known is no null": {
		archive: `
variable "required" {}
variable "typed" { type = object({ a = optional(string) }) }
locals { missing = var.required }
`,
		want: map[string]string{
			`try(var.required, "x")`:                        "?",
			`try(local.missing.a.b, "x")`:                   "?",
			`coalesce(var.required, "x")`:                   "?",
			`coalesce("y", var.required)`:                   `"y"`,
			`can(var.required)`:                             "?",
			`var.required == null`:                          "?",
			`var.required != null ? 1 : 2`:                  "?",
			`true ? 1 : var.required`:                       "1",
			`false && var.required`:                         "false",
			`[1, var.required]`:                             "[1 ?]",
			`length([1, var.required])`:                     "2",
			`keys({ a = var.required })`:                    `["a"]`,
			`merge({ a = 1 }, var.required)`:                "?",
			`lookup(var.required, "a", "x")`:                "?",
			`"a${var.required}"`:                            "?",
			`[for x in var.required : x]`:                   "?",
			`[for x in [1, 2] : x if var.required]`:         "?",
			`{ for x in ["a"] : x => var.required }`:        "{a=?}",
			`{ (var.required) = 1 }`:                        "?",
			`var.required[*].a`:                             "?",
			`toset(["b", var.required])`:                    `<"b" ?>`,
			`length(toset(["b", var.required]))`:            "?",
			`toset(["b", var.required])[*]`:                 "?",
			`[for x in toset(["b", var.required]) : x]`:     "?",
			`format("%s%s", toset(["b", var.required])...)`: "?",
			`tolist(toset(["b", var.required]))`:            "?",
			`toset(["b", "a"])[*]`:                          `["a" "b"]`,
			`jsonencode({ a = var.required })`:              "?",
			`timestamp()`:                                   "?",
			`try(timestamp(), 1)`:                           "?",
			`var.typed.a`:                                   "?",
		},
		problems: map[string]string{
			`try(var.required, "x")`:      "main.tf:1: `var.required`: it has no value; give it one with --var or --var-file",
			`coalesce("y", var.required)`: "",
			`timestamp()`:                 "expr:1: `timestamp()`: its value is known only after an apply",
		},
	},
	"paths and workspace": {
		archive: `
module "m" { source = "./modules/m" }
-- modules/m/main.tf --
output "where" { value = [path.module, path.root, terraform.workspace] }
`,
		setup: setup{workspace: "prod"},
		want: map[string]string{
			"module.m.where":                  `["modules/m" "." "prod"]`,
			"[path.module, path.root]":        `["." "."]`,
			"terraform.workspace":             `"prod"`,
			"tofu.workspace":                  `"prod"`,
			"path.nowhere":                    "?",
			"terraform.applying":              "?",
			"self.id":                         "?",
			"ephemeral.x.y.z":                 "?",
			"each.key":                        "?",
			"count.index":                     "?",
			"var.nope":                        "?",
			"var":                             "?",
			"nope.nope":                       "?",
			"data.x":                          "?",
			"data.x.y":                        "?",
			"module.gone.x":                   "?",
			"module.m.gone":                   "?",
			"provider::aws::arn_parse(\"x\")": "?",
			"nofunction(1)":                   "?",
			"try(provider::x::y(1), 2)":       "?",
			"[1, 2][5]":                       "?",
			"core::upper(\"x\")":              `"X"`,
		},
		problems: map[string]string{
			"path.nowhere":                    "`path.nowhere`: there is no such path",
			"terraform.applying":              "terraform.applying is known to Terraform alone",
			"self.id":                         "`self.id`: self values exist only during an apply",
			"ephemeral.x.y.z":                 "ephemeral values exist only during an apply",
			"each.key":                        "each.key is used where nothing repeats",
			"var.nope":                        "`var.nope`: no variable of that name is declared",
			"var":                             "`var`: it refers to nothing",
			"nope.nope":                       "no nope.nope is declared",
			"data.x":                          "it refers to a whole resource type",
			"data.x.y":                        "no data.x.y is declared",
			"module.gone.x":                   "no module of that name is called",
			"module.m.gone":                   "the module has no output gone",
			"provider::aws::arn_parse(\"x\")": "Holdfast does not call provider::aws::arn_parse, a function of a provider",
			"nofunction(1)":                   "expr:1: `nofunction(1)`: Call to unknown function",
			"[1, 2][5]":                       "expr:1: `[1, 2][5]`: Invalid index",
		},
	},
	"resources": {
		archive: `
resource "x" "single" {}
resource "x" "counted" { count = "2" }
resource "x" "eached" { for_each = toset(["a", "b"]) }
resource "x" "partly" { count = 3 }
resource "x" "none" { count = 0 }
resource "x" "unclear" { for_each = var.unknown }
resource "x" "fraction" { count = 1.5 }
resource "x" "listed" { for_each = ["a"] }
resource "x" "numbers" { for_each = toset([1]) }
resource "x" "nothing" { for_each = null }
resource "x" "empty" { for_each = {} }
resource "x" "self" { count = length(x.self) }
resource "x" "huge" { count = 1e9 }
resource "resource" "odd" {}
data "x" "d" {}
variable "unknown" {}
`,
		setup: setup{state: map[string]string{
			"x.single":     `{ id = "s", tags = { a = "b" } }`,
			"x.counted[0]": `{ id = "c0" }`, "x.counted[1]": `{ id = "c1" }`, "x.counted[2]": `{ id = "gone from the source" }`,
			`x.eached["a"]`: `{ id = "ea" }`, `x.eached["b"]`: `{ id = "eb" }`, `x.eached["c"]`: `{ id = "ec" }`,
			"x.partly[0]": `{ id = "p0" }`, "x.partly[2]": `{ id = "p2" }`,
			`x.unclear["a"]`: `{ id = "ua" }`,
			"data.x.d":       `{ id = "d" }`,
		}},
		want: map[string]string{
			"x.single.id":                          `"s"`,
			"resource.x.single.id":                 `"s"`,
			"x.single.tags.a":                      `"b"`,
			"data.x.d.id":                          `"d"`,
			"x.counted[*].id":                      `["c0" "c1"]`,
			"x.counted.*.id":                       `["c0" "c1"]`,
			"x.counted[1].id":                      `"c1"`,
			"length(x.counted)":                    "2",
			"{ for k, v in x.eached : k => v.id }": `{a="ea" b="eb"}`,
			`x.eached["a"].id`:                     `"ea"`,
			`try(x.eached["c"].id, "none")`:        `"none"`,
			"x.partly[*].id":                       `["p0" ? "p2"]`,
			"x.partly[2].id":                       `"p2"`,
			"x.partly[1].id":                       "?",
			"length(x.partly)":                     "3",
			"x.none":                               "[]",
			"try(x.none[0].id, null)":              "null",
			"one(x.none[*].id)":                    "null",
			"x.unclear":                            "?",
			`x.unclear["a"].id`:                    "?",
			"x.fraction":                           "?",
			"x.listed":                             "?",
			"x.numbers":                            "?",
			"x.nothing":                            "?",
			"x.empty":                              "{}",
			"x.self":                               "?",
			"x.huge":                               "?",
			"x.single[*].id":                       `["s"]`,
			"x.single.nope":                        "?",
			"try(x.single.nope, 1)":                "1",
		},
		problems: map[string]string{
			"x.partly[1].id": "expr:1: `x.partly[1].id`: x.partly[1] is not in the state yet",
			"x.partly[2].id": "",
			"x.unclear":      "main.tf:16: `var.unknown`: it has no value",
			"x.fraction":     "main.tf:7: `1.5`: count is no whole number",
			"x.listed":       "main.tf:8: `[\"a\"]`: for_each is no map and no set of strings",
			"x.nothing":      "main.tf:10: `null`: for_each is no map and no set of strings",
			"x.self":         "refers to itself",
			"x.huge":         "count is more than 100000",
			"x.single.nope":  "expr:1: `x.single.nope`: Unsupported attribute",
		},
	},
	"modules": {
		archive: `
module "one" {
  source = "./m"
  in     = "one"
}
module "counted" {
  source = "./m"
  count  = 2
  in     = "c${count.index}"
}
module "eached" {
  source   = "./m"
  for_each = { a = 1, b = 2 }
  in       = "${each.key}${each.value}"
}
module "unclear" {
  source = "./m"
  count  = var.unknown
}
module "gone" { source = "example/gone/x" }
variable "unknown" {}
-- m/main.tf --
variable "in" {}
variable "more" { default = { x = "more" } }
resource "x" "r" {}
module "inner" {
  source = "./inner"
  in     = "<${var.in}>"
}
output "out" { value = module.inner.out }
output "id" { value = x.r.id }
output "secret" {
  value     = var.in
  sensitive = true
}
output "token" {
  value     = "t"
  ephemeral = true
}
output "more" { value = var.more }
-- m/inner/main.tf --
variable "in" { type = string }
output "out" { value = var.in }
`,
		setup: setup{state: map[string]string{
			"module.one.x.r": `{ id = "r1" }`, "module.counted[1].x.r": `{ id = "rc1" }`,
		}},
		want: map[string]string{
			"module.one.out":    `"<one>"`,
			"module.one.secret": `!"one"`,
			"module.one.token":  `~"t"`,
			"module.one.id":     `"r1"`,
			"module.one.more.x": `"more"`,
			"module.one":        `{id="r1" more={x="more"} out="<one>" secret=!"one" token=~"t"}`,
			"[module.one.out, length(keys(module.one))]":    `["<one>" 5]`,
			"module.counted[*].out":                         `["<c0>" "<c1>"]`,
			"module.counted[1].id":                          `"rc1"`,
			"module.counted[0].id":                          "?",
			"[module.counted[0].out, module.counted[1].id]": `["<c0>" "rc1"]`,
			"{ for k, m in module.eached : k => m.out }":    `{a="<a1>" b="<b2>"}`,
			`module.eached["b"].out`:                        `"<b2>"`,
			`try(module.eached["c"].out, "none")`:           `"none"`,
			"module.unclear[0].out":                         "?",
			"module.gone.x":                                 "?",
			`try(module.gone.x, "x")`:                       "?",
		},
		problems: map[string]string{
			"module.counted[0].id":  "main.tf:9: `x.r.id`: x.r is not in the state yet",
			"module.counted[1].id":  "",
			"module.unclear[0].out": "`var.unknown`: it has no value",
			"module.gone.x":         "expr:1: `module.gone.x`: the module is not installed; run terraform init",
		},
	},
	"no cycle where only a part is asked for": {
		archive: `
module "m" {
  source   = "./m"
  for_each = toset(["a", "b"])
  first    = "x"
  second   = module.m["a"].first
}
module "c" {
  source = "./m"
  count  = length(module.m)
  first  = "y"
  second = module.c[0].first
}
module "loop" {
  source = "./m"
  count  = module.loop[0].first
}
-- m/main.tf --
variable "first" {}
variable "second" {}
output "first" { value = var.first }
output "second" { value = var.second }
`,
		want: map[string]string{
			`module.m["b"].second`: `"x"`,
			"module.c[1]":          `{first="y" second="y"}`,
			"module.loop":          "?",
		},
		problems: map[string]string{"module.loop": "main.tf:15: `module.loop[0].first`: it refers to itself"},
	},
	"module inputs": {
		archive: `
module "m" {
  source   = "./m"
  null_in  = null
  deep     = { list = [{ a = 1 }] }
  strict   = null
  wrong    = "x"
  hidden   = sensitive({ a = "s" })
}
module "same" {
  source  = "./m"
  strict  = "given"
}
-- m/main.tf --
variable "null_in" { default = "default" }
variable "deep" { type = object({ list = list(object({ a = string, b = optional(number, 7) })) }) }
variable "strict" {
  default  = "default"
  nullable = false
}
variable "wrong" {
  type    = number
  default = 1
}
variable "hidden" {
  type    = map(string)
  default = {}
}
variable "absent" {}
output "out" { value = [var.null_in, var.deep, var.strict, var.wrong, var.hidden, var.absent] }
`,
		want: map[string]string{
			"module.m.out":    `[null {list=[{a="1" b=7}]} "default" ? !{a="s"} ?]`,
			"module.same.out": `["default" ? "given" 1 {} ?]`,
		},
		problems: map[string]string{
			"module.m.out":    "main.tf:7: `var.wrong`: its value does not fit its type: a number is required",
			"module.same.out": "main.tf:9: module same is not given a value for variable deep",
		},
	},
	"sensitive values": {
		archive: `
variable "secret" {
  sensitive = true
  default   = "s"
}
variable "map" {
  sensitive = true
  default   = { a = "x" }
}
variable "unknown" { sensitive = true }
resource "x" "r" {}
resource "x" "many" { for_each = var.map }
`,
		setup: setup{state: map[string]string{
			"x.r":         `{ id = "r", password = sensitive("p"), list = [1, sensitive(2)] }`,
			`x.many["a"]`: `{ id = "a" }`,
		}},
		want: map[string]string{
			`{ a = var.secret, b = 1 }`:      `{a=!"s" b=1}`,
			`"x-${var.secret}"`:              `!"x-s"`,
			`x.r.list`:                       `[1 !2]`,
			`x.r.list[0]`:                    `1`,
			`x.r`:                            `{id="r" list=[1 !2] password=!"p"}`,
			`upper(x.r.password)`:            `!"P"`,
			`nonsensitive(var.secret)`:       `"s"`,
			`jsonencode(x.r)`:                `!"{\"id\":\"r\",\"list\":[1,2],\"password\":\"p\"}"`,
			`var.secret == "s" ? "a" : "b"`:  `!"a"`,
			`{ (var.secret) = 1 }`:           `!{s=1}`,
			`[for k, v in var.map : v]`:      `!["x"]`,
			`var.unknown`:                    `!?`,
			`{ a = var.unknown, b = 1 }`:     `{a=!? b=1}`,
			`{ (timestamp()) = var.secret }`: `!?`,
			`upper(var.secret, 1)`:           `!?`,
			`[x.r.id, x.r.password][7]`:      `!?`,
			`x.r.id[7]`:                      `?`,
			`try(x.r.nope, x.r.id)`:          `"r"`,
			`x.many["a"].id`:                 `"a"`,
			`length(x.many)`:                 `1`,
		},
		problems: map[string]string{
			`var.secret == "s" ? "a" : "b"`:                  "",
			`{ for k in [var.secret, var.secret] : k => 1 }`: "Duplicate object key; why is not shown, for a sensitive value takes part",
			`{ for k in ["k", "k"] : k => 1 }`:               `produced the key "k"`,
		},
	},
	"the JSON syntax": {
		archive: `
-- main.tf.json --
{
  "variable": {"secret": {"sensitive": true, "default": "s"}, "typed": {"type": "list(object({a = optional(string, \"x\")}))", "default": [{}]}},
  "locals": {
    "number": 1, "yes": true, "nothing": null, "text": "plain $${x} ${local.number + 1}", "list": [1, "${local.yes}", [null]],
    "object": {"a": "b", "${local.text}": "${var.secret}"}, "secret_key": {"${var.secret}": 1},
    "broken": "${", "typed": "${var.typed}", "//": "an ordinary local here"
  },
  "resource": {"x": {"r": {"count": "${local.number + 1}"}, "m": [{"for_each": {"k": "v"}}]}},
  "data": {"x": {"d": {}}},
  "module": {"m": {"source": "./m", "in": "${local.list[1]}"}},
  "output": {"o": {"value": "${x.r[*].id}"}}
}
-- m/main.tf.json --
{"variable": {"in": {"type": "bool"}}, "output": {"out": {"value": ["${var.in}"]}}}
`,
		setup: setup{state: map[string]string{"x.r[0]": `{ id = "r0" }`, "x.r[1]": `{ id = "r1" }`, `x.m["k"]`: `{ id = "mk" }`, "data.x.d": `{ id = "d" }`}},
		want: map[string]string{
			"local.number": "1", "local.yes": "true", "local.nothing": "null", "local.text": `"plain ${x} 2"`,
			"local.list": "[1 true [null]]", "local.object": `{a="b" plain ${x} 2=!"s"}`, "local.secret_key": `!{s=1}`,
			"local.broken": "?", "local.typed": `[{a="x"}]`,
			"x.r[*].id": `["r0" "r1"]`, `x.m["k"].id`: `"mk"`, "data.x.d.id": `"d"`, "module.m.out": "[true]",
		},
		problems: map[string]string{
			"local.broken": "main.tf.json:6: ",
		},
	},
	"override files": {
		archive: `
locals { a = 1 }
variable "v" {
  type    = string
  default = "base"
}
variable "w" {
  type = object({ a = optional(string, "x") })
}
output "o" { value = "base" }
resource "x" "r" { count = 1 }
module "m" {
  source = "./base"
  in     = "base"
}
-- override.tf --
locals { a = 2 }
variable "v" { default = 7 }
variable "w" {
  type    = map(string)
  default = { b = "c" }
}
output "o" { sensitive = true }
-- z_override.tf.json --
{"resource": {"x": {"r": {"count": 2}}}, "module": {"m": {"source": "./over"}}, "locals": {"new": 3}}
-- base/main.tf --
variable "in" {}
output "out" { value = "base ${var.in}" }
-- over/main.tf --
variable "in" {}
output "out" { value = "over ${var.in}" }
`,
		want: map[string]string{
			"local.a": "2", "local.new": "3", "var.v": `"7"`, "var.w": `{a="x" b="c"}`, "module.m.out": `"over base"`, "length(x.r)": "2",
		},
	},
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	for name, test := range evalCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := evaluator(t, test.archive, test.setup)
			for expr, want := range test.want {
				v, problems := e.evaluate(t, expr)
				equal(t, expr, show(v), want)
				if known := v.IsWhollyKnown(); known != (len(problems) == 0) {
					t.Errorf("%s: known is %v, problems: %q", expr, known, texts(problems))
				}
			}
			for expr, want := range test.problems {
				_, problems := e.evaluate(t, expr)
				contains(t, expr, texts(problems), want)
				if want == "" && len(problems) > 0 {
					t.Errorf("%s: problems: %s", expr, texts(problems))
				}
			}
		})
	}
}

// References to references, up to the limit and over it.
func TestChains(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("locals {\n  l0 = 1\n  nest0 = []\n  p0 = nope.x\n")
	for i := range 5000 {
		fmt.Fprintf(&b, "  l%d = local.l%d\n", i+1, i)
	}
	for i := range 1500 {
		fmt.Fprintf(&b, "  nest%d = [local.nest%d]\n", i+1, i)
	}
	for i := range 60 {
		fmt.Fprintf(&b, "  p%d = \"${local.p%d}${local.p%d}\"\n", i+1, i, i)
	}
	b.WriteString("}\n")
	e := evaluator(t, b.String(), setup{})
	v, _ := e.evaluate(t, "local.l1500")
	equal(t, "long", show(v), "1")
	_, problems := e.evaluate(t, "local.l5000")
	contains(t, "too long", texts(problems), "`local.l3000`: it ends")
	contains(t, "too long", texts(problems), "it ends a chain of more than 2000 references")
	_, problems = e.evaluate(t, "local.nest1500")
	contains(t, "too deep", texts(problems), "it is larger than what Holdfast evaluates")
	_, problems = e.evaluate(t, "local.p60")
	equal(t, "the one reason, once", texts(problems), "main.tf:4: `nope.x`: no nope.x is declared")
}

// Problems of a value that is evaluated once are told with the place of each
// reference to it.
func TestProblemPlaces(t *testing.T) {
	t.Parallel()
	e := evaluator(t, `
resource "x" "r" {}
locals {
  a = x.r.id
  b = "${x.r.name}!"
}
`, setup{})
	for expr, want := range map[string]string{
		"local.a": "main.tf:3: `x.r.id`: x.r is not in the state yet",
		"local.b": "main.tf:4: `x.r.name`: x.r is not in the state yet",
		"x.r.arn": "expr:1: `x.r.arn`: x.r is not in the state yet",
	} {
		_, problems := e.evaluate(t, expr)
		equal(t, expr, texts(problems), want)
	}
}

type panicking struct{}

func (panicking) Instances(drift.ModuleAddress, string, string, string) map[drift.Key]cty.Value {
	panic("s3cret")
}

// A mistake below the evaluator is a problem of one value, and tells nothing.
func TestPanic(t *testing.T) {
	t.Parallel()
	tree := load(t, `
resource "x" "r" {}
locals { a = [x.r.id, 1] }
`)
	e := NewEvaluator(tree, Inputs{Values: panicking{}})
	for range 2 {
		v, problems := e.evaluate(t, "local.a[0]")
		equal(t, "value", show(v), "!?")
		contains(t, "problems", texts(problems), "by a mistake of Holdfast's")
		if strings.Contains(texts(problems), "s3cret") {
			t.Error(texts(problems))
		}
	}
	equal(t, "chain", e.chain, 0)
}

// What would take more than any machine has is unknown, and said.
func TestLimits(t *testing.T) {
	t.Parallel()
	const archive = `
locals {
  many   = range(100)
  fine   = [for a in local.many : local.many]
  loops  = [for a in local.many : [for b in local.many : [for c in local.many : [for d in local.many : 1]]]]
  holes  = [for a in local.many : 1 if length([for b in local.many : 1 if length([for c in local.many : 1 if false]) == 1]) == 1]
  keys   = { for a in local.many : length([for b in local.many : [for c in local.many : c]]) => 1... }
  text   = "%{ for a in local.many }%{ for b in local.many }%{ for c in local.many }x%{ endfor }%{ endfor }%{ endfor }"
  laugh0 = ["ha", "ha", "ha", "ha", "ha", "ha", "ha", "ha"]
  laugh1 = [local.laugh0, local.laugh0, local.laugh0, local.laugh0, local.laugh0, local.laugh0, local.laugh0, local.laugh0]
  laugh2 = [local.laugh1, local.laugh1, local.laugh1, local.laugh1, local.laugh1, local.laugh1, local.laugh1, local.laugh1]
  laugh3 = [local.laugh2, local.laugh2, local.laugh2, local.laugh2, local.laugh2, local.laugh2, local.laugh2, local.laugh2]
  laugh4 = [local.laugh3, local.laugh3, local.laugh3, local.laugh3, local.laugh3, local.laugh3, local.laugh3, local.laugh3]
  laugh5 = [local.laugh4, local.laugh4, local.laugh4, local.laugh4, local.laugh4, local.laugh4, local.laugh4, local.laugh4]
}
-- more.tf.json --
{"locals": {"json": "${[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : 1]]]}"}}
`
	for _, expr := range []string{"local.loops", "local.holes", "local.keys", "local.text", "local.json", "local.laugh5", "try(local.loops, 1)"} {
		e := evaluator(t, archive, setup{})
		e.left = 30_000
		v, problems := e.evaluate(t, expr)
		equal(t, expr, show(v), "!?")
		contains(t, expr, texts(problems), "it is larger than what Holdfast evaluates")
		// Nothing more is evaluated after that.
		v, _ = e.evaluate(t, "1 + 1")
		equal(t, "after "+expr, show(v), "!?")
	}
	e := evaluator(t, archive, setup{})
	e.most = 50_000
	v, problems := e.evaluate(t, "length(local.fine)")
	equal(t, "within the limits", show(v)+texts(problems), "100")
	v, _ = e.evaluate(t, "local.loops")
	equal(t, "over the limit of one expression", show(v), "!?")
	v, problems = e.evaluate(t, "length(local.many)")
	equal(t, "and others are still evaluated", show(v)+texts(problems), "100")
}
