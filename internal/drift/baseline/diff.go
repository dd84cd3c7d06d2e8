package baseline

import "holdfast/internal/drift"

// Difference is one thing that two baselines say differently. Was or Is is
// empty where only the other has it.
type Difference struct {
	Address string `json:"address"`
	Label   string `json:"label,omitempty"` // empty: the resource itself came or went
	Was     string `json:"was,omitempty"`
	Is      string `json:"is,omitempty"`
}

// Compare lists what the second baseline says differently, by address, in the
// order of the first and then of the second.
func Compare(was, is []drift.BaselineResource) []Difference {
	now := map[string]drift.BaselineResource{}
	for _, r := range is {
		now[r.Address] = r
	}
	before := map[string]bool{}
	diffs := []Difference{}
	for _, r := range was {
		before[r.Address] = true
		other, ok := now[r.Address]
		if !ok {
			diffs = append(diffs, Difference{Address: r.Address, Was: titled(r)})
			continue
		}
		diffs = append(diffs, compareFacts(r, other)...)
	}
	for _, r := range is {
		if !before[r.Address] {
			diffs = append(diffs, Difference{Address: r.Address, Is: titled(r)})
		}
	}
	return diffs
}

func titled(r drift.BaselineResource) string {
	title := KindOf(r.Type).Title
	if r.Name != "" {
		title += " " + r.Name
	}
	return title
}

func compareFacts(was, is drift.BaselineResource) []Difference {
	var diffs []Difference
	values := map[string]string{}
	for _, f := range is.Facts {
		values[f.Label] = f.Value
	}
	if was.Name != is.Name {
		diffs = append(diffs, Difference{was.Address, "name", was.Name, is.Name})
	}
	for _, f := range was.Facts {
		if value := values[f.Label]; value != f.Value {
			diffs = append(diffs, Difference{was.Address, f.Label, f.Value, value})
		}
		delete(values, f.Label)
	}
	for _, f := range is.Facts {
		if value, ok := values[f.Label]; ok {
			diffs = append(diffs, Difference{was.Address, f.Label, "", value})
		}
	}
	return diffs
}
