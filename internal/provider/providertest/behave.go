package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// behaveKey is where an object's file says how calls about it behave.
const behaveKey = "$behave"

// reply is what a behaviour does to an answer.
type reply struct {
	diags []*tfprotov6.Diagnostic
	shape string  // how its value is spoilt
	pad   float64 // megabytes
}

// failed reports whether the answer is only diagnostics.
func (r reply) failed() bool {
	for _, d := range r.diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			return true
		}
	}
	return false
}

// asked is the behaviour that was set for a call: for the object, the method
// and type, or the method.
func (e *engine) asked(method, typeName string, object map[string]any) string {
	var ofObject map[string]string
	if raw, err := json.Marshal(object[behaveKey]); err == nil {
		_ = json.Unmarshal(raw, &ofObject)
	}
	var ofWorld map[string]string
	if src, err := os.ReadFile(filepath.Join(e.folder(), "behave.json")); err == nil {
		_ = json.Unmarshal(src, &ofWorld)
	}
	e.mu.Lock()
	ofConfig := e.behaviour
	e.mu.Unlock()
	for _, found := range []string{
		ofObject[method], ofWorld[method+" "+typeName], ofConfig[method+" "+typeName], ofWorld[method], ofConfig[method],
	} {
		if found != "" {
			return found
		}
	}
	return ""
}

// steps takes a behaviour apart.
func steps(behaviour string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for step := range strings.SplitSeq(behaviour, ";") {
			what, argument, _ := strings.Cut(step, ":")
			if what != "" && !yield(what, argument) {
				return
			}
		}
	}
}

// act behaves as a call was told to. An error is the call's.
func (e *engine) act(ctx context.Context, method, typeName string, object map[string]any) (reply, error) {
	var r reply
	if e.strict && method != "GetProviderSchema" && !e.asking.Load() {
		r.diags = append(r.diags, &tfprotov6.Diagnostic{Severity: tfprotov6.DiagnosticSeverityError, Summary: method + " came before GetProviderSchema"})
	}
	for what, argument := range steps(e.asked(method, typeName, object)) {
		known, err := e.step(ctx, what, argument, &r)
		if err != nil {
			return r, err
		}
		if !known {
			r.shape = what
		}
	}
	return r, nil
}

// step does one thing of a behaviour, or does not know it.
func (e *engine) step(ctx context.Context, what, argument string, r *reply) (known bool, err error) {
	diagnose := func(severity tfprotov6.DiagnosticSeverity, summary, detail string, at *tftypes.AttributePath) {
		r.diags = append(r.diags, &tfprotov6.Diagnostic{Severity: severity, Summary: summary, Detail: detail, Attribute: at})
	}
	switch what {
	case "slow":
		seconds, _ := strconv.ParseFloat(argument, 64)
		select {
		case <-time.After(time.Duration(seconds * float64(time.Second))):
		case <-ctx.Done():
		}
	case "hang":
		select {}
	case "wait":
		return true, waitFor(ctx, argument)
	case "spawn":
		return true, e.spawn(argument == "detached")
	case "print":
		fmt.Fprintln(os.Stderr, argument)
	case "stderr":
		fmt.Fprintln(console, argument)
	case "exit":
		fmt.Fprintln(console, argument)
		os.Exit(3)
	case "panic":
		panic(argument)
	case "fail":
		return true, status.Error(codes.Unknown, argument)
	case "error":
		diagnose(tfprotov6.DiagnosticSeverityError, "It did not work", argument, tftypes.NewAttributePath().WithAttributeName("note"))
	case "warn":
		diagnose(tfprotov6.DiagnosticSeverityWarning, "It is a bit odd", argument, nil)
	case "denied":
		diagnose(tfprotov6.DiagnosticSeverityError, "reading the object", "operation error Test: GetObject, https response error StatusCode: 403, RequestID: 1, api error AccessDenied: User: arn:test:user/reader is not authorized to perform: test:GetObject", nil)
	case "pad":
		r.pad, err = strconv.ParseFloat(argument, 64)
		return true, err
	default:
		return false, nil
	}
	return true, nil
}

// waitFor waits for a file.
func waitFor(ctx context.Context, path string) error {
	for {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// answer encodes a value, spoilt as was asked for.
func answer(r reply, schema *tfprotov6.Schema, v tftypes.Value) (*tfprotov6.DynamicValue, error) {
	raw := func(b ...byte) (*tfprotov6.DynamicValue, error) { return &tfprotov6.DynamicValue{MsgPack: b}, nil }
	switch r.shape {
	case "garbage":
		return raw(0xc1, 0xff)
	case "other":
		return raw(0xa1, 'x')
	case "trailing":
		return raw(0xc0, 0xc0)
	case "null":
		return raw(0xc0)
	case "unknown":
		return raw(0xd4, 0, 0)
	case "empty":
		return raw()
	case "missing":
		return nil, nil
	case "json":
		attrs, err := toJSON(v, schema.ValueType())
		if err != nil {
			return nil, err
		}
		b, err := json.Marshal(attrs)
		return &tfprotov6.DynamicValue{JSON: b}, err
	case "", "deferred":
		dv, err := tfprotov6.NewDynamicValue(schema.ValueType(), v)
		return &dv, err
	}
	return nil, errors.New("the test provider knows no behaviour " + r.shape)
}

func (r reply) deferred() *tfprotov6.Deferred {
	if r.shape != "deferred" {
		return nil
	}
	return &tfprotov6.Deferred{Reason: tfprotov6.DeferredReasonAbsentPrereq}
}
