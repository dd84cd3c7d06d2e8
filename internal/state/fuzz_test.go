package state_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/drift"
	"holdfast/internal/state"
)

// FuzzDecode: nothing panics, and what decodes, decodes to the same once its
// JSON has been written anew.
func FuzzDecode(f *testing.F) {
	seeds, err := filepath.Glob(filepath.Join("testdata", "*.tfstate"))
	if err != nil || len(seeds) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range seeds {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := state.Decode(src)
		if err != nil {
			if !errors.Is(err, state.ErrFormat) || s != nil {
				t.Fatalf("%+v, %v", s, err)
			}
			return
		}
		examine(t, src)
		rewritten, ok := rewrite(t, src)
		if !ok {
			return
		}
		again, err := state.Decode(rewritten)
		if err != nil {
			t.Fatalf("written anew it does not decode: %v\n%s", err, rewritten)
		}
		compact(t, s)
		compact(t, again)
		equalStates(t, again, s)
	})
}

// rewrite reads JSON and writes it: other whitespace, keys sorted, other escapes.
// False where an object has a key twice, in whatever case: the last one counts
// then, and that is not the same one any more.
func rewrite(t *testing.T, src []byte) ([]byte, bool) {
	t.Helper()
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	if repeats(t, json.NewDecoder(bytes.NewReader(src))) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(src))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	out, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	return out, true
}

// repeats reports whether an object in the JSON has a key twice.
func repeats(t *testing.T, dec *json.Decoder) bool {
	t.Helper()
	type level struct {
		keys  map[string]bool // nil in a list
		value bool            // the next token is a value
	}
	var open []level
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		var top *level
		if len(open) > 0 {
			top = &open[len(open)-1]
		}
		if key, ok := token.(string); ok && top != nil && top.keys != nil && !top.value {
			key = strings.ToUpper(strings.ToLower(key))
			if top.keys[key] {
				return true
			}
			top.keys[key], top.value = true, true
			continue
		}
		if top != nil {
			top.value = false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{keys: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
	}
}

// compact writes the raw JSON in a state in one way.
func compact(t *testing.T, s *state.State) {
	t.Helper()
	for i := range s.Instances {
		for _, raw := range []*json.RawMessage{&s.Instances[i].Attributes, &s.Instances[i].Identity} {
			if *raw == nil {
				continue
			}
			dec := json.NewDecoder(bytes.NewReader(*raw))
			dec.UseNumber()
			var v any
			if err := dec.Decode(&v); err != nil {
				t.Fatal(err)
			}
			out, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			*raw = out
		}
	}
}

// examine asks of a state all that is asked of its integrity.
func examine(t *testing.T, src []byte) {
	t.Helper()
	s, err := state.Decode(src)
	if err != nil {
		t.Fatal(err)
	}
	no := func(string) bool { return false }
	s.Integrity(state.Code{Declares: no, Uses: no, Versions: []string{"~> 1.0"}})
	overlap := &state.Overlap{}
	overlap.Add(drift.StackRef{ID: "a"}, "a", s)
	overlap.Add(drift.StackRef{ID: "b"}, "b", s)
	overlap.Faults()
}
