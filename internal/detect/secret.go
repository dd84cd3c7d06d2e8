package detect

import (
	"strings"

	"github.com/zclconf/go-cty/cty"

	"holdfast/internal/config"
	"holdfast/internal/drift"
)

// What of a resource must not be shown: what the schema, the state or the source
// calls sensitive, wherever else in the resource it turns up, and the keys of a
// map that is sensitive as a whole.

// sensitive reports whether the schema, the state or the source hides what is
// at path, or anything inside it.
func (r *reading) sensitive(path cty.Path) bool {
	if r.schema.Block.SensitiveAt(path) {
		return true
	}
	path = blurred(path)
	for _, hidden := range r.hidden() {
		if drift.Related(path, hidden) {
			return true
		}
	}
	return false
}

// hidden lists the paths that the state or the source calls sensitive.
func (r *reading) hidden() []cty.Path {
	var paths []cty.Path
	for _, path := range r.subject.inst.Sensitive {
		paths = append(paths, blurred(path))
	}
	for _, mark := range r.marks {
		if _, ok := mark.Marks[config.Sensitive]; ok {
			paths = append(paths, blurred(mark.Path))
		}
	}
	return paths
}

// blurred makes all places in a list one: an element that somebody puts in or
// takes out by hand moves the secret behind it.
func blurred(path cty.Path) cty.Path {
	out := path.Copy()
	for i, step := range out {
		if at, ok := step.(cty.IndexStep); ok && at.Key.Type() == cty.Number {
			out[i] = cty.IndexStep{Key: cty.Zero}
		}
	}
	return out
}

// cutAll cuts each path where what stands there is sensitive as a whole: the
// keys inside are part of the secret.
func (r *reading) cutAll(paths []cty.Path) []cty.Path {
	var out []cty.Path
	seen := map[string]bool{}
	for _, path := range paths {
		path = r.cut(path)
		if name := drift.FormatPath(path); !seen[name] {
			seen[name] = true
			out = append(out, path)
		}
	}
	return out
}

func (r *reading) cut(path cty.Path) cty.Path {
	hidden := r.hidden()
	for i, step := range path {
		key, _ := step.(cty.IndexStep)
		if key.Key == cty.NilVal || key.Key.Type() != cty.String {
			continue
		}
		above := path[:i]
		if r.schema.Block.Hides(above) || within(blurred(above), hidden) {
			return above
		}
	}
	return path
}

// within reports whether path is, or is inside, one of the others.
func within(path cty.Path, others []cty.Path) bool {
	for _, other := range others {
		if len(other) <= len(path) && drift.Related(path, other) {
			return true
		}
	}
	return false
}

// secrets are strings that must not be shown.
type secrets []string

// secrets are the strings at sensitive places of the resource, as it was
// applied, as it is and as the source has it, and those of the whole stack.
func (r *reading) secrets() secrets {
	found := r.pass.redact.ofStack()
	for _, v := range []cty.Value{r.applied, r.live, r.value} {
		if v == cty.NilVal {
			continue
		}
		_ = cty.Walk(v, func(path cty.Path, v cty.Value) (bool, error) {
			if isText(v) && len(v.AsString()) >= shortest && r.isSecret(path) {
				found = append(found, v.AsString())
			}
			return true, nil
		})
	}
	return found
}

// isSecret is sensitive for a string itself. A set is hidden as a whole, whatever
// in it is the reason: what else it holds is no secret elsewhere.
func (r *reading) isSecret(path cty.Path) bool {
	for _, step := range path {
		if at, ok := step.(cty.IndexStep); ok && at.Key.Type() != cty.String && at.Key.Type() != cty.Number {
			return r.schema.Block.SensitiveAt(path)
		}
	}
	return r.sensitive(path)
}

// in reports whether one of them is in a string inside v.
func (s secrets) in(v cty.Value) bool {
	found := false
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if isText(v) {
			for _, secret := range s {
				found = found || strings.Contains(v.AsString(), secret)
			}
		}
		return !found, nil
	})
	return found
}

func isText(v cty.Value) bool { return v.Type() == cty.String && v.IsKnown() && !v.IsNull() }
