package drift

import "fmt"

// The codes of integrity faults. docs/integrity.md says what each means, and the
// way out.
const (
	FaultUnreadable     = "state_unreadable"
	FaultDigest         = "state_digest_mismatch"
	FaultLineage        = "lineage_changed"
	FaultSerial         = "serial_back"
	FaultEmptied        = "state_emptied"
	FaultShrunk         = "state_shrunk"
	FaultTwoStacks      = "state_in_two_stacks"
	FaultCopied         = "state_copied"
	FaultDuplicate      = "duplicate_instance"
	FaultShared         = "shared_object"
	FaultSharedStacks   = "object_in_two_stacks"
	FaultNoID           = "missing_id"
	FaultTainted        = "tainted_object"
	FaultDeposed        = "deposed_object"
	FaultDependency     = "dangling_dependency"
	FaultLock           = "stale_lock"
	FaultTerraform      = "newer_terraform"
	FaultSchema         = "newer_schema"
	FaultNoSuchProvider = "unknown_provider"
)

// Fault is a kind of integrity fault.
type Fault struct {
	Code     string
	Severity Severity
	// Explains are the findings that come of it.
	Explains Explained
	// Short is what is wrong in a few words, of a fault that explains findings.
	Short string
}

// Explained says which findings come of a fault.
type Explained byte

// What faults explain.
const (
	ExplainsNone    Explained = iota
	ExplainsAddress           // those at its address and the related one
	ExplainsAll               // all of the stack
)

// faults are all kinds. Of two that explain a finding the earlier one is told.
var faults = []Fault{
	{FaultUnreadable, SeverityError, ExplainsAll, "it can't be read"},
	{FaultDigest, SeverityError, ExplainsAll, "it is not the one that was written last"},
	{FaultLineage, SeverityError, ExplainsAll, "another state took its place"},
	{FaultSerial, SeverityError, ExplainsAll, "an older state was put back"},
	{FaultEmptied, SeverityError, ExplainsAll, "all resources are gone from it"},
	{FaultCopied, SeverityError, ExplainsAll, "another stack has a copy of it"},
	{FaultDuplicate, SeverityError, ExplainsAddress, "it holds the instance twice"},
	{FaultShared, SeverityError, ExplainsAddress, "two addresses hold the same object"},
	{FaultSharedStacks, SeverityError, ExplainsAddress, "another stack holds the same object"},
	{FaultNoID, SeverityError, ExplainsAddress, "it holds no id of the object"},
	// Whoever applies one of the two stacks writes the state that both have.
	{FaultTwoStacks, SeverityError, ExplainsNone, ""},
	{FaultShrunk, SeverityWarning, ExplainsNone, ""},
	{FaultTainted, SeverityWarning, ExplainsNone, ""},
	{FaultDeposed, SeverityWarning, ExplainsNone, ""},
	{FaultLock, SeverityWarning, ExplainsNone, ""},
	{FaultTerraform, SeverityWarning, ExplainsNone, ""},
	{FaultSchema, SeverityWarning, ExplainsNone, ""},
	{FaultNoSuchProvider, SeverityWarning, ExplainsNone, ""},
	{FaultDependency, SeverityInfo, ExplainsNone, ""},
}

// Faults lists all kinds of integrity faults.
func Faults() []Fault { return append([]Fault(nil), faults...) }

// faultOf is the kind with a code. One that nobody knows is an error, lest it be
// passed over.
func faultOf(code string) Fault {
	for _, f := range faults {
		if f.Code == code {
			return f
		}
	}
	return Fault{Code: code, Severity: SeverityError}
}

// Unsound is an integrity fault of the kind with this code. The address is empty
// where it concerns the whole state.
func Unsound(code, address, format string, args ...any) Integrity {
	return Integrity{Code: code, Severity: faultOf(code).Severity, Address: address, Message: fmt.Sprintf(format, args...)}
}
