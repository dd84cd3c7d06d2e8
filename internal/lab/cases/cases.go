// Package cases are changes behind Terraform's back, and the verdict that Holdfast
// must give on each. Tests alone use it.
package cases

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	"holdfast/internal/lab"
)

// A Case is one change to a freshly applied stack, and the verdict that
// Holdfast must give on it. The verdicts were written by hand from what AWS and
// the provider do, then compared with `terraform plan`; where the hand was wrong
// the note says so.
type Case struct {
	Name  string
	Class string // one of Classes
	Stack string // "features" or "device-tokens"

	Terraform []string   // arguments of one terraform command, run first
	Calls     []lab.Call // then what somebody does by hand; see Call below
	Edits     []Edit     // and what somebody writes into the code without applying it

	Want     []Verdict     // the findings, all of them, in any order
	Observed []Observation // must be among what is observed, each with exactly these paths
	Adopted  []Observation // must be among what is adopted, each with exactly these paths
	Pending  []string      // addresses that must be among what is pending

	// refreshOnly is how many drifted resources `terraform plan -refresh-only`
	// lists here, all of them noise. Set in the controls.
	RefreshOnly int

	// beyondPlan says why `terraform plan`, read by the rule of the design (what
	// differs both in resource_drift and in resource_changes), is wrong here, and
	// agrees only without what SameInWhole (package verdict) leaves out. Empty in
	// nearly all cases: the rule gives this very verdict.
	BeyondPlan string

	Alone bool // it touches too much to share a plan with others

	Note string // why the verdict is this one
}

// A Verdict is one expected finding. For a `moved` block that is not applied yet,
// the address is the new one, as in a plan.
//
// Paths are Terraform's notation, at the depth where the two values part: a map's
// keys and a list's elements have paths of their own (null is an empty one), and a
// key or element that only one side has is one path. A set is one path.
type Verdict struct {
	Address   string
	Kind      string // "modified" or "deleted"
	Paths     []string
	Sensitive []string // those of paths whose values must not be shown
	Replace   []string // those of paths for which a revert replaces the resource
}

// An Observation is a live value that differs from the last-applied one without
// being drift, because a plan would not put it back.
type Observation struct {
	Address string
	Paths   []string
}

// An Edit changes one file of the stack: it replaces old, which occurs in it
// exactly once, or appends text to it, creating it where it doesn't exist.
type Edit struct {
	File     string // slash-separated, relative to the stack's folder
	Old, New string
	Text     string
}

// Classes are the names of classes, each with what it is about.
var Classes = map[string]string{
	"adopted":    "the code was edited to say what is live",
	"computed":   "optional and computed, set by the source (counts) or not (does not)",
	"control":    "nothing was changed",
	"deletion":   "something was deleted",
	"dynamic":    "dynamic blocks, with elements and without",
	"evaluation": "the verdict depends on evaluating the source right",
	"ignore":     "lifecycle ignore_changes",
	"import":     "import blocks",
	"json":       "JSON in strings, rewritten or really changed",
	"module":     "resources in modules",
	"moved":      "moved blocks and implied moves, not applied yet",
	"multiple":   "several resources changed",
	"nested":     "nested blocks",
	"noise":      "ordinary use, which is not drift",
	"orphan":     "in the state, no longer in the code",
	"pending":    "code changed and not applied, with and without drift",
	"plain":      "plain attributes",
	"region":     "the second region, through a provider alias",
	"removed":    "removed blocks",
	"sensitive":  "values that must never be shown",
	"sets":       "sets, and sets of blocks",
	"state-func": "attributes the state keeps as a hash",
	"tags":       "tags and default tags",
	"tainted":    "tainted resources",
	"unset":      "the source doesn't set it, or sets it to null",
}

// Params are the arguments of a call.
type Params = map[string]any

// List is a list in them.
type List = []any

// Call is an AWS API call as boto3 spells it, in the stack's own region. Strings
// anywhere in p may hold placeholders: ${ADDRESS.PATH} stands for that value in the
// state, where ADDRESS is a resource instance's whole address and PATH an
// attribute's name, or a path such as root_block_device[0].volume_id.
func Call(service, method string, p Params) lab.Call {
	return lab.Call{Service: service, Method: method, Region: "us-east-1", Params: p}
}

func callWest(service, method string, p Params) lab.Call {
	return lab.Call{Service: service, Method: method, Region: "us-west-2", Params: p}
}

// setQueue sets attributes of one of module.queue's queues. It sends the policy
// along, because the emulator forgets it otherwise; AWS does not.
func setQueue(key string, attributes Params) lab.Call {
	module := fmt.Sprintf("module.queue[%q]", key)
	all := Params{"Policy": "${" + module + ".aws_sqs_queue_policy.this[0].policy}"}
	maps.Copy(all, attributes)
	return Call("sqs", "set_queue_attributes", Params{"QueueUrl": "${" + module + ".aws_sqs_queue.this.url}", "Attributes": all})
}

// encoded is a script as ModifyInstanceAttribute takes it from boto3 here: the
// emulator decodes what boto3 has encoded, and wants it encoded still.
func encoded(script string) string {
	return base64.StdEncoding.EncodeToString([]byte(script))
}

func replaceIn(file, old, with string) Edit {
	return Edit{File: file, Old: old, New: with}
}

func appendTo(file, text string) Edit {
	return Edit{File: file, Text: text}
}

func modified(address string, paths ...string) Verdict {
	return Verdict{Address: address, Kind: "modified", Paths: paths}
}

func deleted(address string) Verdict {
	return Verdict{Address: address, Kind: "deleted"}
}

func (v Verdict) hiding(paths ...string) Verdict {
	v.Sensitive = paths
	return v
}

func (v Verdict) replacing(paths ...string) Verdict {
	v.Replace = paths
	return v
}

func seen(address string, paths ...string) Observation {
	return Observation{Address: address, Paths: paths}
}

// All are the cases of both stacks.
var All = slices.Concat(featuresCases, deviceTokensCases)
