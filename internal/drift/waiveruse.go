package drift

import "time"

// WaiverUse is a waiver and what it covers: an entry of `holdfast waivers --format
// json`.
type WaiverUse struct {
	ID         string      `json:"id"`
	Line       int         `json:"line"` // of waivers.yaml
	State      WaiverState `json:"state"`
	Reason     string      `json:"reason"`
	Owner      string      `json:"owner"`
	Ticket     string      `json:"ticket,omitempty"`
	ApprovedBy string      `json:"approved_by,omitempty"`
	From       string      `json:"from,omitempty"`
	Until      string      `json:"until"`
	EndsSoon   bool        `json:"ends_soon"` // within two weeks
	Addresses  []Pattern   `json:"addresses"`
	Covers     []Covered   `json:"covers"` // findings that it covers, or a part of
}

// Covered is a finding that a waiver is about.
type Covered struct {
	Stack   StackRef `json:"stack"`
	Finding string   `json:"finding"`
	Address string   `json:"address"`
}

// endsSoon is how long before its end a waiver is worth a reminder.
const endsSoon = 14 * 24 * time.Hour

// WaiverUses lists waivers that cover nothing yet.
func WaiverUses(waivers []Waiver, now time.Time) []WaiverUse {
	uses := []WaiverUse{}
	for _, w := range waivers {
		u := WaiverUse{
			ID: w.ID, Line: w.Line, State: w.State(now), Reason: w.Reason, Owner: w.Owner, Ticket: w.Ticket, ApprovedBy: w.ApprovedBy,
			Until: w.Until.Format(time.DateOnly), Addresses: w.Addresses, Covers: []Covered{},
		}
		if !w.From.IsZero() {
			u.From = w.From.Format(time.DateOnly)
		}
		u.EndsSoon = u.State == WaiverActive && w.Until.AddDate(0, 0, 1).Sub(now) <= endsSoon
		uses = append(uses, u)
	}
	return uses
}
