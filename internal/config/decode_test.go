package config

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/drift/verdict"
)

// leaf is a block type with two attributes.
func leaf(n schema.Nesting) *schema.NestedBlock {
	b := &schema.NestedBlock{Nesting: n}
	b.Attributes = map[string]*schema.Attribute{"a": attribute(cty.String), "n": attribute(cty.Number)}
	return b
}

// thing is a schema with one of each kind.
func thing() *schema.Block {
	outer := leaf(schema.List)
	outer.Blocks = map[string]*schema.NestedBlock{"inner": leaf(schema.List)}
	rule := cty.Object(map[string]cty.Type{"port": cty.Number, "from": cty.List(cty.String)})
	object := func(n schema.Nesting) *schema.Attribute {
		return &schema.Attribute{Optional: true, Nested: &schema.Object{Nesting: n, Attributes: map[string]*schema.Attribute{
			"a": attribute(cty.String), "n": {Type: cty.Number, Computed: true, Optional: true},
		}}}
	}
	return &schema.Block{
		Attributes: map[string]*schema.Attribute{
			"id": {Type: cty.String, Computed: true}, "name": attribute(cty.String), "size": attribute(cty.Number), "on": attribute(cty.Bool),
			"names": attribute(cty.List(cty.String)), "zones": attribute(cty.Set(cty.String)), "tags": attribute(cty.Map(cty.String)),
			"rules": attribute(cty.Set(rule)), "steps": attribute(cty.List(rule)), "any": attribute(cty.DynamicPseudoType),
			"one_object": object(schema.Single), "objects": object(schema.List), "object_set": object(schema.Set), "object_map": object(schema.Map),
			"count": attribute(cty.Number),
		},
		Blocks: map[string]*schema.NestedBlock{
			"list": outer, "set": leaf(schema.Set), "single": leaf(schema.Single), "group": leaf(schema.Group), "map": leaf(schema.Map),
		},
	}
}

