package provider

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/provider/plugin"
	"holdfast/internal/provider/providertest"
)

// TestNoChangingMethod holds the table of what can be called to the list of
// what only reads.
func TestNoChangingMethod(t *testing.T) {
	t.Parallel()
	reading := map[string]bool{
		"GetSchema": true, "GetProviderSchema": true, "GetResourceIdentitySchemas": true, "Configure": true, "ConfigureProvider": true,
		"UpgradeResourceState": true, "UpgradeResourceIdentity": true, "ReadResource": true, "PlanResourceChange": true,
		"ReadDataSource": true, "Stop": true, "StopProvider": true,
	}
	if len(protocols) != 2 {
		t.Errorf("there are %d protocols", len(protocols))
	}
	for protocol, table := range protocols {
		fields := reflect.ValueOf(table)
		for _, field := range fields.Fields() {
			service, method, _ := strings.Cut(strings.TrimPrefix(field.String(), "/"), "/")
			if !reading[method] || service != "tfplugin"+string(rune('0'+protocol))+".Provider" {
				t.Errorf("protocol %d can call %s", protocol, field)
			}
		}
	}
}

// changing are words that a call which changes something has in its name.
var changing = regexp.MustCompile(`(?i)apply|import|move(resource|_resource)|destroy_|invoke|openephemeral|generateresource`)

// TestNoChangingMessage looks for such a call in our definition of the
// protocol, in what is generated from it, and in the sources that make calls.
func TestNoChangingMessage(t *testing.T) {
	t.Parallel()
	proto, err := os.ReadFile("plugin/plugin.proto")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(proto)) {
		code, _, _ := strings.Cut(line, "//")
		if changing.MatchString(code) && !strings.Contains(code, "move_resource_state = 3") && !strings.HasPrefix(code, "import ") {
			t.Errorf("plugin.proto: %s", line)
		}
	}
	messages := plugin.File_plugin_proto.Messages()
	for i := range messages.Len() {
		if name := string(messages.Get(i).Name()); changing.MatchString(name) {
			t.Errorf("there is a message %s", name)
		}
	}
	if n := plugin.File_plugin_proto.Services().Len(); n != 0 {
		t.Errorf("%d services are defined: each has a client with methods", n)
	}
	client := reflect.TypeFor[*Client]()
	for method := range client.Methods() {
		if name := method.Name; changing.MatchString(name) {
			t.Errorf("the client has the method %s", name)
		}
	}
}

// TestRecordKnowsChanges makes sure that the test provider would notice: it
// records a call that changes something, and takes it for one.
func TestRecordKnowsChanges(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, r *rig) {
		c := r.start()
		service := "/tfplugin" + string(rune('0'+r.protocol)) + ".Provider/"
		for _, method := range []string{"ApplyResourceChange", "ImportResourceState", "MoveResourceState"} {
			// What it answers to an empty request does not matter.
			_ = c.call(t.Context(), service+method, &plugin.Empty{}, &plugin.Empty{})
			r.world.AwaitCall(t, method, 1)
		}
		var found int
		for _, call := range r.world.Calls(t) {
			if call.Changes() {
				found++
			}
		}
		if found != 3 {
			t.Errorf("%d of 3 calls are taken for changes", found)
		}
		if (providertest.Call{Method: "SomethingNew"}).Changes() == false {
			t.Error("a call that nobody knows is taken for a read")
		}
	})
}
