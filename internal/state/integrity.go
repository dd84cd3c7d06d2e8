package state

import (
	"fmt"

	"holdfast/internal/drift"
)

// Integrity lists what about the state itself a reader of a result must know:
// objects that are marked to be replaced or destroyed, and two entries for one
// address.
func (s *State) Integrity() []drift.Integrity {
	var faults []drift.Integrity
	seen := map[string]bool{}
	for _, inst := range s.Instances {
		if inst.Address.Mode != drift.Managed {
			continue
		}
		addr := inst.Address.String()
		switch {
		case inst.Deposed != "":
			faults = append(faults, drift.Integrity{
				Code: "deposed_object", Severity: drift.SeverityWarning, Address: addr,
				Message: fmt.Sprintf("an older object (deposed %s) is still to be destroyed; the next apply does it", inst.Deposed),
			})
			continue
		case seen[addr]:
			faults = append(faults, drift.Integrity{
				Code: "duplicate_instance", Severity: drift.SeverityError, Address: addr,
				Message: "the state holds this instance twice; restore a state from before it was damaged",
			})
		case inst.Tainted:
			faults = append(faults, drift.Integrity{
				Code: "tainted_object", Severity: drift.SeverityWarning, Address: addr,
				Message: "the object is tainted: the next apply replaces it",
			})
		}
		seen[addr] = true
	}
	return faults
}
