package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// FleetSource is what a fleet is made of.
type FleetSource struct {
	Module    string // the root module to apply, once
	Variables string // the content of its terraform.tfvars, with Mark in it
	Override  string // the content of an override file beside it; may be empty
	// Mark is part of every name that the module gives. Its last four
	// characters are the stack's number: "fleet0000".
	Mark string
	// Hashed gives texts whose SHA-256, in hexadecimal, is in the state. The
	// texts hold names and ids, so the hashes differ between stacks. May be nil.
	Hashed func(state []byte) ([]string, error)
}

// Fleet is a stack that was applied once to an emulator, with all that the API
// answered when it was looked at. From it any number of stacks are made, each
// with names and ids of its own, for whose requests a replay has answers.
type Fleet struct {
	Stack     *Stack // the recorded one
	Recording *Recording
	Renaming  *Renaming

	source FleetSource
	state  []byte
	hashes map[string]template // what to hash, by the recorded hash
}

// lab's account, as moto has it.
const labAccount = "123456789012"

// RecordFleet applies the module in dir, which must not exist, and records a
// plan of it and what look does beside it with the stack it is given. Takes half
// a minute. The emulator has ended when it returns.
func RecordFleet(ctx context.Context, tools Tools, source FleetSource, dir string, look func(context.Context, *Stack) error) (f *Fleet, err error) {
	emulator, err := Start(ctx, tools)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, emulator.Close()) }()
	recorder, err := NewRecorder(emulator.URL())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, recorder.Close()) }()
	stack, err := NewStack(ctx, tools, emulator, source.Module, dir)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "terraform.tfvars"), []byte(source.Variables), 0o600),
		os.WriteFile(filepath.Join(dir, "fleet_override.tf"), []byte(source.Override), 0o600))
	if err != nil {
		return nil, fmt.Errorf("record a fleet: %w", err)
	}
	if err := stack.Apply(ctx); err != nil {
		return nil, err
	}
	watched := stack.With(recorder)
	if _, err := watched.Run(ctx, "plan", "-lock=false", "-input=false"); err != nil {
		return nil, err
	}
	if look != nil {
		if err := look(ctx, watched); err != nil {
			return nil, err
		}
	}
	f = &Fleet{Stack: stack, Recording: recorder.Recording(), source: source}
	if err := f.learn(ctx); err != nil {
		return nil, err
	}
	return f, nil
}

// learn finds out what differs between stacks.
func (f *Fleet) learn(ctx context.Context) (err error) {
	if f.state, err = f.Stack.State(ctx); err != nil {
		return err
	}
	values, err := ids(f.state)
	if err != nil {
		return fmt.Errorf("record a fleet: %w", err)
	}
	if f.Renaming, err = NewRenaming(labAccount, append([]string{f.source.Mark}, values...)); err != nil {
		return err
	}
	f.hashes = map[string]template{}
	if f.source.Hashed == nil {
		return nil
	}
	texts, err := f.source.Hashed(f.state)
	if err != nil {
		return fmt.Errorf("record a fleet: %w", err)
	}
	for _, text := range texts {
		hash := sum([]byte(text))
		if !strings.Contains(string(f.state), hash) {
			return fmt.Errorf("record a fleet: the state does not hold the hash of %s", text)
		}
		f.hashes[hash] = f.Renaming.compile([]byte(text))
	}
	return nil
}

func sum(text []byte) string {
	hash := sha256.Sum256(text)
	return hex.EncodeToString(hash[:])
}

// generated is how ids look that AWS, or Terraform, makes up: of KMS keys and
// states, of API Gateway, of IAM.
var generated = regexp.MustCompile(`^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z0-9]{10}|A[A-Z0-9]{20})$`)