// decodeCases are bodies of a resource x.r and what they evaluate to; the
// arguments that are null are left out.
var decodeCases = map[string]struct {
	body          string
	want, problem string
}{
	"nothing":               {``, `group={a=null n=null}`, ""},
	"attributes":            {"name = 1\n size = \"2\"\n on = \"true\"\n any = [1, \"x\"]", `any=[1 "x"] group={a=null n=null} name="1" on=true size=2`, ""},
	"collections":           {"names = toset([\"b\", \"a\"])\n zones = [\"z\", \"y\", \"z\"]\n tags = { a = 1, b = null }", `group={a=null n=null} names=["a" "b"] tags={a="1" b=null} zones=<"y" "z">`, ""},
	"null":                  {"name = null\n tags = null\n names = var.null", `group={a=null n=null}`, ""},
	"empty is not null":     {"names = []\n tags = {}\n name = \"\"", `group={a=null n=null} name="" names=[] tags={}`, ""},
	"does not fit":          {"size = \"many\"\n names = { a = 1 }", `group={a=null n=null} names=? size=?`, "main.tf:2: `\"many\"`: it does not fit size: a number is required"},
	"unknown":               {"name = \"x${var.unknown}\"\n names = [\"a\", var.unknown]\n tags = { a = var.unknown, b = 1 }\n zones = [\"a\", var.unknown]", `group={a=null n=null} name=? names=["a" ?] tags={a=? b="1"} zones=<"a" ?>`, "`var.unknown`: it has no value"},
	"objects":               {"one_object = { a = 1 }\n objects = [{ a = 1 }, { n = var.unknown }]\n object_map = { k = { n = 2 } }\n object_set = [{ a = 1 }, { a = 1 }]", `group={a=null n=null} object_map={k={a=null n=2}} object_set=<{a="1" n=null}> objects=[{a="1" n=null} {a=null n=?}] one_object={a="1" n=null}`, "var.unknown"},
	"sensitive":             {"name = var.secret\n names = [\"a\", var.secret]\n tags = { a = var.secret, b = 1 }\n zones = [\"a\", var.secret]\n one_object = { a = var.secret, n = 1 }", `group={a=null n=null} name=!"s" names=["a" !"s"] one_object={a=!"s" n=1} tags={a=!"s" b="1"} zones=!<"a" "s">`, ""},
	"sensitive and unknown": {"name = var.unknown_secret\n names = [var.secret, var.unknown]\n tags = merge({ a = var.secret }, var.unknown)\n size = \"${var.secret}!\"\n zones = [var.secret, var.unknown]", `group={a=null n=null} name=!? names=[!"s" ?] size=!? tags=!? zones=!<"s" ?>`, "it does not fit size: why is not shown"},
	"sensitive and wrong":   {"name = upper(var.secret, 1)\n any = { a = upper(var.secret, 1), b = upper(1, 2) }", `any=!? group={a=null n=null} name=!?`, "Too many function arguments"},
	"blocks": {`
list {
  a = 1
  inner { n = 1 }
  inner {}
}
list { a = 2 }
set { a = "x" }
set { a = "x" }
single { n = 1 }
group { n = 2 }
map "k" { a = 1 }
map "l" {}
`, `group={a=null n=2} list=[{a="1" inner=[{a=null n=1} {a=null n=null}] n=null} {a="2" inner=[] n=null}] map={k={a="1" n=null} l={a=null n=null}} set=[{a="x" n=null} {a="x" n=null}] single={a=null n=1}`, ""},
	"one too many": {"single {}\n single {}\n group {}\n group {}\n map \"k\" {}\n map \"k\" {}", `group=? map=? single=?`, "main.tf:3: there may be no more than one such block"},
	"dynamic over a list": {`dynamic "list" { 
 for_each = ["x", "y"] 
 content { 
  a = "${list.key}${list.value}" 
 } 
}`, `group={a=null n=null} list=[{a="0x" inner=[] n=null} {a="1y" inner=[] n=null}]`, ""},
	"dynamic over a set":   {"dynamic \"set\" {\n for_each = toset([\"x\", \"y\"])\n content { a = \"${set.key}${set.value}\" }\n}", `group={a=null n=null} set=[{a="xx" n=null} {a="yy" n=null}]`, ""},
	"dynamic over a map":   {"dynamic \"list\" {\n for_each = { x = 1, y = 2 }\n iterator = it\n content {\n a = it.key\n n = it.value\n }\n}", `group={a=null n=null} list=[{a="x" inner=[] n=1} {a="y" inner=[] n=2}]`, ""},
	"dynamic over nothing": {"dynamic \"list\" {\n for_each = []\n content {}\n}\ndynamic \"single\" {\n for_each = {}\n content {}\n}", `group={a=null n=null}`, ""},
	"dynamic and static, in order": {"list { a = 1 }\ndynamic \"list\" {\n for_each = [2, 3]\n content { a = list.value }\n}\nlist { a = 4 }",
		`group={a=null n=null} list=[{a="1" inner=[] n=null} {a="2" inner=[] n=null} {a="3" inner=[] n=null} {a="4" inner=[] n=null}]`, ""},
	"dynamic for one":             {"dynamic \"single\" {\n for_each = var.null[*]\n content {}\n}\ndynamic \"group\" {\n for_each = [1]\n content { n = group.value }\n}", `group={a=null n=1}`, ""},
	"dynamic for one, twice":      {"dynamic \"single\" {\n for_each = [1, 2]\n content {}\n}", `group={a=null n=null} single=?`, "no more than one such block"},
	"dynamic with labels":         {"dynamic \"map\" {\n for_each = { x = 1 }\n labels = [upper(map.key)]\n content { n = map.value }\n}", `group={a=null n=null} map={X={a=null n=1}}`, ""},
	"dynamic without labels":      {"dynamic \"map\" {\n for_each = { x = 1 }\n content {}\n}", `group={a=null n=null} map=?`, "main.tf:2: a dynamic block of this type needs labels"},
	"dynamic with unknown labels": {"dynamic \"map\" {\n for_each = { x = 1 }\n labels = [var.unknown]\n content {}\n}", `group={a=null n=null} map=?`, "main.tf:4: `[var.unknown]`: the labels are not one known string"},
	"dynamic inside dynamic": {`
dynamic "list" {
  for_each = { x = ["p", "q"], y = [] }
  content {
    a = list.key
    dynamic "inner" {
      for_each = list.value
      iterator = it
      content { a = "${list.key}${it.key}${it.value}" }
    }
    inner { a = list.key }
  }
}
`, `group={a=null n=null} list=[{a="x" inner=[{a="x0p" n=null} {a="x1q" n=null} {a="x" n=null}] n=null} {a="y" inner=[{a="y" n=null}] n=null}]`, ""},
	"dynamic over the unknown":                  {"dynamic \"list\" {\n for_each = var.unknown\n content {}\n}\nset {}", `group={a=null n=null} list=? set=[{a=null n=null}]`, "`var.unknown`: it has no value"},
	"unknown inside dynamic":                    {"dynamic \"list\" {\n for_each = [var.unknown, \"x\"]\n content {\n a = list.value\n n = list.key\n }\n}", `group={a=null n=null} list=[{a=? inner=[] n=0} {a="x" inner=[] n=1}]`, "var.unknown"},
	"inner dynamic unknown":                     {"list {\n a = 1\n dynamic \"inner\" {\n for_each = var.unknown\n content {}\n }\n}", `group={a=null n=null} list=[{a="1" inner=? n=null}]`, "var.unknown"},
	"dynamic over a set that is partly unknown": {"dynamic \"list\" {\n for_each = toset([\"x\", var.unknown])\n content {}\n}", `group={a=null n=null} list=?`, "var.unknown"},
	"dynamic over null":                         {"dynamic \"list\" {\n for_each = null\n content {}\n}", `group={a=null n=null} list=?`, "main.tf:3: `null`: for_each of a dynamic block is no collection"},
	"dynamic over a number":                     {"dynamic \"list\" {\n for_each = 3\n content {}\n}", `group={a=null n=null} list=?`, "no collection"},
	"dynamic without content":                   {"dynamic \"list\" {\n for_each = [1]\n}", `group={a=null n=null} list=?`, "a dynamic block needs for_each and one content block"},
	"dynamic over a secret": {"dynamic \"list\" {\n for_each = [for x in [1, 2] : x if var.secret == \"s\"]\n content { a = list.value }\n}\nlist {}",
		`group={a=null n=null} list=![{a="1" inner=[] n=null} {a="2" inner=[] n=null} {a=null inner=[] n=null}]`, ""},
	"dynamic over secrets":           {"dynamic \"list\" {\n for_each = [var.secret, \"x\"]\n content { a = list.value }\n}", `group={a=null n=null} list=[{a=!"s" inner=[] n=null} {a="x" inner=[] n=null}]`, ""},
	"dynamic over an unknown secret": {"dynamic \"list\" {\n for_each = var.unknown_secret\n content {}\n}", `group={a=null n=null} list=!?`, "var.unknown_secret"},
	"dynamic over an empty secret":   {"dynamic \"list\" {\n for_each = sensitive([])\n content {}\n}", `group={a=null n=null} list=![]`, ""},
	"dynamic with a secret label":    {"dynamic \"map\" {\n for_each = { x = 1 }\n labels = [var.secret]\n content {}\n}", `group={a=null n=null} map=!{s={a=null n=null}}`, ""},
	"an attribute as blocks":         {"rules { port = 1 }\nrules {\n port = 2\n from = [\"x\"]\n}\nsteps { port = \"3\" }", `group={a=null n=null} rules=<{from=["x"] port=2} {from=null port=1}> steps=[{from=null port=3}]`, ""},
	"an attribute as dynamic blocks": {"dynamic \"steps\" {\n for_each = [1, 2]\n content { port = steps.value }\n}\ndynamic \"rules\" {\n for_each = []\n content {}\n}", `group={a=null n=null} steps=[{from=null port=1} {from=null port=2}]`, ""},
	"an attribute as unknown blocks": {"dynamic \"steps\" {\n for_each = var.unknown\n content {}\n}\ndynamic \"rules\" {\n for_each = [var.unknown]\n content { port = rules.value }\n}", `group={a=null n=null} rules=<{from=null port=?}> steps=?`, "var.unknown"},
	"an attribute as secret blocks":  {"steps { port = sensitive(1) }\nrules { port = sensitive(1) }\n", `group={a=null n=null} rules=!<{from=null port=1}> steps=[{from=null port=!1}]`, ""},
	"an attribute of objects":        {"rules = [{ port = 1 }, { port = 2, from = null }]\nsteps = []", `group={a=null n=null} rules=<{from=null port=1} {from=null port=2}> steps=[]`, ""},
	"what the schema lacks":          {"name = \"x\"\nnope = 1\nnopes {}\nlist { nope = 1 }", `group={a=null n=null} list=[{a=null inner=[] n=null}] name="x"`, "main.tf:3: Unsupported argument: An argument named \"nope\" is not expected here."},
	"an escaped argument":            {"name = \"x\"\n_ { count = 5 }", `count=5 group={a=null n=null} name="x"`, ""},
	"what is Terraform's":            {"depends_on = [x.y]\nprovider = x.y\nlifecycle { create_before_destroy = true }\nconnection { host = \"h\" }\nprovisioner \"local-exec\" { command = \"true\" }", `group={a=null n=null}`, ""},
}

