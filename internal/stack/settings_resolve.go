package stack

import (
	"errors"
	"strings"

	"holdfast/internal/drift"
)

// Resolve says what Holdfast must not revert.
type Resolve struct {
	Never []Never `yaml:"never"`
}

// Never is a resource that is never reverted, and why.
type Never struct {
	Address Pattern `yaml:"address"`
	Type    string  `yaml:"type"`
	Reason  string  `yaml:"reason"`
}

func (n *Never) check() error {
	switch {
	case n.Address == "" && n.Type == "":
		return errors.New("an entry of never needs an address or a type; * stands for any characters")
	case strings.TrimSpace(n.Reason) == "":
		return errors.New("an entry of never needs a reason")
	}
	return nil
}

// Protections are all entries, as package drift applies them.
func (r Resolve) Protections() []drift.Protection {
	var list []drift.Protection
	for _, n := range r.Never {
		list = append(list, drift.Protection{Address: drift.Pattern(n.Address), Type: n.Type, Reason: n.Reason})
	}
	return list
}
