package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ask is a request to the API that these tests record: JSON with a target,
// signed by a key.
func ask(t *testing.T, url, key, action, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "Keys."+action)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key+"/20250101/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=ab")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// The recorded API knows one key, in one account.
const (
	aKey    = "4903eae0-c655-4013-a700-9fa5b477edb6"
	aName   = "shop-fleet0000-key"
	getBody = `{"KeyId":"` + aKey + `"}`
	getSays = `{"Arn":"arn:aws:kms:us-east-1:123456789012:key/` + aKey + `","Description":"` + aName + `"}`
	aliases = `{"Aliases":[{"AliasName":"alias/aws/s3"},{"AliasName":"alias/` + aName + `"}],"Truncated":false}`
)

// recordedKeys records that API.
func recordedKeys(t *testing.T) *Recording {
	t.Helper()
	var answered atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answered.Add(1)
		w.Header().Set("X-Amz-Crc32", "12345")
		switch r.Header.Get("X-Amz-Target") {
		case "Keys.DescribeKey":
			_, _ = io.WriteString(w, getSays)
		case "Keys.ListAliases":
			_, _ = io.WriteString(w, aliases)
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(api.Close)
	recorder, err := NewRecorder(api.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = recorder.Close() })
	for action, body := range map[string]string{"DescribeKey": getBody, "ListAliases": "{}"} {
		if status, answer := ask(t, recorder.URL(), "test", action, body); status != 200 || answer == "" {
			t.Fatalf("%s: %d %s", action, status, answer)
		}
	}
	ask(t, recorder.URL(), "test", "Broken", "{}")
	if n := recorder.Recording().Len(); n != 2 || answered.Load() != 3 {
		t.Fatalf("%d answers kept of %d: a server's error is no answer", n, answered.Load())
	}
	return recorder.Recording()
}