const decodeVariables = `
variable "unknown" {}
variable "null" { default = null }
variable "secret" {
  sensitive = true
  default   = "s"
}
variable "unknown_secret" { sensitive = true }
`

func TestDecode(t *testing.T) {
	t.Parallel()
	for name, test := range decodeCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := evaluator(t, "resource \"x\" \"r\" {\n"+test.body+"\n}\n"+decodeVariables, setup{})
			src := e.Source(address(t, "x.r"), thing())
			equal(t, "source", set(src.Value), test.want)
			contains(t, "problems", texts(src.Problems), test.problem)
			if test.problem == "" && len(src.Problems) > 0 {
				t.Errorf("problems: %s", texts(src.Problems))
			}
			value, _ := src.Value.UnmarkDeep()
			if conformed, ok := verdict.Conform(thing(), value); ok && !conformed.Type().Equals(thing().ImpliedType()) {
				if errs := conformed.Type().TestConformance(thing().ImpliedType()); len(errs) > 0 {
					t.Errorf("does not conform: %v", errs)
				}
			}
		})
	}
}

func TestDecodeJSON(t *testing.T) {
	t.Parallel()
	e := evaluator(t, decodeVariables+`
-- r.tf.json --
{"resource": {"x": {"r": {
  "//": "a comment", "name": "${upper(\"x\")}", "size": "7", "tags": {"a": "${var.secret}"}, "names": ["a", "${var.unknown}"],
  "list": [{"a": "1", "inner": {"n": 1}}, {"a": "2"}], "single": {"a": "s"}, "map": {"k": {"a": "m"}, "l": [{}]},
  "rules": [{"port": 1}], "steps": {"port": 2},
  "dynamic": {"set": [{"for_each": ["x"], "iterator": "it", "content": {"a": "${it.value}"}}]},
  "lifecycle": {"ignore_changes": ["tags[\"a\"]", "name"]}, "provider": "x.y", "depends_on": ["x.z"]
}}}}
`, setup{})
	src := e.Source(address(t, "x.r"), thing())
	equal(t, "source", set(src.Value),
		`group={a=null n=null} list=[{a="1" inner=[{a=null n=1}] n=null} {a="2" inner=[] n=null}] map={k={a="m" n=null} l={a=null n=null}} name="X" names=["a" ?] rules=<{from=null port=1}> set=[{a="x" n=null}] single={a="s" n=null} size=7 steps=? tags={a=!"s"}`)
	contains(t, "problems", texts(src.Problems), "r.tf.json:4: `{\"port\": 2}`: it does not fit steps: list of object required")
	equal(t, "ignored", ignored(src), `tags["a"] name`)
}

