package drift

import (
	"fmt"
	"strings"
)

// Selection is a part of the resource instances of a stack: --target and
// --exclude. Each is the address of an instance, of a resource with all its
// instances, or of a module with all that is in it. The zero value is all.
type Selection struct{ Targets, Excludes []string }

// Check refuses what is no address.
func (s Selection) Check() error {
	for _, list := range [][]string{s.Targets, s.Excludes} {
		for _, address := range list {
			_, err := ParseAddress(address)
			if _, moduleErr := ParseModule(address); err != nil && (moduleErr != nil || address == "") {
				return fmt.Errorf("%q is not the address of a resource or module, such as aws_iam_role.app or module.network", address)
			}
		}
	}
	return nil
}

// Has reports whether an instance address is selected.
func (s Selection) Has(address string) bool {
	covers := func(list []string) bool {
		for _, of := range list {
			if Covers(of, address) {
				return true
			}
		}
		return false
	}
	return (len(s.Targets) == 0 || covers(s.Targets)) && !covers(s.Excludes)
}

// Covers reports whether an address is another one, or belongs to it: an instance
// to its resource, anything to its module.
func Covers(of, address string) bool {
	rest, ok := strings.CutPrefix(address, of)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
