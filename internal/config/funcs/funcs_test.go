package funcs

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// example is a call and what it gives: JSON; "?" for unknown; or "!" and a part
// of the error.
type example struct{ call, want string }

// examples has at least one call of each function. What Terraform itself gives
// is compared with at large in TestConsole; here is what each function is for,
// how it fails, and what Terraform's console lacks.
var examples = map[string][]example{
	"abs":              {{`abs(-3.5)`, `3.5`}},
	"abspath":          {{`basename(abspath("x"))`, `"x"`}, {`abspath("/a/../b")`, `"/b"`}},
	"alltrue":          {{`alltrue([true, "true"])`, `true`}, {`alltrue([true, null])`, `false`}, {`alltrue([unknown, false])`, `false`}, {`alltrue([unknown, true])`, `?`}},
	"anytrue":          {{`anytrue([false, true])`, `true`}, {`anytrue([null])`, `false`}, {`anytrue([unknown, true])`, `true`}, {`anytrue([unknown])`, `?`}},
	"base64decode":     {{`base64decode("aGk=")`, `"hi"`}, {`base64decode("!")`, `!argument "str": it is not base64`}, {`base64decode("/w==")`, `!not UTF-8`}},
	"base64encode":     {{`base64encode("hi")`, `"aGk="`}},
	"base64gunzip":     {{`base64gunzip(base64gzip("hi"))`, `"hi"`}, {`base64gunzip("aGk=")`, `!gzip`}, {`base64gunzip("!")`, `!base64`}, {`base64gunzip(substr(base64gzip("a longer text"), 0, 20))`, `!decompressed`}},
	"base64gzip":       {{`base64gzip("test")`, `"H4sIAAAAAAAA/ypJLS4BAAAA//8BAAD//wx+f9gEAAAA"`}},
	"base64sha256":     {{`base64sha256("hello world")`, `"uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="`}},
	"base64sha512":     {{`base64sha512("hello world")`, `"MJ7MSJwS1utMxA9QyQLytNDtd+5RGnx6m808qG1M2G+YndNbxf9JlnDaNCVbRbDP2DDoH2Bdz33FVC6TrpzXbw=="`}},
	"basename":         {{`basename("a/b.txt")`, `"b.txt"`}},
	"bcrypt":           {{`bcrypt("x")`, `?`}, {`bcrypt("x", 4)`, `?`}, {`bcrypt()`, `!Not enough`}},
	"can":              {{`can(unknown)`, `?`}, {`can([1][3])`, `false`}, {`can([1][0])`, `true`}, {`can(provider::x::y(1))`, `?`}, {`can(absent.x)`, `?`}},
	"ceil":             {{`ceil(1.1)`, `2`}},
	"chomp":            {{`chomp("a\n")`, `"a"`}},
	"chunklist":        {{`chunklist([1, 2, 3], 2)`, `[[1,2],[3]]`}},
	"cidrcontains":     {{`cidrcontains("10.0.0.0/8", "10.1.2.3")`, `true`}, {`cidrcontains("10.0.0.0/8", "11.0.0.0/9")`, `false`}, {`cidrcontains("10.0.0.0/8", "10.0.0.0/7")`, `false`}, {`cidrcontains("10.0.0.0/8", "10.0.0.0/9")`, `true`}, {`cidrcontains("10.0.0.0/8", "::1")`, `!IPv6`}, {`cidrcontains("x", "::1")`, `!"containing_prefix"`}, {`cidrcontains("::/0", "x")`, `!"contained_ip_or_prefix"`}},
	"cidrhost":         {{`cidrhost("10.0.0.0/8", 2)`, `"10.0.0.2"`}, {`cidrhost("010.0.0.0/8", 2)`, `"10.0.0.2"`}, {`cidrhost("10.0.0.0/8", 0.5)`, `!whole number`}},
	"cidrnetmask":      {{`cidrnetmask("10.0.0.0/9")`, `"255.128.0.0"`}, {`cidrnetmask("::/9")`, `!IPv6`}},
	"cidrsubnet":       {{`cidrsubnet("10.0.0.0/8", 8, 2)`, `"10.2.0.0/16"`}, {`cidrsubnet("10.0.0.0/8", 8, 256)`, `!no such subnet`}},
	"cidrsubnets":      {{`cidrsubnets("10.0.0.0/8", 8, 9)`, `["10.0.0.0/16","10.1.0.0/17"]`}, {`cidrsubnets("10.0.0.0/8", 1, 1, 1)`, `!no room`}},
	"coalesce":         {{`coalesce("", null, "c")`, `"c"`}, {`coalesce(unknown, "x")`, `?`}, {`coalesce("x", unknown)`, `"x"`}, {`coalesce("")`, `!null or an empty string`}, {`coalesce([], "x")`, `!common type`}, {`coalesce(1, unknown)`, `?`}, {`coalesce(unknown)`, `?`}, {`coalesce()`, `!common type`}, {`coalesce(null, null)`, `!null or an empty`}},
	"coalescelist":     {{`coalescelist([], [1])`, `[1]`}, {`coalescelist(unknown, [1])`, `?`}},
	"compact":          {{`compact(["a", "", null])`, `["a"]`}},
	"concat":           {{`concat([1], ["a"])`, `[1,"a"]`}},
	"contains":         {{`contains([1, 2], 2)`, `true`}, {`contains([unknown, 2], 2)`, `true`}, {`contains([unknown], 2)`, `?`}},
	"convert":          {{`convert(["1"], list(number))`, `[1]`}, {`convert({}, object({ a = optional(string, "x") }))`, `{"a":"x"}`}, {`convert("x", number)`, `!argument "value"`}, {`convert("x", 5)`, `!argument "type": it is not a type`}, {`convert(null, object({ a = optional(string, "x") }))`, `null`}},
	"csvdecode":        {{`csvdecode("a,b\n1,2")`, `[{"a":"1","b":"2"}]`}},
	"dirname":          {{`dirname("a/b.txt")`, `"a"`}},
	"distinct":         {{`distinct([1, 2, 1])`, `[1,2]`}},
	"element":          {{`element(["a", "b"], 3)`, `"b"`}, {`element(["a", "b"], -1)`, `"b"`}},
	"endswith":         {{`endswith("abc", "bc")`, `true`}},
	"ephemeralasnull":  {{`ephemeralasnull({ a = ephemeral, b = 1 })`, `{"a":null,"b":1}`}, {`ephemeralasnull([ephemeral])`, `[null]`}},
	"file":             {{`file("hello.txt")`, `"Hello World"`}, {`file("none")`, `!no such file`}, {`file("sub")`, `!folder`}, {`file("pipe")`, `!named pipe`}, {`file("/dev/null")`, `!device`}, {`file("binary.bin")`, `!not UTF-8`}},
	"filebase64":       {{`filebase64("binary.bin")`, `"/wD+"`}, {`filebase64("pipe")`, `!named pipe`}},
	"filebase64sha256": {{`filebase64sha256("hello.txt") == base64sha256("Hello World")`, `true`}},
	"filebase64sha512": {{`filebase64sha512("hello.txt") == base64sha512("Hello World")`, `true`}},
	"fileexists":       {{`fileexists("hello.txt")`, `true`}, {`fileexists("none")`, `false`}, {`fileexists("sub")`, `!folder`}, {`fileexists("pipe")`, `!named pipe`}, {`fileexists("~x")`, `!another user`}},
	"filemd5":          {{`filemd5("hello.txt") == md5("Hello World")`, `true`}, {`filemd5("none")`, `!none`}},
	"fileset":          {{`fileset("sub", "**/*.txt")`, `["deep/er.txt","inner.txt"]`}, {`fileset(".", "[")`, `!not a valid pattern`}, {`fileset(".", "[!a]")`, `!OpenTofu`}},
	"filesha1":         {{`filesha1("hello.txt") == sha1("Hello World")`, `true`}},
	"filesha256":       {{`filesha256("hello.txt") == sha256("Hello World")`, `true`}, {`filesha256("pipe")`, `!named pipe`}},
	"filesha512":       {{`filesha512("hello.txt") == sha512("Hello World")`, `true`}},
	"flatten":          {{`flatten([[1], [[2]]])`, `[1,2]`}},
	"floor":            {{`floor(1.9)`, `1`}},
	"format":           {{`format("%s-%02d", "a", 7)`, `"a-07"`}, {`format("%v", null)`, `"null"`}, {`format("%d", "x")`, `!unsupported value`}},
	"formatdate":       {{`formatdate("YYYY", "2018-01-02T23:12:01Z")`, `"2018"`}},
	"formatlist":       {{`formatlist("%s!", ["a", "b"])`, `["a!","b!"]`}},
	"indent":           {{`indent(2, "a\nb")`, `"a\n  b"`}},
	"index":            {{`index(["a", "b"], "b")`, `1`}, {`index(["a"], "b")`, `!no such element`}, {`index(toset([]), "b")`, `!list or a tuple`}},
	"issensitive":      {{`issensitive(secret)`, `true`}, {`issensitive([secret])`, `false`}, {`issensitive(unknown)`, `?`}, {`issensitive(sensitive(unknown))`, `true`}},
	"join":             {{`join("-", ["a", "b"])`, `"a-b"`}},
	"jsondecode":       {{`jsondecode("[1, null]")`, `[1,null]`}},
	"jsonencode":       {{`jsonencode({ a = [1] })`, `"{\"a\":[1]}"`}, {`jsonencode({ a = unknown })`, `?`}},
	"keys":             {{`keys({ b = 1, a = 2 })`, `["a","b"]`}},
	"length":           {{`length(["a", unknown])`, `2`}, {`length("👾🕹️")`, `2`}, {`length(5)`, `!number given`}, {`length(unknown)`, `?`}, {`length(null)`, `!must not be null`}},
	"list":             {{`list("a")`, `!tolist`}},
	"log":              {{`log(16, 2)`, `4`}, {`log(-1, 2)`, `!not a number`}},
	"lookup":           {{`lookup({ a = 1 }, "a", 2)`, `1`}, {`lookup({ a = 1 }, "b", 2)`, `2`}, {`lookup({ a = 1 }, "b")`, `!no such key`}, {`lookup([], "a")`, `!map or an object`}, {`lookup({ a = 1 }, unknown, 2)`, `?`}, {`lookup(unknown, "a", 2)`, `?`}, {`lookup({ a = 1 }, "a", unknown)`, `1`}, {`lookup(tomap({ a = 1 }), "b", "x")`, `!argument "default"`}, {`lookup({}, "a", 1, 2)`, `!two or three`}, {`lookup(object, "a", 2)`, `?`}, {`lookup(object, "b", 2)`, `?`}},
	"lower":            {{`lower("ÀB")`, `"àb"`}},
	"map":              {{`map("a", "b")`, `!tomap`}},
	"matchkeys":        {{`matchkeys(["a", "b"], [1, 2], [2])`, `["b"]`}, {`matchkeys(["a"], [1], [unknown])`, `?`}, {`matchkeys(["a"], [1, 2], [1])`, `!as many keys`}, {`matchkeys(["a"], [{}], ["x"])`, `!type of the keys`}},
	"max":              {{`max(1, 3, 2)`, `3`}},
	"md5":              {{`md5("hello world")`, `"5eb63bbbe01eeed093cb22bb8f5acdc3"`}},
	"merge":            {{`merge({ a = 1 }, { a = 2, b = 3 })`, `{"a":2,"b":3}`}, {`merge({ a = 1 }, unknown)`, `?`}},
	"min":              {{`min(1, 3, 2)`, `1`}},
	"nonsensitive":     {{`issensitive(nonsensitive(secret))`, `false`}, {`nonsensitive(1)`, `1`}},
	"one":              {{`one([])`, `null`}, {`one(["a"])`, `"a"`}, {`one([1, 2])`, `!no or one element`}, {`one("x")`, `!string given`}, {`one(unknown)`, `?`}},
	"parseint":         {{`parseint("ff", 16)`, `255`}, {`parseint("x", 10)`, `!argument "number"`}},
	"pathexpand":       {{`basename(pathexpand("~"))`, `"home"`}, {`pathexpand("a/~")`, `"a/~"`}},
	"plantimestamp":    {{`plantimestamp()`, `?`}},
	"pow":              {{`pow(2, 10)`, `1024`}},
	"range":            {{`range(3)`, `[0,1,2]`}},
	"regex":            {{`regex("(?P<y>\\d+)", "in 2020")`, `{"y":"2020"}`}, {`regex("a", "b")`, `!did not match`}},
	"regexall":         {{`regexall("\\d", "1a2")`, `["1","2"]`}},
	"replace":          {{`replace("a.b", ".", "-")`, `"a-b"`}, {`replace("a1b", "/(\\d)/", "<$1>")`, `"a\u003c1\u003eb"`}, {`replace("a", "/(/", "")`, `!argument "substr": the text between the slashes`}},
	"reverse":          {{`reverse([1, 2])`, `[2,1]`}},
	"rsadecrypt":       {{`rsadecrypt(filebase64("cipher.bin"), file("key.pem"))`, `"message"`}, {`rsadecrypt("AAAA", file("key.pem"))`, `!decrypted`}, {`rsadecrypt("AAAA", file("ec.pem"))`, `!not an RSA one`}, {`rsadecrypt("AAAA", "x")`, `!PEM`}},
	"sensitive":        {{`issensitive(sensitive(1))`, `true`}},
	"setintersection":  {{`setintersection(["a", "b"], ["b"])`, `["b"]`}},
	"setproduct":       {{`setproduct(["a"], [1, 2])`, `[["a",1],["a",2]]`}},
	"setsubtract":      {{`setsubtract(["a", "b"], ["b"])`, `["a"]`}},
	"setunion":         {{`setunion(["a"], ["b"])`, `["a","b"]`}},
	"sha1":             {{`sha1("hello world")`, `"2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"`}},
	"sha256":           {{`sha256("hello world")`, `"b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"`}},
	"sha512":           {{`substr(sha512("hello world"), 0, 16)`, `"309ecc489c12d6eb"`}},
	"signum":           {{`signum(-0.5)`, `-1`}},
	"slice":            {{`slice([1, 2, 3], 1, 2)`, `[2]`}},
	"sort":             {{`sort(["b", "a"])`, `["a","b"]`}},
	"split":            {{`split(",", "a,b")`, `["a","b"]`}},
	"startswith":       {{`startswith("abc", "ab")`, `true`}},
	"strcontains":      {{`strcontains("abc", "b")`, `true`}},
	"strrev":           {{`strrev("abc")`, `"cba"`}},
	"substr":           {{`substr("hello", 1, 3)`, `"ell"`}},
	"sum":              {{`sum([1, "2"])`, `3`}, {`sum([])`, `!no elements`}, {`sum("x")`, `!string given`}, {`sum([null])`, `!not a number`}, {`sum([1, unknown])`, `?`}},
	"templatefile":     {{`templatefile("greeting.tmpl", { name = "x" })`, `"Hello, x!"`}, {`templatefile("outer.tmpl", { name = "x" })`, `"\u003cHello, x!\u003e"`}, {`templatefile("endless.tmpl", {})`, `!too often or too deep`}, {`templatefile("greeting.tmpl", {})`, `!"name"`}, {`templatefile("single.tmpl", { v = [1] })`, `[1]`}, {`templatefile("greeting.tmpl", { name = unknown })`, `?`}, {`templatefile("bad.tmpl", {})`, `!not a valid template`}, {`try(templatefile("endless.tmpl", {}), 1)`, `?`}},
	"templatestring":   {{`templatestring(local.template, { name = "x" })`, `"Hello, x!"`}, {`templatestring("$${v}", { v = true })`, `"true"`}, {`templatestring(local.single, { v = [] })`, `!not a string`}, {`templatestring(local.single, { v = null })`, `!null`}, {`templatestring(local.single, { v = [1][2] })`, `!Invalid index`}},
	"textdecodebase64": {{`textdecodebase64("aABpAA==", "UTF-16LE")`, `"hi"`}},
	"textencodebase64": {{`textencodebase64("hi", "UTF-16LE")`, `"aABpAA=="`}, {`textencodebase64("hi", "x")`, `!IANA`}},
	"timeadd":          {{`timeadd("2017-11-22T00:00:00Z", "10m")`, `"2017-11-22T00:10:00Z"`}},
	"timecmp":          {{`timecmp("2017-11-22T00:00:00Z", "2017-11-22T00:00:00+01:00")`, `1`}, {`timecmp("x", "y")`, `!RFC 3339`}},
	"timestamp":        {{`timestamp()`, `?`}, {`timestamp(1)`, `!Too many`}},
	"title":            {{`title("hello world")`, `"Hello World"`}},
	"tobool":           {{`tobool("true")`, `true`}, {`tobool("yes")`, `!unless`}, {`tobool(null)`, `null`}, {`tobool([])`, `!whatever its value`}},
	"tolist":           {{`tolist(toset(["a"]))`, `["a"]`}, {`tolist("a")`, `!string can't be converted to list`}},
	"tomap":            {{`tomap({ a = 1, b = "x" })`, `{"a":"1","b":"x"}`}},
	"tonumber":         {{`tonumber("1.5")`, `1.5`}, {`tonumber("x")`, `!decimal`}},
	"toset":            {{`toset(["a", "a"])`, `["a"]`}, {`toset(unknown)`, `?`}},
	"tostring":         {{`tostring(1.50)`, `"1.5"`}},
	"transpose":        {{`transpose({ a = ["x", "y"], b = ["y"] })`, `{"x":["a"],"y":["a","b"]}`}, {`transpose({ a = [null] })`, `!null`}, {`transpose({ a = null })`, `!null`}, {`transpose({ a = [unknown] })`, `?`}},
	"trim":             {{`trim("?a?", "?")`, `"a"`}},
	"trimprefix":       {{`trimprefix("abc", "a")`, `"bc"`}},
	"trimspace":        {{`trimspace(" a ")`, `"a"`}},
	"trimsuffix":       {{`trimsuffix("abc", "c")`, `"ab"`}},
	"try":              {{`try(unknown, "x")`, `?`}, {`try(unknown.a.b, "x")`, `?`}, {`try([unknown], "x")`, `?`}, {`try([1][2], "x")`, `"x"`}, {`try(provider::x::y(1), "x")`, `?`}, {`try(absent.x, "x")`, `?`}, {`try([1][2], unknown)`, `?`}, {`try([1][2])`, `!no expression succeeded`}, {`try()`, `!at least one`}, {`try(fileset(".", "[!a]"), "x")`, `?`}, {`try(upper(fileset(".", "[!a]")), "x")`, `?`}, {`try(nosuchfunction(1), "x")`, `"x"`}},
	"upper":            {{`upper("a")`, `"A"`}, {`upper(null)`, `!argument "str": argument must not be null`}},
	"urldecode":        {{`urldecode("a+b%20c")`, `"a b c"`}, {`urldecode("%zz")`, `!percent sign`}},
	"urlencode":        {{`urlencode("a b/c")`, `"a+b%2Fc"`}},
	"uuid":             {{`uuid()`, `?`}},
	"uuidv5":           {{`uuidv5("dns", "www.terraform.io")`, `"a5008fae-b28c-5ba5-96cd-82b4c53552d6"`}, {`uuidv5("x", "y")`, `!argument "namespace"`}},
	"values":           {{`values({ b = 1, a = 2 })`, `[2,1]`}},
	"yamldecode":       {{`yamldecode("a: [1, x]")`, `{"a":[1,"x"]}`}},
	"yamlencode":       {{`yamlencode({ a = [1] })`, `"\"a\":\n- 1\n"`}},
	"zipmap":           {{`zipmap(["a"], [1])`, `{"a":1}`}},
}