func ignored(src Source) string {
	out := ""
	for _, path := range src.Ignore.Paths {
		out += " " + drift.FormatPath(path)
	}
	if src.Ignore.All {
		out += " (all)"
	}
	return out[min(1, len(out)):]
}

func TestOverriddenBody(t *testing.T) {
	t.Parallel()
	e := evaluator(t, `
resource "x" "r" {
  name = "base"
  size = 1
  list { a = "base" }
  list { a = "base" }
  set { a = "base" }
  dynamic "map" {
    for_each = { base = 1 }
    labels   = [map.key]
    content {}
  }
  lifecycle { ignore_changes = [name] }
}
-- override.tf --
resource "x" "r" {
  name = "over"
  on   = true
  dynamic "list" {
    for_each = ["over"]
    content { a = list.value }
  }
  map "over" {}
  nope = 1
  lifecycle { ignore_changes = [] }
}
`, setup{})
	src := e.Source(address(t, "x.r"), thing())
	equal(t, "source", set(src.Value),
		`group={a=null n=null} list=[{a="over" inner=[] n=null}] map={over={a=null n=null}} name="over" on=true set=[{a="base" n=null}] size=1`)
	equal(t, "ignored", ignored(src), "name")
	contains(t, "problems", texts(src.Problems), "override.tf:9: Unsupported argument")
}

