package drift

import "fmt"

// shrunk is how many objects may go from a state between two checks without a
// word; and so may more, as long as a third stays.
const shrunk = 10

// CompareStates lists what is unsound about the state that a stack was checked
// against now, as against the one before. before comes from the history; a stack
// that could not be checked then or now says nothing.
func CompareStates(before, now Stack) []Integrity {
	var faults []Integrity
	add := func(code string, severity Severity, format string, args ...any) {
		faults = append(faults, Integrity{Code: code, Severity: severity, Message: fmt.Sprintf(format, args...)})
	}
	if before.State.Lineage == "" || now.State.Lineage == "" {
		return nil
	}
	if before.State.Lineage != now.State.Lineage {
		add("lineage_changed", SeverityError,
			"the state's lineage was %s at the last check and is %s: it is another state, made anew or restored from another stack; find out who replaced it, and restore the right one",
			before.State.Lineage, now.State.Lineage)
		return faults
	}
	if now.State.Serial < before.State.Serial {
		add("serial_back", SeverityError,
			"the state's serial was %d at the last check and is %d: an older state was put back, and what was applied since is not in it; restore the newest one",
			before.State.Serial, now.State.Serial)
	}
	had, has := before.Resources.total()+before.Resources.Skipped, now.Resources.total()+now.Resources.Skipped
	switch {
	case had > 0 && has == 0:
		add("state_emptied", SeverityError,
			"the state held %d resource instances at the last check and holds none; if it was not destroyed on purpose, restore the state from before", had)
	case had-has >= shrunk && has*3 < had:
		add("state_shrunk", SeverityWarning,
			"the state held %d resource instances at the last check and holds %d; if they were not taken out on purpose, restore the state from before", had, has)
	}
	return faults
}
