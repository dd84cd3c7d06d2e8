// Command record asks a real Terraform how it merges configurations over prior
// objects, and writes the answers to standard output: the cases that the tests
// of package verdict compare Propose and Ignore.Apply with.
//
//	go run ./internal/drift/verdict/testdata/record -cases 120 > internal/drift/verdict/testdata/terraform.json
//
// It makes up resource types with random schemas, a state and a configuration
// for them, lets `terraform plan` work on these with a provider that notes what
// it is asked, and needs nothing but a terraform in the path.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"github.com/zclconf/go-cty/cty/msgpack"

	"holdfast/internal/drift/schema"
)

func main() {
	log.SetFlags(0)
	cases := flag.Int("cases", 120, "how many cases to record")
	seed := flag.Uint64("seed", 1, "which cases")
	flag.Parse()
	if err := run(context.Background(), *cases, *seed); err != nil {
		log.Fatal(err)
	}
}

// trial is one resource type with its only instance.
type trial struct {
	typeName string
	block    *schema.Block
	prior    cty.Value // null: not in the state
	config   cty.Value
	ignore   []string

	source, seenPrior, seenConfig, proposed []byte // msgpack, as the provider got them
}

func run(ctx context.Context, cases int, seed uint64) error {
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	trials := map[string]*trial{}
	for i := range cases {
		t := g.trial(fmt.Sprintf("recorder_%04d", i))
		trials[t.typeName] = t
	}
	dir, err := os.MkdirTemp("", "record")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := write(dir, trials); err != nil {
		return err
	}
	reattach, stop, err := serve(ctx, trials)
	if err != nil {
		return err
	}
	defer stop()
	if out, err := terraform(dir, reattach, "plan", "-refresh=false", "-input=false", "-lock=false", "-no-color"); err != nil {
		log.Printf("terraform plan: %v\n%s", err, out) // the provider's answers may be refused: what it was asked counts
	}
	version, err := terraform(dir, reattach, "version", "-json")
	if err != nil {
		return err
	}
	return print(version, trials)
}

func terraform(dir, reattach string, args ...string) ([]byte, error) {
	cmd := exec.Command("terraform", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TF_REATTACH_PROVIDERS="+reattach, "TF_CLI_CONFIG_FILE="+filepath.Join(dir, "rc"), "CHECKPOINT_DISABLE=1")
	return cmd.CombinedOutput()
}

type object = map[string]any

// write makes the root module and its state.
func write(dir string, trials map[string]*trial) error {
	resources, stored := object{}, []object{}
	for name, t := range trials {
		body := renderBlock(t.block, t.config)
		switch {
		case slices.Equal(t.ignore, []string{"all"}):
			body["lifecycle"] = object{"ignore_changes": "all"}
		case t.ignore != nil:
			body["lifecycle"] = object{"ignore_changes": t.ignore}
		}
		resources[name] = object{"it": body}
		if t.prior.IsNull() {
			continue
		}
		attributes, err := ctyjson.Marshal(t.prior, t.block.ImpliedType())
		if err != nil {
			return err
		}
		stored = append(stored, object{
			"mode": "managed", "type": name, "name": "it", "provider": `provider["` + source + `"]`,
			"instances": []object{{"schema_version": 0, "attributes": json.RawMessage(attributes)}},
		})
	}
	files := map[string]any{
		"main.tf.json": object{
			"terraform": object{"required_providers": object{"recorder": object{"source": source}}},
			"resource":  resources,
		},
		"terraform.tfstate": object{"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "record", "outputs": object{}, "resources": stored},
	}
	for name, content := range files {
		src, err := json.MarshalIndent(content, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), src, 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "rc"), nil, 0o600)
}

// recorded is a case as the tests read it.
type recorded struct {
	Schema   blockJSON       `json:"schema"`
	Ignore   []string        `json:"ignore,omitempty"`
	Source   json.RawMessage `json:"source,omitempty"` // the configuration before ignore_changes, where that made a difference
	Prior    json.RawMessage `json:"prior"`
	Config   json.RawMessage `json:"config"`
	Proposed json.RawMessage `json:"proposed"`
}

func print(version []byte, trials map[string]*trial) error {
	var v struct {
		Version string `json:"terraform_version"`
	}
	if err := json.Unmarshal(version, &v); err != nil {
		return err
	}
	var names []string
	for name, t := range trials {
		if t.proposed == nil {
			log.Printf("%s was never planned", name)
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	var out bytes.Buffer
	fmt.Fprintf(&out, "{\"terraform\": %q, \"cases\": [", v.Version)
	for i, name := range names {
		line, err := trials[name].record()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(&out, "%s\n%s", strings.Repeat(",", min(i, 1)), line)
	}
	out.WriteString("\n]}\n")
	_, err := os.Stdout.Write(out.Bytes())
	return err
}

func (t *trial) record() ([]byte, error) {
	ty := t.block.ImpliedType()
	values := map[string]json.RawMessage{}
	for name, packed := range map[string][]byte{"source": t.source, "prior": t.seenPrior, "config": t.seenConfig, "proposed": t.proposed} {
		v, err := msgpack.Unmarshal(packed, ty)
		if err != nil {
			return nil, err
		}
		if values[name], err = ctyjson.Marshal(v, ty); err != nil {
			return nil, err
		}
	}
	r := recorded{describeBlock(t.block), t.ignore, values["source"], values["prior"], values["config"], values["proposed"]}
	if t.ignore == nil {
		r.Source = nil
	}
	return json.Marshal(r)
}