func TestIgnoreChanges(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		`[name, tags["a"], list[0].a, tags.b, list.0.a]`: `name tags["a"] list[0].a tags.b list[0].a`,
		`["name", "tags.a", "list[0].a"]`:                `name tags.a list[0].a`,
		`["tags[\"a b\"]"]`:                              `tags["a b"]`,
		`all`:                                            `(all)`,
		`"all"`:                                          `(all)`,
		`["*"]`:                                          `(all)`,
		`[]`:                                             ``,
	} {
		e := evaluator(t, "resource \"x\" \"r\" {\n lifecycle {\n ignore_changes = "+written+"\n }\n}", setup{})
		equal(t, written, ignored(e.Source(address(t, "x.r"), thing())), want)
	}
}

func TestExistence(t *testing.T) {
	t.Parallel()
	e := evaluator(t, `
resource "x" "single" {}
resource "x" "counted" { count = 2 }
resource "x" "eached" { for_each = { a = 1, b = var.unknown } }
resource "x" "unclear" {
  for_each = var.unknown
  name     = each.key
  names    = [each.value]
}
resource "x" "unclear_count" {
  count = var.unknown
  size  = count.index
}
data "x" "d" {}
module "one" { source = "./m" }
module "many" {
  source   = "./m"
  for_each = toset(["k"])
}
module "unclear" {
  source = "./m"
  count  = var.unknown
}
module "gone" { source = "a/b/c" }
variable "unknown" {}
-- m/main.tf --
resource "x" "r" { count = 1 }
`, setup{})
	for addr, want := range map[string]Existence{
		"x.single": Exists, "x.single[0]": Absent, `x.single["a"]`: Absent, "x.nope": Absent, "data.x.d": Exists, "data.x.single": Absent, "x.d": Absent,
		"x.counted[0]": Exists, "x.counted[1]": Exists, "x.counted[2]": Absent, "x.counted": Absent, `x.counted["0"]`: Absent,
		`x.eached["a"]`: Exists, `x.eached["b"]`: Exists, `x.eached["c"]`: Absent, "x.eached": Absent, "x.eached[0]": Absent,
		`x.unclear["a"]`: Unclear, "x.unclear_count[0]": Unclear,
		"module.one.x.r[0]": Exists, "module.one[0].x.r[0]": Absent, "module.one.x.r": Absent, "module.nope.x.r": Absent,
		`module.many["k"].x.r[0]`: Exists, `module.many["l"].x.r[0]`: Absent, "module.many.x.r[0]": Absent,
		"module.unclear[0].x.r[0]": Unclear, "module.gone.x.r": Unclear, "module.one.module.inner.x.r": Absent,
	} {
		got, problems := e.Exists(address(t, addr))
		equal(t, addr, got, want)
		if (got == Unclear) != (len(problems) > 0) {
			t.Errorf("%s: problems %q", addr, texts(problems))
		}
		src := e.Source(address(t, addr), thing())
		equal(t, "source of "+addr, src.Existence, want)
	}
	// The key of an instance is its own, whatever for_each may be.
	src := e.Source(address(t, `x.unclear["a"]`), thing())
	equal(t, "unclear", set(src.Value), `group={a=null n=null} name="a" names=[?]`)
	contains(t, "unclear", texts(src.Problems), "main.tf:24: `var.unknown`: it has no value")
	src = e.Source(address(t, `x.unclear_count[3]`), thing())
	equal(t, "unclear count", set(src.Value), `group={a=null n=null} size=3`)
	_, problems := e.Exists(address(t, "module.gone.x.r"))
	contains(t, "gone", texts(problems), "main.tf:23: module gone is not installed; run terraform init")
}

// A large for_each is expanded once, not once an instance.
func TestRepeatedOnce(t *testing.T) {
	t.Parallel()
	e := evaluator(t, `
locals { all = { for i in range(1000) : "k${i}" => { name = "n${i}", size = i } } }
resource "x" "r" {
  for_each = local.all
  name     = each.value.name
  size     = each.value.size
}
`, setup{})
	for _, key := range []string{"k0", "k999"} {
		src := e.Source(address(t, `x.r["`+key+`"]`), thing())
		equal(t, key, set(src.Value), `group={a=null n=null} name="n`+key[1:]+`" size=`+key[1:])
	}
	before := e.left
	src := e.Source(address(t, `x.r["k5"]`), thing())
	equal(t, "k5", src.Existence, Exists)
	if spent := before - e.left; spent > 100 {
		t.Errorf("one more instance cost %d", spent)
	}
}
