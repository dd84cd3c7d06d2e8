package cli_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"holdfast/internal/cli"
	"holdfast/internal/provider/providertest"
)

var update = flag.Bool("update", false, "write the expected output of the scripts anew")

func TestMain(m *testing.M) {
	providertest.Main() // does not return in a process started as a provider
	testscript.Main(withBed{m}, map[string]func(){
		"holdfast": func() { os.Exit(cli.Main(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) },
	})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	docs, err := filepath.Abs(filepath.Join("..", "..", "docs"))
	if err != nil {
		t.Fatal(err)
	}
	validates := func(schema string) func(*testscript.TestScript, bool, []string) {
		return func(ts *testscript.TestScript, neg bool, args []string) {
			valid(ts, neg, filepath.Join(docs, schema), args)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), UpdateScripts: *update, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOLDFAST_CACHE_DIR", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("TF_CLI_CONFIG_FILE", filepath.Join(env.WorkDir, "none.tfrc"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode":     exitCode,
			"valid":        validates("result.schema.json"),
			"validhistory": validates("history.schema.json"),
			"validstates":  validates("state-check.schema.json"),
			"remember":     remember,
		},
	})
}

// exitCode runs a command and insists on its exit code:
// exitcode 2 holdfast check.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode CODE COMMAND [ARGS...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if coded, ok := err.(interface{ ExitCode() int }); ok {
		got = string(rune('0' + coded.ExitCode()))
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// valid holds a file against a schema: valid result.json.
func valid(ts *testscript.TestScript, neg bool, schema string, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: valid FILE")
	}
	compiled, err := jsonschema.NewCompiler().Compile(schema)
	ts.Check(err)
	file, err := os.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer file.Close()
	result, err := jsonschema.UnmarshalJSON(file)
	ts.Check(err)
	ts.Check(compiled.Validate(result))
}
