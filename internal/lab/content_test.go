package lab_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/lab"
)

// TestContent finds what a call has changed, and nothing else, in the emulator
// that it was made to.
func TestContent(t *testing.T) {
	t.Parallel()
	emulator, err := lab.Start(t.Context(), lab.Need(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { emulator.Close() })
	call := func(e *lab.Emulator, method string, params map[string]any) {
		t.Helper()
		if _, err := e.Call(t.Context(), lab.Call{Service: "sqs", Method: method, Params: params}); err != nil {
			t.Fatal(err)
		}
	}
	content := func(e *lab.Emulator) map[string]string {
		t.Helper()
		c, err := e.Content(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	call(emulator, "create_queue", map[string]any{"QueueName": "one"})
	call(emulator, "create_queue", map[string]any{"QueueName": "two"})
	before := content(emulator)
	fork, err := emulator.Fork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	call(fork, "set_queue_attributes", map[string]any{"QueueUrl": fork.URL() + "/123456789012/one", "Attributes": map[string]any{"VisibilityTimeout": "77"}})
	if !maps.Equal(before, content(emulator)) {
		t.Error("the content changes by being looked at, or by what is done to a fork")
	}
	after := content(fork)
	var changed []string
	for path, value := range after {
		if before[path] != value {
			changed = append(changed, path+"="+value)
		}
	}
	is := func(part string) bool {
		return slices.ContainsFunc(changed, func(c string) bool { return strings.Contains(c, part) })
	}
	if !is("77") || slices.ContainsFunc(changed, func(c string) bool { return strings.Contains(c, "/two") }) {
		t.Errorf("changed: %q", changed)
	}
}