var exampleVariables = map[string]cty.Value{
	"unknown":   cty.DynamicVal,
	"secret":    cty.StringVal("s").Mark(Sensitive),
	"ephemeral": cty.StringVal("e").Mark(Ephemeral),
	"object":    cty.UnknownVal(cty.Object(map[string]cty.Type{"a": cty.String})),
}

func TestExamples(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, name := range sortedKeys(examples) {
		for _, e := range examples[name] {
			v, diags := s.eval(t, e.call, exampleVariables)
			if got := show(t, v, diags, e.want); got != e.want {
				t.Errorf("%s\n got:  %s\n want: %s", e.call, got, e.want)
			}
		}
	}
}

// show writes a result as examples do. Of an error it keeps what is wanted.
func show(t *testing.T, v cty.Value, diags hcl.Diagnostics, want string) string {
	t.Helper()
	if diags.HasErrors() {
		if text, ok := strings.CutPrefix(want, "!"); ok && strings.Contains(messages(diags), text) {
			return want
		}
		return "!" + messages(diags)
	}
	if v, _ = v.UnmarkDeep(); !v.IsWhollyKnown() {
		return "?"
	}
	raw, err := ctyjson.Marshal(v, v.Type())
	must(t, err)
	return string(raw)
}

// messages is all text of diagnostics.
func messages(diags hcl.Diagnostics) string {
	var out []string
	for _, d := range diags {
		out = append(out, d.Summary+": "+d.Detail)
	}
	return strings.Join(out, "\n")
}

