package drift

// The exit codes of `holdfast check`.
const (
	ExitClean      = 0 // everything was checked and is clean
	ExitIncomplete = 1 // no drift found, but something could not be checked, or a state is unsound
	ExitDrift      = 2 // drift
)

// ExitCode is the one place that says which exit code a run has.
func (r Run) ExitCode() int {
	code := ExitClean
	for _, s := range r.Stacks {
		switch s.Status {
		case StatusDrifted:
			return ExitDrift
		case StatusClean:
		default: // incomplete, error, or one that was never settled
			code = ExitIncomplete
		}
		for _, fault := range s.Integrity {
			if fault.Severity == SeverityError {
				code = ExitIncomplete
			}
		}
	}
	return code
}
