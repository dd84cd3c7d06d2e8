package drift

// Step is what a plan would do to one resource instance or output.
type Step struct {
	Address string
	Action  string // create, update, replace, delete, forget, import, move; accept
	// Changes are those of the finding: what is live becomes what is expected, or
	// the other way round where it is accepted.
	Changes []Change
	Beyond  []string // paths that it would change besides; no values
	// Unsaid are paths of something that is created again which the code leaves to
	// the provider, and which had a value.
	Unsaid []string
}

// Refusal is a reason for which nothing is done. It holds no values of resources.
type Refusal struct {
	Address string // of a resource instance or output; "" is the stack as a whole
	Path    string // "" is the whole of it
	Why     string
	Next    string // what to do now; "" where that goes without saying
}

// String is the refusal on one line.
func (r Refusal) String() string {
	text := r.Address
	if r.Path != "" {
		text += " " + r.Path
	}
	if text != "" {
		text += ": "
	}
	text += r.Why
	if r.Next != "" {
		text += "; " + r.Next
	}
	return text
}

// Protection says what Holdfast must never revert. All that it names
// must match.
type Protection struct {
	Address Pattern // of resource instances; "" for all
	Type    string  // of resources, with * for any characters; "" for all
	Reason  string
}

// Protects reports whether a finding's resource is meant.
func (p Protection) Protects(f Finding) bool {
	return IgnoreRule{Address: p.Address, Type: p.Type}.matches(&f)
}

// RelatedPaths is Related for paths as FormatPath writes them.
func RelatedPaths(a, b string) bool { return Covers(a, b) || Covers(b, a) }

// Fate is what a look makes of a finding that somebody has begun to resolve.
type Fate struct {
	Known bool // the look tells
	Gone  bool // and the drift is gone, by nothing else that the look knows of
	// Left says what there is instead, or why the look doesn't tell; for people and
	// without values. "" where the drift is gone.
	Left string
}

// errorAt is what a check could not do, about an address or all of the stack.
func (s Stack) errorAt(address string) string {
	for _, e := range s.Errors {
		if e.Address == "" || Covers(e.Address, address) {
			return e.Message
		}
	}
	return "the stack's check ended as " + string(s.Status)
}

// Fate looks for a finding. An uncertain one, or one that was not looked at, tells
// nothing.
func (l Look) Fate(f Finding) Fate {
	for _, now := range l.Stack.Findings {
		if now.ID == f.ID {
			if now.Certainty != Certain {
				return Fate{Left: "whether the drift is still there is not certain: " + now.Doubt}
			}
			return Fate{Known: true, Left: "the drift is still there, " + now.What()}
		}
	}
	if !l.gone(f.Address) {
		return Fate{Left: "it could not be looked at: " + l.Stack.errorAt(f.Address)}
	}
	for _, p := range l.Stack.Pending {
		if p.Address == f.Address {
			return Fate{Known: true, Left: "the state and reality agree, and the code says otherwise: the drift is in the state now, or the code has changed; terraform plan shows which"}
		}
	}
	if why := l.why(f); why != "" {
		return Fate{Known: true, Left: "the drift is not there any more, but " + why}
	}
	return Fate{Known: true, Gone: true}
}
