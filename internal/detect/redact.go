package detect

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/provider"
)

// redactor takes secrets out of messages. What a provider says of an error, or
// writes when it dies, may quote what it was given.
type redactor struct {
	pass *pass

	mu      sync.Mutex
	once    sync.Once
	secrets []string
}

func newRedactor(p *pass) *redactor { return &redactor{pass: p} }

// shortest is the length from which a string counts as a secret: taking out
// shorter ones would only garble the message.
const shortest = 4

func (r *redactor) add(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(secret) < shortest {
		return
	}
	quoted, _ := json.Marshal(secret)
	// Programs break long lines.
	flowing := strings.Join(strings.Fields(secret), " ")
	for _, form := range []string{secret, strings.Trim(string(quoted), `"`), flowing} {
		if len(form) >= shortest && !slices.Contains(r.secrets, form) {
			r.secrets = append(r.secrets, form)
		}
	}
}

// addValue adds every string inside a value.
func (r *redactor) addValue(v cty.Value) {
	v, _ = v.UnmarkDeep()
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
			r.add(v.AsString())
		}
		return true, nil
	})
}

// clean replaces what is known to be secret.
func (r *redactor) clean(message string) string {
	if message == "" {
		return message
	}
	r.once.Do(r.collect)
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range r.secrets {
		message = strings.ReplaceAll(message, secret, "(sensitive)")
	}
	return message
}

// collect gathers the secrets of the stack: of the environment, the state and
// the variables.
func (r *redactor) collect() {
	for _, entry := range r.pass.stack.Env {
		if name, value, ok := strings.Cut(entry, "="); ok && secretName(name) {
			r.add(value)
		}
	}
	for _, v := range r.pass.eval.SensitiveVariables() {
		r.addValue(v)
	}
	for _, s := range r.pass.subjects {
		r.collectInstance(s)
	}
}

func (r *redactor) collectInstance(s *subject) {
	ty, err := ctyjson.ImpliedType(s.inst.Attributes)
	if err != nil {
		return
	}
	v, err := ctyjson.Unmarshal(s.inst.Attributes, ty)
	if err != nil {
		return
	}
	for _, path := range s.inst.Sensitive {
		r.addValue(drift.ValueAt(v, path))
	}
	sch := r.schemaOf(s)
	if sch == nil {
		return
	}
	_ = cty.Walk(v, func(path cty.Path, v cty.Value) (bool, error) {
		if len(path) > 0 && v.Type() == cty.String && sch.Block.SensitiveAt(path) {
			r.addValue(v)
		}
		return true, nil
	})
}

// schemaOf is the schema of a subject's type, where its provider's schemas are
// at hand.
func (r *redactor) schemaOf(s *subject) *schema.Schema {
	var schemas *provider.Schemas
	if s.lease != nil && s.lease.lease != nil {
		schemas = s.lease.lease.Schemas
	} else if cached, ok := r.pass.schemaCache.Load(s.inst.Provider.Provider); ok {
		schemas = cached.(*provider.Schemas)
	} else {
		return nil
	}
	sch, err := schemas.Resource(s.inst.Address.Type)
	if err != nil {
		return nil
	}
	return sch
}

// secretName reports whether an environment variable holds a credential.
func secretName(name string) bool {
	name = strings.ToUpper(name)
	for _, part := range []string{"SECRET", "TOKEN", "PASSWORD", "PASSWD", "PRIVATE_KEY", "CREDENTIAL", "API_KEY", "ACCESS_KEY"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
