package lab

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestDecodePlan(t *testing.T) {
	t.Parallel()
	plan, err := decodePlan([]byte(`{"terraform_version": "1.11.4", "errored": false, "unknown": 1,
		"resource_drift": [{"address": "a.b", "mode": "managed", "type": "a",
			"change": {"actions": ["delete"], "before": {"n": 9007199254740993}, "after": null}}],
		"resource_changes": [
			{"address": "a.b", "previous_address": "a.old", "mode": "managed", "type": "a", "provider_name": "r/h/a",
				"change": {"actions": ["delete", "create"], "before": {"x": 1}, "after": {"x": 2}, "after_unknown": {"id": true},
					"before_sensitive": false, "after_sensitive": {"x": true}, "replace_paths": [["x", 0]]}},
			{"address": "a.c", "mode": "managed", "type": "a", "change": {"actions": ["no-op"]}},
			{"address": "data.a.d", "mode": "data", "type": "a", "change": {"actions": ["read"]}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if drift := Find(plan.Drift, "a.b"); drift.Change.After != nil || drift.Change.Before["n"] != json.Number("9007199254740993") {
		t.Errorf("drift: %+v", drift)
	}
	want := ResourceChange{
		Address: "a.b", PreviousAddress: "a.old", Mode: "managed", Type: "a", Provider: "r/h/a",
		Change: Change{
			Actions: []string{"delete", "create"},
			Before:  map[string]any{"x": json.Number("1")}, After: map[string]any{"x": json.Number("2")},
			AfterUnknown: map[string]any{"id": true}, BeforeSensitive: false, AfterSensitive: map[string]any{"x": true},
			ReplacePaths: [][]any{{"x", json.Number("0")}},
		},
	}
	if pending := plan.Pending(); !reflect.DeepEqual(pending, []ResourceChange{want}) {
		t.Errorf("pending: %+v", pending)
	}
	if len(plan.Changes) != 3 || Find(plan.Changes, "a.none") != nil {
		t.Errorf("changes: %+v", plan.Changes)
	}
	if _, err := decodePlan([]byte("no JSON")); err == nil {
		t.Error("decoded what is no plan")
	}
}
