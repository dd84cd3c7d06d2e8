package edit

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// refused is why a change can't be made.
type refused struct {
	reason string
	at     hcl.Range
	byHand string // what to do instead; "" for the usual
}

func (r *refused) Error() string { return r.reason }

func refuse(at hcl.Range, format string, args ...any) error {
	return &refused{reason: fmt.Sprintf(format, args...), at: at}
}
