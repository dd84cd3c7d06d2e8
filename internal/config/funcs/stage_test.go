package funcs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// stage is a root module with files beside it, and the same as an evaluation
// context. root is reached through a symbolic link, so that the difference
// between what a path says and where it leads is seen.
type stage struct {
	root, elsewhere, home string
	ctx                   *hcl.EvalContext
}

// stageFiles are relative to the folder above the root module, "root".
var stageFiles = map[string]string{
	"outside.txt":             "outside the root module\n",
	"elsewhere/elsewhere.txt": "in the folder that terraform is started from\n",
	"home/home.txt":           "at home\n",
	"root/hello.txt":          "Hello World",
	"root/empty.txt":          "",
	"root/crlf.txt":           "one\r\ntwo\r\n",
	"root/nfd.txt":            "e\u0301",
	"root/binary.bin":         "\xff\x00\xfe",
	"root/.hidden":            "hidden",
	"root/sub/inner.txt":      "inner",
	"root/sub/deep/er.txt":    "deep",
	"root/weird[1]/a.txt":     "weird",
	"root/greeting.tmpl":      "Hello, ${name}!",
	"root/single.tmpl":        "${v}",
	"root/json.tmpl":          "${jsonencode(v)}",
	"root/calls.tmpl":         "${upper(file(p))} %{ if true }yes%{ endif }",
	"root/reads.tmpl":         "${file(\"hello.txt\")}",
	"root/bad.tmpl":           "${",
	"root/outer.tmpl":         "<${templatefile(\"greeting.tmpl\", { name = name })}>",
	"root/endless.tmpl":       "${templatefile(\"endless.tmpl\", {})}${templatefile(\"endless.tmpl\", {})}",
	"root/loop.tmpl":          "%{ for addr in ip_addrs ~}\nbackend ${addr}:${port}\n%{ endfor ~}\n",
	"root/main.tf": `
locals {
  template    = "Hello, $${name}!"
  single      = "$${v}"
  badtemplate = "$${"
  readsfile   = "$${file(\"hello.txt\")}"
  secret      = sensitive("Hello, $${name}!")
  object      = { name = "a plain string" }
}
`,
}

func newStage(t testing.TB) *stage {
	t.Helper()
	top := t.TempDir()
	for name, content := range stageFiles {
		path := filepath.Join(top, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o644))
	}
	root := filepath.Join(top, "root")
	must(t, os.Symlink("hello.txt", filepath.Join(root, "link.txt")))
	must(t, os.Symlink("sub", filepath.Join(root, "linkdir")))
	must(t, os.Symlink("nowhere", filepath.Join(root, "dangling")))
	must(t, syscall.Mkfifo(filepath.Join(root, "pipe"), 0o644))
	writeKeys(t, root)
	must(t, os.MkdirAll(filepath.Join(top, "links"), 0o755))
	linked := filepath.Join(top, "links", "to-root")
	must(t, os.Symlink(root, linked))

	s := &stage{root: linked, elsewhere: filepath.Join(top, "elsewhere"), home: filepath.Join(top, "home")}
	s.ctx = &hcl.EvalContext{
		Functions: All(Options{WorkDir: s.root, HomeDir: s.home}),
		Variables: map[string]cty.Value{
			"path": cty.ObjectVal(map[string]cty.Value{
				"module": cty.StringVal("."), "root": cty.StringVal("."), "cwd": cty.StringVal(s.elsewhere),
			}),
			"local": cty.ObjectVal(map[string]cty.Value{
				"template":    cty.StringVal("Hello, ${name}!"),
				"single":      cty.StringVal("${v}"),
				"readsfile":   cty.StringVal(`${file("hello.txt")}`),
				"badtemplate": cty.StringVal("${"),
				"secret":      cty.StringVal("Hello, ${name}!").Mark(Sensitive),
				"object":      cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal("a plain string")}),
			}),
		},
	}
	return s
}

// writeKeys makes an RSA key, a text encrypted for it, and a key of another kind.
func writeKeys(t testing.TB, dir string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	cipher, err := rsa.EncryptPKCS1v15(rand.Reader, &key.PublicKey, []byte("message"))
	must(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	ecDER, err := x509.MarshalECPrivateKey(ec)
	must(t, err)
	write := func(name string, content []byte) { must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600)) }
	write("cipher.bin", cipher)
	write("key.pem", pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)))
	write("ec.pem", pemOf("EC PRIVATE KEY", ecDER))
}

func pemOf(kind string, der []byte) []byte {
	var out bytes.Buffer
	_ = pem.Encode(&out, &pem.Block{Type: kind, Bytes: der})
	return out.Bytes()
}

// eval evaluates an expression in the stage, with more variables.
func (s *stage) eval(t testing.TB, src string, vars map[string]cty.Value) (cty.Value, hcl.Diagnostics) {
	t.Helper()
	expr, diags := hclsyntax.ParseExpression([]byte(src), "expression", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %s", src, diags)
	}
	ctx := s.ctx.NewChild()
	ctx.Variables = vars
	return expr.Value(ctx)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