func TestEveryFunctionHasAnExample(t *testing.T) {
	t.Parallel()
	table := All(Options{})
	for name := range table {
		plain := strings.TrimPrefix(name, CoreNamespace)
		if len(examples[plain]) == 0 {
			t.Errorf("no example of %s", name)
		}
		_, plainOK := table[plain]
		_, coreOK := table[CoreNamespace+plain]
		if !plainOK || !coreOK {
			t.Errorf("%s is not there both with and without %s", plain, CoreNamespace)
		}
	}
	for name, list := range examples {
		if _, ok := table[name]; !ok {
			t.Errorf("example of %s, which does not exist", name)
		}
		if !slices.ContainsFunc(list, func(e example) bool { return strings.Contains(e.call, name+"(") }) {
			t.Errorf("no example under %q calls it", name)
		}
	}
	if got := len(table); got != 2*len(examples) {
		t.Errorf("%d entries for %d functions", got, len(examples))
	}
}

// TestNames holds the list of the functions of Terraform 1.11 (as its
// documentation has it, less the console's type), so that none gets lost.
func TestNames(t *testing.T) {
	t.Parallel()
	names := strings.Fields(`
		abs abspath alltrue anytrue base64decode base64encode base64gzip base64sha256 base64sha512 basename
		bcrypt can ceil chomp chunklist cidrhost cidrnetmask cidrsubnet cidrsubnets coalesce coalescelist
		compact concat contains csvdecode dirname distinct element endswith ephemeralasnull file filebase64
		filebase64sha256 filebase64sha512 fileexists filemd5 fileset filesha1 filesha256 filesha512 flatten
		floor format formatdate formatlist indent index issensitive join jsondecode jsonencode keys length
		list log lookup lower map matchkeys max md5 merge min nonsensitive one parseint pathexpand
		plantimestamp pow range regex regexall replace reverse rsadecrypt sensitive setintersection
		setproduct setsubtract setunion sha1 sha256 sha512 signum slice sort split startswith strcontains
		strrev substr sum templatefile templatestring textdecodebase64 textencodebase64 timeadd timecmp
		timestamp title tobool tolist tomap tonumber toset tostring transpose trim trimprefix trimspace
		trimsuffix try upper urlencode uuid uuidv5 values yamldecode yamlencode zipmap

		base64gunzip cidrcontains convert urldecode`)
	table := All(Options{})
	for _, name := range names {
		if _, ok := table[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if len(table) != 2*len(names) {
		t.Errorf("%d entries for %d names", len(table), len(names))
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