// ids are the made-up ids in a state, each once.
func ids(state []byte) ([]string, error) {
	var s struct {
		Lineage   string `json:"lineage"`
		Resources []struct {
			Mode      string `json:"mode"`
			Instances []struct {
				Attributes map[string]any `json:"attributes"`
			} `json:"instances"`
		} `json:"resources"`
	}
	if err := json.Unmarshal(state, &s); err != nil {
		return nil, err
	}
	found := []string{s.Lineage}
	for _, resource := range s.Resources {
		if resource.Mode != "managed" {
			continue
		}
		for _, instance := range resource.Instances {
			for name, value := range instance.Attributes {
				id, ok := value.(string)
				if ok && (name == "id" || strings.HasSuffix(name, "_id")) && generated.MatchString(id) {
					found = append(found, id)
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// NewStack makes a stack of the fleet in dst, which must not exist: a folder
// with the source, initialised, and a state of its own. With an account its
// provider is configured with that account's key. Runs no Terraform; takes
// milliseconds. The stack is bound to no cloud: see Stack.With.
func (f *Fleet) NewStack(dst string, n Number) (*Stack, error) {
	if n.Stack > MaxNumber || n.Account > MaxNumber {
		return nil, fmt.Errorf("stack %d of account %d: the largest number is %d", n.Stack, n.Account, MaxNumber)
	}
	s, err := newStack(f.Stack.tools, nil, f.Stack.Dir, dst, notSource)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		os.Symlink(filepath.Join(f.Stack.Dir, ".terraform"), filepath.Join(s.Dir, ".terraform")),
		os.WriteFile(filepath.Join(s.Dir, "terraform.tfvars"), f.Renaming.Rename([]byte(f.source.Variables), n), 0o600),
		os.WriteFile(filepath.Join(s.Dir, "terraform.tfstate"), f.stateOf(n), 0o600))
	if n.Account != None {
		err = errors.Join(err, os.WriteFile(filepath.Join(s.Dir, "account_override.tf"), accountOverride(n.Account), 0o600))
	}
	if err != nil {
		return nil, fmt.Errorf("new stack of a fleet: %w", errors.Join(err, s.Remove()))
	}
	return s, nil
}

// stateOf is the state of a stack.
func (f *Fleet) stateOf(n Number) []byte {
	state := f.Renaming.Rename(f.state, n)
	for hash, text := range f.hashes {
		state = []byte(strings.ReplaceAll(string(state), hash, sum(text.render(n))))
	}
	return state
}

func accountOverride(account int) []byte {
	return fmt.Appendf(nil, "provider \"aws\" {\n  access_key = %q\n  secret_key = \"test\"\n}\n", AccessKey(account))
}

// Widen makes a stack whose one resource with count = 1 has items instances
// instead, numbered as stacks are, each with names and ids of its own. The
// variable "items" says how many.
func (f *Fleet) Widen(dst string, items int) (*Stack, error) {
	s, err := f.NewStack(dst, Number{0, None})
	if err != nil {
		return nil, err
	}
	state, err := f.widened(items)
	if err == nil {
		err = errors.Join(
			os.WriteFile(filepath.Join(s.Dir, "terraform.tfvars"), fmt.Appendf(nil, "items = %d\n", items), 0o600),
			os.WriteFile(s.StateFile(), state, 0o600))
	}
	if err != nil {
		return nil, fmt.Errorf("widen a stack: %w", errors.Join(err, s.Remove()))
	}
	return s, nil
}

func (f *Fleet) widened(items int) ([]byte, error) {
	var state map[string]any
	if err := decodeNumbers(f.state, &state); err != nil {
		return nil, err
	}
	resources, _ := state["resources"].([]any)
	if len(resources) != 1 {
		return nil, fmt.Errorf("it has %d resources, not one", len(resources))
	}
	resource, _ := resources[0].(map[string]any)
	instances, _ := resource["instances"].([]any)
	if len(instances) != 1 {
		return nil, fmt.Errorf("it has %d instances, not one", len(instances))
	}
	text, err := json.Marshal(instances[0])
	if err != nil {
		return nil, err
	}
	instance, many := f.Renaming.compile(text), make([]any, items)
	for i := range many {
		var one map[string]any
		if err := decodeNumbers(instance.render(Number{i, None}), &one); err != nil {
			return nil, err
		}
		one["index_key"] = i
		many[i] = one
	}
	resource["instances"] = many
	return json.MarshalIndent(state, "", "  ")
}

// DeviceTokens is the device-token example as a fleet's source; module is where
// it is. Its provider block puts the environment into default_tags, so every
// stack has a provider configuration of its own.
func DeviceTokens(module string) FleetSource {
	return FleetSource{Module: module, Variables: "environment = \"fleet0000\"\n", Mark: "fleet0000", Hashed: deploymentTrigger}
}

// SharedDeviceTokens is the same with default_tags that all stacks have in
// common: all stacks of an account have one provider configuration.
func SharedDeviceTokens(module string) FleetSource {
	source := DeviceTokens(module)
	source.Override = `provider "aws" {
  default_tags {
    tags = { ManagedBy = "terraform" }
  }
}
`
	return source
}

// deploymentTrigger is the text whose hash triggers the example's deployment:
// see aws_api_gateway_deployment.device_tokens in its apigateway.tf.
func deploymentTrigger(state []byte) ([]string, error) {
	var s struct {
		Resources []struct {
			Type      string `json:"type"`
			Instances []struct {
				Attributes struct {
					URI        string `json:"uri"`
					ResourceID string `json:"resource_id"`
				} `json:"attributes"`
			} `json:"instances"`
		} `json:"resources"`
	}
	if err := json.Unmarshal(state, &s); err != nil {
		return nil, err
	}
	for _, resource := range s.Resources {
		if resource.Type == "aws_api_gateway_integration" && len(resource.Instances) > 0 {
			of := resource.Instances[0].Attributes
			return []string{fmt.Sprintf(`{"authorization":"AWS_IAM","integration":%q,"methods":["DELETE","POST"],"resource":%q,"user_pools":[]}`,
				of.URI, of.ResourceID)}, nil
		}
	}
	return nil, errors.New("the state has no aws_api_gateway_integration")
}

// Wide is a stack with as many log groups as one asks Fleet.Widen for. root is
// the repository's root folder.
func Wide(root string) FleetSource {
	return FleetSource{Module: filepath.Join(root, "internal", "lab", "testdata", "wide"), Variables: "items = 1\n", Mark: "item0000"}
}
