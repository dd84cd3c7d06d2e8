package detect

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"holdfast/internal/drift"
	"holdfast/internal/drift/schema"
	"holdfast/internal/state"
)

// redactor takes secrets out of messages. What a provider says of an error, or
// writes when it dies, may quote what it was given.
type redactor struct {
	pass *pass

	mu    sync.Mutex
	once  sync.Once
	stack []string // of the state, the variables and the provider configurations
	forms []string // all of them, in every form in which one may be quoted
}

func newRedactor(p *pass) *redactor { return &redactor{pass: p} }

// shortest is the length from which a string counts as a secret: taking out
// shorter ones would only garble the message. Where a value is hidden because a
// secret of something else is in it, that one has to be longer.
const (
	shortest        = 4
	shortestForeign = 8
)

// longest is the length of a message, in bytes, that is shown.
const longest = 2000

// add makes a string a secret: itself, and each of its lines, because what a
// process writes is told line by line.
func (r *redactor) add(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for part := range strings.Lines(secret) {
		r.addForms(strings.TrimSpace(part))
	}
	r.addForms(secret)
}

func (r *redactor) addForms(secret string) {
	if len(secret) < shortest || slices.Contains(r.forms, secret) {
		return
	}
	r.forms = append(r.forms, secret)
	if flowing := strings.Join(strings.Fields(secret), " "); flowing != secret && len(flowing) >= shortest {
		r.forms = append(r.forms, flowing) // programs break long lines
	}
	escaped, _ := json.Marshal(secret)
	for _, quoted := range []string{string(escaped), asJSONText(secret), strconv.Quote(secret)} {
		if form := quoted[1 : len(quoted)-1]; !slices.Contains(r.forms, form) {
			r.forms = append(r.forms, form)
		}
	}
}

// asJSONText is a string as JSON has it whose writer leaves <, > and & alone.
func asJSONText(s string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(s) != nil {
		return `""`
	}
	return strings.TrimSpace(b.String())
}

func (r *redactor) addAll(secrets []string) {
	for _, secret := range secrets {
		r.add(secret)
	}
}

// addValue adds every string inside a value of the stack.
func (r *redactor) addValue(v cty.Value) {
	v, _ = v.UnmarkDeep()
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if isText(v) {
			r.addOfStack(v.AsString())
		}
		return true, nil
	})
}

func (r *redactor) addOfStack(secret string) {
	r.add(secret)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(secret) >= shortestForeign && !slices.Contains(r.stack, secret) {
		r.stack = append(r.stack, secret)
	}
}

// addSensitive adds what a schema calls sensitive in a value of it, and what
// stands at the given paths.
func (r *redactor) addSensitive(b *schema.Block, v cty.Value, paths []cty.Path) {
	for _, path := range paths {
		r.addValue(drift.ValueAt(v, path))
	}
	if b == nil {
		return
	}
	_ = cty.Walk(v, func(path cty.Path, v cty.Value) (bool, error) {
		if len(path) > 0 && isText(v) && b.SensitiveAt(path) {
			r.addValue(v)
		}
		return true, nil
	})
}

// ofStack lists the secrets of the stack that are long enough to be told from
// ordinary words, without those of the environment.
func (r *redactor) ofStack() []string {
	r.once.Do(r.collect)
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.stack)
}

// clean replaces what is known to be secret.
func (r *redactor) clean(message string) string {
	if message == "" {
		return message
	}
	r.once.Do(r.collect)
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.forms, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range r.forms {
		message = strings.ReplaceAll(message, secret, "(sensitive)")
	}
	if len(message) > longest {
		message = strings.ToValidUTF8(message[:longest], "") + " ..."
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
	for _, inst := range r.pass.state.Instances {
		r.collectInstance(inst)
	}
}

// knownBlock is the schema of an object of the state, nil where it is not at hand.
func (p *pass) knownBlock(inst state.Instance) *schema.Block {
	cached, ok := p.schemaCache.Load(inst.Provider.Provider)
	if !ok || cached.(*knownSchemas).err != nil {
		return nil
	}
	get := cached.(*knownSchemas).Resource
	if inst.Address.Mode == drift.Data {
		get = cached.(*knownSchemas).Data
	}
	sch, err := get(inst.Address.Type)
	if err != nil || sch == nil {
		return nil
	}
	return sch.Block
}

// collectInstance gathers those of an object of the state, by the schema if that
// is at hand already: no provider is started to write a message.
func (r *redactor) collectInstance(inst state.Instance) {
	block := r.pass.knownBlock(inst)
	for key, value := range inst.Flat {
		if block != nil && block.SensitiveAt(flatPath(key)) {
			r.addOfStack(value)
		}
	}
	ty, err := ctyjson.ImpliedType(inst.Attributes)
	if err != nil {
		return
	}
	if v, err := ctyjson.Unmarshal(inst.Attributes, ty); err == nil {
		r.addSensitive(block, v, inst.Sensitive)
	}
}

// flatPath is the path of a key such as "setting.0.password" of a state that
// Terraform before 0.12 wrote.
func flatPath(key string) cty.Path {
	var path cty.Path
	for part := range strings.SplitSeq(key, ".") {
		if _, err := strconv.Atoi(part); err != nil {
			path = append(path, cty.GetAttrStep{Name: part})
		}
	}
	return path
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