func keyRenaming(t *testing.T) *Renaming {
	t.Helper()
	r, err := NewRenaming(labAccount, []string{aKey, "fleet0000"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func keyReplay(t *testing.T, recording *Recording, o ReplayOptions) *Replay {
	t.Helper()
	p, err := NewReplay(recording, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func TestReplayAnswersAsRecorded(t *testing.T) {
	t.Parallel()
	p := keyReplay(t, recordedKeys(t), ReplayOptions{})
	// Who asks, in which order, and under which token, changes nothing.
	for _, body := range []string{getBody, `{ "ClientToken": "x1", "KeyId" : "` + aKey + `" }`} {
		if status, answer := ask(t, p.URL(), "someone", "DescribeKey", body); status != 200 || answer != getSays {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
	if err := p.Err(); err != nil {
		t.Error(err)
	}
}

func TestReplayOfManyStacks(t *testing.T) {
	t.Parallel()
	p := keyReplay(t, recordedKeys(t), ReplayOptions{
		Renaming: keyRenaming(t), Fleet: map[int][]int{None: {0, 42}, 7: {43}},
	})
	id := aKey[:len(aKey)-4]
	for _, test := range []struct{ name, key, body, want string }{
		{"a stack", "test", `{"KeyId":"` + id + `0042"}`, `{"Arn":"arn:aws:kms:us-east-1:123456789012:key/` + id + `0042","Description":"shop-fleet0042-key"}`},
		{"stack 0", "test", `{"KeyId":"` + id + `0000"}`, `{"Arn":"arn:aws:kms:us-east-1:123456789012:key/` + id + `0000","Description":"shop-fleet0000-key"}`},
		{"an account", AccessKey(7), `{"KeyId":"` + id + `0043"}`, `{"Arn":"arn:aws:kms:us-east-1:123456780007:key/` + id + `0043","Description":"shop-fleet0043-key"}`},
	} {
		if status, answer := ask(t, p.URL(), test.key, "DescribeKey", test.body); status != 200 || answer != test.want {
			t.Errorf("%s: %d %s, want %s", test.name, status, answer, test.want)
		}
	}
	if _, answer := ask(t, p.URL(), "test", "ListAliases", "{}"); answer !=
		`{"Aliases":[{"AliasName":"alias/aws/s3"},{"AliasName":"alias/shop-fleet0000-key"},{"AliasName":"alias/shop-fleet0042-key"}],"Truncated":false}` {
		t.Errorf("the account's listing: %s", answer)
	}
	if _, answer := ask(t, p.URL(), AccessKey(7), "ListAliases", "{}"); !strings.Contains(answer, "fleet0043") || strings.Contains(answer, "fleet0042") {
		t.Errorf("the other account's listing: %s", answer)
	}
	if err := p.Err(); err != nil {
		t.Error(err)
	}
	if c := p.Counts(""); c.Answered() != 5 || c.Actions["kms DescribeKey"] != 3 || c.Without("kms") != 0 {
		t.Errorf("counts: %+v", c)
	}
}

func TestReplayIsLoudAboutWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	id := aKey[:len(aKey)-4]
	for _, test := range []struct{ name, key, action, body, want string }{
		{"never asked", "test", "GetKeyPolicy", getBody, "recorded"},
		{"another object", "test", "DescribeKey", `{"KeyId":"other"}`, "recorded"},
		{"two stacks at once", "test", "DescribeKey", `{"KeyId":"` + id + `0042","x":"fleet0001"}`, "names both"},
		{"no such stack", "test", "DescribeKey", `{"KeyId":"` + id + `0041"}`, "no stack 41"},
		{"a stack of another account", AccessKey(7), "DescribeKey", `{"KeyId":"` + id + `0042"}`, "no stack 42 in account 7"},
		{"no such account", AccessKey(8), "ListAliases", `{}`, "no account 8"},
		{"an id of another account", AccessKey(7), "DescribeKey", `{"KeyId":"` + id + `0043","a":"123456780001"}`, "names account 1"},
	} {
		p := keyReplay(t, recordedKeys(t), ReplayOptions{Renaming: keyRenaming(t), Fleet: map[int][]int{None: {42}, 7: {43}}})
		status, _ := ask(t, p.URL(), test.key, test.action, test.body)
		var unknown *UnknownRequestError
		if err := p.Err(); status != http.StatusNotImplemented || !errors.As(err, &unknown) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %d, %v", test.name, status, err)
		}
		if p.Counts("").Unknown != 1 {
			t.Errorf("%s: not counted", test.name)
		}
	}
}

func TestReplayOfAChangedRecording(t *testing.T) {
	t.Parallel()
	recording := recordedKeys(t)
	changed, n := recording.Change(Match("kms", "DescribeKey"), func(body []byte) []byte {
		return bytes.ReplaceAll(body, []byte("shop"), []byte("shed"))
	})
	if n != 1 {
		t.Fatalf("%d answers changed", n)
	}
	for _, test := range []struct {
		recording *Recording
		want      string
	}{{recording, "shop-"}, {changed, "shed-"}} {
		p := keyReplay(t, test.recording, ReplayOptions{})
		if _, answer := ask(t, p.URL(), "test", "DescribeKey", getBody); !strings.Contains(answer, test.want) {
			t.Errorf("%s, want %s", answer, test.want)
		}
	}
}

func TestReplayRefuses(t *testing.T) {
	t.Parallel()
	recording := recordedKeys(t)
	every := keyReplay(t, recording, ReplayOptions{ThrottleEvery: 4})
	var got []int
	for range 8 {
		status, answer := ask(t, every.URL(), "test", "DescribeKey", getBody)
		if got = append(got, status); status == 400 && !strings.Contains(answer, "ThrottlingException") {
			t.Errorf("refused with %s", answer)
		}
	}
	if !slices.Equal(got, []int{200, 200, 200, 400, 200, 200, 200, 400}) {
		t.Errorf("every fourth is refused: %v", got)
	}
	if c := every.Counts(""); c.Throttled != 2 || c.Answered() != 6 || c.Actions["kms DescribeKey"] != 6 {
		t.Errorf("counts: %+v", c)
	}
	// One request in ten seconds: the first passes, the second comes too soon.
	limited := keyReplay(t, recording, ReplayOptions{Rate: 0.1})
	first, _ := ask(t, limited.URL(), "test", "DescribeKey", getBody)
	second, _ := ask(t, limited.URL(), "test", "DescribeKey", getBody)
	if first != 200 || second != 400 {
		t.Errorf("the limit: %d, %d", first, second)
	}
}

func TestReplayIsCutOff(t *testing.T) {
	t.Parallel()
	p := keyReplay(t, recordedKeys(t), ReplayOptions{CutAfter: 3})
	var got []int
	for range 4 {
		status, _ := ask(t, p.URL(), "test", "DescribeKey", getBody)
		got = append(got, status)
	}
	if !slices.Equal(got[:2], []int{200, 200}) || got[2] != 0 || got[3] != 0 || p.Counts("").Cut < 2 {
		t.Errorf("%v, %+v", got, p.Counts(""))
	}
	p = keyReplay(t, recordedKeys(t), ReplayOptions{})
	p.Cut(true)
	off, _ := ask(t, p.URL(), "test", "DescribeKey", getBody)
	p.Cut(false)
	on, _ := ask(t, p.URL(), "test", "DescribeKey", getBody)
	if off != 0 || on != 200 {
		t.Errorf("cut off and on again: %d, %d", off, on)
	}
}

func TestReplayTakesItsTimeSideBySide(t *testing.T) {
	t.Parallel()
	const latency, requests = 2 * time.Second, 20
	p := keyReplay(t, recordedKeys(t), ReplayOptions{Latency: latency})
	p.Count("side by side")
	start := time.Now()
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() { ask(t, p.URL(), "test", "DescribeKey", getBody) })
	}
	wg.Wait()
	if took := time.Since(start); took < latency || took > requests*latency/2 {
		t.Errorf("%d requests took %v", requests, took)
	}
	c, arrived := p.Counts("side by side"), 0
	for _, n := range c.PerTick {
		arrived += n
	}
	if c.Requests != requests || arrived != requests || p.Counts("").Requests != 0 {
		t.Errorf("counts: %+v", c)
	}
}

// A law: what is renamed is restored to what it was, and says whose it is.
func FuzzRenaming(f *testing.F) {
	f.Add("arn:aws:kms:us-east-1:123456789012:key/"+aKey+" "+aName, uint16(42), uint16(7))
	f.Add("fleet000 fleet fleet0000fleet0000", uint16(9999), uint16(0))
	f.Add("", uint16(0), uint16(0))
	f.Add("12345678901", uint16(1), uint16(1))
	r, err := NewRenaming(labAccount, []string{aKey, "fleet0000"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string, stack, account uint16) {
		n := Number{int(stack % (MaxNumber + 1)), int(account % (MaxNumber + 1))}
		as, whose := []byte(text), Number{None, None}
		if r.restore(as, &whose) != nil || string(as) != text {
			return // it is no text of the recorded stack
		}
		renamed, seen := r.Rename([]byte(text), n), Number{None, None}
		if len(renamed) != len(text) {
			t.Fatalf("%q became %q", text, renamed)
		}
		if err := r.restore(renamed, &seen); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if string(renamed) != text {
			t.Fatalf("%q came back as %q", text, renamed)
		}
		if compiled := r.compile([]byte(text)); compiled.ofStack() && seen.Stack != n.Stack {
			t.Fatalf("%q is of %d, not %d", text, seen.Stack, n.Stack)
		}
	})
}

func TestRenamingThatCouldNotBeUndone(t *testing.T) {
	t.Parallel()
	for _, values := range [][]string{{"short"}, {"fleet0000", "fleet1111"}, {"fleet0000", "my-fleet0000"}, {labAccount}} {
		if _, err := NewRenaming(labAccount, values); err == nil {
			t.Errorf("%v was taken", values)
		}
	}
}

// A listing that is no list of the recorded stack's things can't be made one of
// a fleet's.
func TestListingThatTellsOfOneStack(t *testing.T) {
	t.Parallel()
	r := keyRenaming(t)
	for _, body := range []string{`{"Name":"` + aName + `"}`, `<Aliases>` + aName + `</Aliases>`} {
		if out, err := r.listing([]byte(body), None, []int{1, 2}); err == nil {
			t.Errorf("%s became %s", body, out)
		}
	}
	var document map[string]any
	out, err := r.listing([]byte(`{"n":98765432109876543210,"list":[{"a":["x",{"b":"fleet0000"}]}]}`), 7, []int{1, 2})
	if err == nil {
		err = json.Unmarshal(out, &document)
	}
	if err != nil || !strings.Contains(string(out), "98765432109876543210") || strings.Count(string(out), "fleet000") != 2 {
		t.Errorf("%s, %v", out, err)
	}
}
