package lab

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// lookupEvery is what an account may ask in a region: two requests a second.
const lookupEvery = 500 * time.Millisecond

// lookupRequest is what LookupEvents is asked.
type lookupRequest struct {
	StartTime, EndTime float64
	MaxResults         int
	NextToken          string
	LookupAttributes   []struct{ AttributeKey, AttributeValue string }
}

// lookup answers LookupEvents: newest first, 50 a page, one attribute, two
// requests a second in a region.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
func (t *Trail) lookup(w http.ResponseWriter, r Request) {
	var asked lookupRequest
	if err := json.Unmarshal(r.Body, &asked); err != nil || asked.MaxResults < 0 || asked.MaxResults > 50 || len(asked.LookupAttributes) > 1 {
		refuse(w, "InvalidMaxResultsException", "at most 50 results and one attribute")
		return
	}
	t.mu.Lock()
	last := t.asked[r.Region]
	tooSoon := time.Since(last) < lookupEvery
	if tooSoon {
		t.Refused++
	} else {
		t.asked[r.Region] = time.Now()
	}
	t.mu.Unlock()
	if tooSoon {
		refuse(w, "ThrottlingException", "Rate exceeded")
		return
	}
	found := t.between(r.Region, asked)
	start, _ := strconv.Atoi(asked.NextToken)
	size := asked.MaxResults
	if size == 0 {
		size = 50
	}
	end := min(start+size, len(found))
	answer := map[string]any{"Events": found[min(start, end):end]}
	if end < len(found) {
		answer["NextToken"] = strconv.Itoa(end)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(answer)
}

func refuse(w http.ResponseWriter, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
}

// between lists the events of a region and time, newest first.
func (t *Trail) between(region string, asked lookupRequest) []map[string]any {
	var out []map[string]any
	for _, record := range t.Records() {
		at, _ := time.Parse(time.RFC3339, record["eventTime"].(string))
		seconds := float64(at.Unix())
		if record["awsRegion"] != region || asked.StartTime != 0 && seconds < asked.StartTime || asked.EndTime != 0 && seconds > asked.EndTime {
			continue
		}
		if len(asked.LookupAttributes) == 1 {
			a := asked.LookupAttributes[0]
			if a.AttributeKey == "ReadOnly" && fmt.Sprint(record["readOnly"]) != a.AttributeValue || a.AttributeKey == "EventSource" && record["eventSource"] != a.AttributeValue {
				continue
			}
		}
		text, err := json.Marshal(record)
		if err != nil {
			continue
		}
		out = append(out, map[string]any{
			"EventId": record["eventID"], "EventName": record["eventName"], "EventSource": record["eventSource"], "EventTime": seconds,
			"ReadOnly": fmt.Sprint(record["readOnly"]), "CloudTrailEvent": string(text),
		})
	}
	slices.SortStableFunc(out, func(a, b map[string]any) int { return int(b["EventTime"].(float64) - a["EventTime"].(float64)) })
	return out
}
