package drift

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// idLength is how many hexadecimal digits identify a finding: 48 bits, so that
// among a million findings a collision is a one in five hundred chance.
const idLength = 12

// FindingID is the same for the same drift tomorrow and on another machine: it
// depends on the state's lineage, the address and the kind alone.
func FindingID(lineage, address string, kind Kind) string {
	return digest(lineage, address, string(kind))[:idLength]
}

// StackID tells stacks apart: two folders, workspaces or states are two stacks.
func StackID(path, workspace string) string {
	return digest("stack", path, workspace)[:idLength]
}

// NamedStackID tells the stacks of one root module and workspace apart by the
// names that the settings give them. Without a name it is StackID.
func NamedStackID(path, workspace, name string) string {
	if name == "" {
		return StackID(path, workspace)
	}
	return digest("stack", path, workspace, name)[:idLength]
}

func digest(parts ...string) string {
	h := sha256.New()
	writeParts(h, parts...)
	return hex.EncodeToString(h.Sum(nil))
}

func writeParts(w io.Writer, parts ...string) {
	for _, part := range parts {
		fmt.Fprintf(w, "%d:%s", len(part), part)
	}
}

// Revision changes with the drifted paths and values of a finding. It covers
// sensitive values too, so it is keyed: whoever doesn't have the key can't
// try out values against it. The caller derives the key from what only the
// state holds.
func Revision(key []byte, kind Kind, changes []RawChange) string {
	h := hmac.New(sha256.New, key)
	writeParts(h, string(kind))
	for _, c := range changes {
		writeParts(h, c.Path, c.Actual)
	}
	return hex.EncodeToString(h.Sum(nil))[:idLength]
}

// RawChange is a path and its live value in JSON, sensitive or not. It never
// leaves the process.
type RawChange struct{ Path, Actual string }

// MatchesID reports whether s is the finding's id or a start of it of at least
// four digits.
func (f Finding) MatchesID(s string) bool {
	return len(s) >= 4 && strings.HasPrefix(f.ID, s)
}
