package detect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"holdfast/internal/attribution"
	"holdfast/internal/detect"
	"holdfast/internal/drift"
	"holdfast/internal/lab"
	"holdfast/internal/lab/cases"
)

// attributionSeeds is how many rounds TestAttribution makes, each with changes
// and callers of its own. HOLDFAST_ATTRIBUTION_SEED=N makes that one alone.
const attributionSeeds = 1

// noiseEvents is how many unrelated events the changes are hidden among.
const noiseEvents = 20_000

// means is a way to make a change.
type means struct {
	key    string // access key, which tells the caller
	class  drift.CauseClass
	actor  string
	cli    bool
	caller lab.Caller
}

func user(name string) map[string]any {
	return map[string]any{
		"type": "IAMUser", "principalId": "AIDA" + strings.ToUpper(name), "arn": "arn:aws:iam::" + lab.TrailAccount + ":user/" + name, "accountId": lab.TrailAccount,
		"accessKeyId": "AKIA" + strings.ToUpper(name), "userName": name,
	}
}

func session(role, name string, mfa bool, source string) map[string]any {
	context := map[string]any{
		"sessionIssuer": map[string]any{"type": "Role", "arn": "arn:aws:iam::" + lab.TrailAccount + ":role/" + role, "accountId": lab.TrailAccount, "userName": role},
		"attributes":    map[string]any{"creationDate": "2026-11-20T00:00:00Z", "mfaAuthenticated": strconv.FormatBool(mfa)},
	}
	if source != "" {
		context["sourceIdentity"] = source
	}
	return map[string]any{
		"type": "AssumedRole", "arn": "arn:aws:sts::" + lab.TrailAccount + ":assumed-role/" + role + "/" + name, "accountId": lab.TrailAccount, "sessionContext": context,
	}
}

const browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"

// allMeans are callers with their ways. What a browser sends can't be made here:
// the calls of the console are real ones of boto3, written down in the documented
// form of the console's.
var allMeans = []means{
	{key: "AKIAALICE", class: drift.CauseConsole, actor: "user alice", caller: lab.Caller{Identity: user("alice"), Console: true, UserAgent: browser, SourceIP: "198.51.100.7"}},
	{key: "AKIACAROL", class: drift.CauseConsole, actor: "user carol@example.com (single sign-on, Admin)", caller: lab.Caller{
		Identity: session("AWSReservedSSO_Admin_0123456789abcdef", "carol@example.com", true, ""), UserAgent: "console.amazonaws.com", SourceIP: "198.51.100.8",
	}},
	{key: "AKIABOB", class: drift.CauseCLI, actor: "user bob", cli: true, caller: lab.Caller{Identity: user("bob"), SourceIP: "198.51.100.9"}},
	{key: "AKIADAVE", class: drift.CauseAutomation, actor: "the role deploy-bot", caller: lab.Caller{Identity: session("deploy-bot", "run-17", false, "dave")}},
	{key: "AKIAERIN", class: drift.CauseAutomation, actor: "user erin", caller: lab.Caller{Identity: user("erin")}},
}

// clock gives each event a time of its own.
type clock struct {
	mu  sync.Mutex
	now time.Time
	r   *rand.Rand
}

func (c *clock) tick() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Duration(1+c.r.IntN(90)) * time.Second)
	return c.now
}

// truth is who really changed an address last, and by which events.
type truth struct {
	by     means
	events map[string]bool
	name   string // of the case
	two    bool   // somebody else did the same before
}

// TestAttribution makes changes of the agreement's cases, by different callers in
// different ways, finds them with a real check, and asks who it was.
func TestAttribution(t *testing.T) {
	t.Parallel()
	seeds := make([]uint64, attributionSeeds)
	for i := range seeds {
		seeds[i] = rand.Uint64()
	}
	if text := os.Getenv("HOLDFAST_ATTRIBUTION_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seeds = []uint64{seed}
	}
	var all score
	t.Run("seeds", func(t *testing.T) {
		for _, seed := range seeds {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				t.Parallel()
				attributionRound(t, seed, &all)
			})
		}
	})
	if !t.Failed() && 100*all.right < 95*all.asked {
		t.Errorf("%d of %d right; want 95 of 100", all.right, all.asked)
	}
}

// score counts over all rounds.
type score struct {
	mu           sync.Mutex
	right, asked int
}

func attributionRound(t *testing.T, seed uint64, all *score) {
	t.Helper()
	base := applied(t, "features")
	s := base.fork(t)
	r := rand.New(rand.NewPCG(seed, 1))
	ticking := &clock{now: time.Now().UTC().Add(-48 * time.Hour).Truncate(time.Second), r: r}
	since := ticking.now
	trail, err := lab.NewTrail(lab.Need(t), s.emulator.URL(), ticking.tick)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trail.Close() })
	for _, m := range allMeans {
		trail.Introduce(m.key, m.caller)
	}
	m := &mutator{t: t, s: s, trail: trail, r: r}
	truths := map[string]*truth{}
	for _, c := range pickCases(r, 45) {
		m.change(c, truths)
	}
	m.terraformElsewhere(truths)
	result := s.check(t, detect.Options{})
	until := ticking.tick()
	targets := targetsOf(result)
	m.noise(since, until, targets)
	causes, err := attribution.Attribute(t.Context(), []attribution.Source{deliver(t, s, trail, r)}, targets, attribution.Options{Since: since, Until: until.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	judge(t, targets, causes, truths, all)
}

// pickCases chooses changes that have nothing to do with each other.
func pickCases(r *rand.Rand, atMost int) []cases.Case {
	list := slices.Clone(cases.All)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	touched := map[string]bool{}
	var out []cases.Case
	for _, c := range list {
		if c.Stack != "features" || c.StaysAlone() || len(c.Want) == 0 || len(c.Calls) == 0 || len(c.Edits) > 0 || cases.Overlap(touched, c.Things()) {
			continue
		}
		maps.Copy(touched, c.Things())
		if out = append(out, c); len(out) == atMost {
			break
		}
	}
	return out
}

// mutator makes changes through a trail.
type mutator struct {
	t     *testing.T
	s     *appliedStack
	trail *lab.Trail
	r     *rand.Rand
	clis  int
}

// anybody chooses a caller; the command line takes a second to start, so that not
// all use it.
func (m *mutator) anybody() means {
	for {
		who := allMeans[m.r.IntN(len(allMeans))]
		if !who.cli {
			return who
		}
		if m.clis++; m.clis <= 6 {
			return who
		}
	}
}

// change makes the calls of a case, sometimes after somebody else made them too.
func (m *mutator) change(c cases.Case, truths map[string]*truth) {
	t := m.t
	found := &truth{name: c.Name}
	who := m.anybody()
	for who.cli && slices.ContainsFunc(c.Calls, func(call lab.Call) bool { return !m.cliCan(call) }) {
		who = m.anybody()
	}
	if len(c.Calls) == 1 && m.r.IntN(3) == 0 {
		other := m.anybody()
		for other.key == who.key || other.cli && !m.cliCan(c.Calls[0]) {
			other = m.anybody()
		}
		if events := m.run(other, c.Calls[0]); len(events) > 0 {
			found.by, found.events, found.two = other, events, true
		}
	}
	mine := map[string]bool{}
	for _, call := range c.Calls {
		maps.Copy(mine, m.run(who, call))
	}
	if len(mine) > 0 {
		found.by, found.events = who, mine
	}
	if found.events == nil {
		t.Errorf("%s: no change was recorded of %v", c.Name, c.Calls)
		return
	}
	for _, v := range c.Want {
		truths[v.Address] = found
	}
}

// run makes one call and returns the ids of the writes that went through.
func (m *mutator) run(who means, call lab.Call) map[string]bool {
	m.t.Helper()
	before := len(m.trail.Records())
	call.Endpoint, call.Key = m.trail.URL(), who.key
	resolved, err := m.s.Resolve(m.t.Context(), call)
	if err != nil {
		m.t.Fatal(err)
	}
	if who.cli {
		m.cli(who, resolved)
	} else {
		// Refused where somebody did it before.
		if _, err := m.s.emulator.Call(m.t.Context(), resolved); err != nil {
			m.t.Log(err)
		}
	}
	out := map[string]bool{}
	for _, record := range m.trail.Records()[before:] {
		if record["readOnly"] == false && record["errorCode"] == nil {
			out[record["eventID"].(string)] = true
		}
	}
	return out
}

func (m *mutator) cliCan(call lab.Call) bool {
	text, err := json.Marshal(call.Params)
	return err == nil && !bytes.Contains(text, []byte("$base64")) && call.Service != "s3" && call.Service != "sqs" // they choose endpoints of their own
}

// cli makes a call with the AWS CLI.
func (m *mutator) cli(who means, call lab.Call) {
	m.t.Helper()
	input, err := json.Marshal(call.Params)
	if err != nil {
		m.t.Fatal(err)
	}
	args := []string{"-m", "awscli", call.Service, strings.ReplaceAll(call.Method, "_", "-"), "--region", call.Region, "--cli-input-json", string(input)}
	cmd := exec.CommandContext(m.t.Context(), lab.Need(m.t).Python, args...)
	cmd.Env = append(os.Environ(), m.trail.Env()...)
	cmd.Env = append(cmd.Env, "AWS_ACCESS_KEY_ID="+who.key)
	if out, err := cmd.CombinedOutput(); err != nil { // refused where somebody did it before
		m.t.Logf("aws %s %s: %v: %s", call.Service, call.Method, err, out)
	}
}

// terraformElsewhere tags an object from another root module.
func (m *mutator) terraformElsewhere(truths map[string]*truth) {
	t := m.t
	t.Helper()
	var address string
	for _, candidate := range []string{"aws_vpc.main", "aws_vpc.this"} {
		if _, err := m.s.Resolve(t.Context(), lab.Call{Params: cases.Params{"x": "${" + candidate + ".id}"}}); err == nil && truths[candidate] == nil {
			address = candidate
		}
	}
	if address == "" {
		return
	}
	resolved, err := m.s.Resolve(t.Context(), lab.Call{Params: cases.Params{"x": "${" + address + ".id}"}})
	if err != nil {
		t.Fatal(err)
	}
	src := t.TempDir()
	code := fmt.Sprintf("provider \"aws\" {\n  skip_credentials_validation = true\n  skip_requesting_account_id = true\n}\nresource \"aws_ec2_tag\" \"x\" {\n  resource_id = %q\n  key = \"cost\"\n  value = \"elsewhere\"\n}\n", resolved.Params["x"])
	if err := os.WriteFile(filepath.Join(src, "main.tf"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(m.trail.Records())
	other, err := lab.NewStack(t.Context(), lab.Need(t), m.trail, src, filepath.Join(t.TempDir(), "elsewhere"))
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	events := map[string]bool{}
	for _, record := range m.trail.Records()[before:] {
		if record["eventName"] == "CreateTags" {
			events[record["eventID"].(string)] = true
		}
	}
	truths[address] = &truth{name: "terraform elsewhere", events: events, by: means{class: drift.CauseCode, actor: "user test"}}
}

// targetsOf makes targets of a result, as package app does.
func targetsOf(result drift.Stack) []*attribution.Target {
	targets := make([]*attribution.Target, len(result.Findings))
	for i := range result.Findings {
		f := &result.Findings[i]
		targets[i] = &attribution.Target{Finding: f, Identifiers: f.Object.Identifiers, Region: f.Object.Region, Account: f.Object.Account}
	}
	return targets
}

// noise hides the changes: the same calls on other objects, reads and refused
// writes of the same objects, writes of other attributes, and other services.
func (m *mutator) noise(since, until time.Time, targets []*attribution.Target) {
	samples := m.trail.Records()
	span := int64(until.Sub(since) / time.Second)
	for i := range noiseEvents {
		sample := samples[m.r.IntN(len(samples))]
		record := maps.Clone(sample)
		at := since.Add(time.Duration(m.r.Int64N(span)) * time.Second)
		record["eventTime"], record["eventID"] = at.Format(time.RFC3339), lab.NewEventID()
		record["userIdentity"] = user("noise" + strconv.Itoa(i%97))
		switch m.r.IntN(5) {
		case 0, 1: // another object
			record["requestParameters"] = renamed(sample["requestParameters"], strconv.Itoa(i))
			record["responseElements"] = nil
		case 2:
			record["readOnly"], record["eventName"] = true, "Describe"+sample["eventName"].(string)
		case 3:
			record["errorCode"] = "AccessDenied"
		case 4:
			m.otherAttribute(record, targets, i)
		}
		m.trail.Add(record)
	}
}

// otherAttribute tags one of the targets with a tag of its own.
func (m *mutator) otherAttribute(record map[string]any, targets []*attribution.Target, i int) {
	target := targets[m.r.IntN(len(targets))]
	for _, id := range target.Identifiers {
		if parts := strings.Split(id.Value, ":"); id.Name == "arn" && len(parts) > 5 {
			record["eventSource"], record["eventName"], record["responseElements"] = parts[2]+".amazonaws.com", "TagResource", nil
			record["requestParameters"] = map[string]any{"resourceArn": id.Value, "tags": map[string]any{"noise-" + strconv.Itoa(i): "x"}}
			return
		}
	}
	record["eventSource"], record["eventName"] = "sts.amazonaws.com", "AssumeRole"
}

// renamed is a request for other objects: every text in it is another.
func renamed(value any, suffix string) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			out[key] = renamed(inner, suffix)
		}
		if len(v) == 0 {
			return nil
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = renamed(inner, suffix)
		}
		return out
	case string:
		return v + "-" + suffix
	}
	return value
}

// deliver puts the trail's log objects into a bucket of the emulated S3.
func deliver(t *testing.T, s *appliedStack, trail *lab.Trail, r *rand.Rand) *attribution.Objects {
	t.Helper()
	objects, err := trail.Objects("audit/", 400, r.Shuffle)
	if err != nil {
		t.Fatal(err)
	}
	cfg := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	at := func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = aws.String(s.emulator.URL()), true }
	client := s3.NewFromConfig(cfg, at)
	bucket := "trail-of-the-organisation"
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Sorted(maps.Keys(objects)) {
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(objects[key])}); err != nil {
			t.Fatal(err)
		}
	}
	return attribution.NewBucket(cfg, bucket, "audit", at)
}

// judge counts right, unknown and wrong answers: at least 95 of 100 are right, and
// none is wrong.
func judge(t *testing.T, targets []*attribution.Target, causes []*drift.Cause, truths map[string]*truth, all *score) {
	t.Helper()
	right, unknown, asked, two := 0, 0, 0, 0
	sources, classes := map[string]bool{}, map[drift.CauseClass]int{}
	for i, c := range causes {
		f := targets[i].Finding
		if len(c.Gaps) > 0 {
			t.Errorf("%s: gaps %v", f.Address, c.Gaps)
		}
		want := truths[f.Address]
		if want == nil {
			t.Errorf("%s drifted, and no case says so", f.Address)
			continue
		}
		asked++
		if want.two {
			two++
		}
		switch {
		case c.EventID == "":
			unknown++
			t.Logf("unknown: %s (%s) %s: %s, candidates %d", f.Address, want.name, paths(f), c.Summary, len(c.Candidates))
		case !want.events[c.EventID] || c.Actor != want.by.actor || c.Class != want.by.class:
			t.Errorf("WRONG: %s (%s) %s: %s (%s, %s), want %s, %s", f.Address, want.name, paths(f), c.Summary, c.Class, c.EventID, want.by.actor, want.by.class)
		default:
			right++
			sources[c.EventSource], classes[c.Class] = true, classes[c.Class]+1
		}
	}
	t.Logf("%d of %d right, %d unknown, %d changed by two, over %d services, %v", right, asked, unknown, two, len(sources), classes)
	if asked < 30 || len(sources) < 10 {
		t.Errorf("%d findings over %d services; want 30 over 10", asked, len(sources))
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	all.right, all.asked = all.right+right, all.asked+asked
}

func paths(f *drift.Finding) string {
	out := []string{string(f.Kind)}
	for _, c := range f.Changes {
		out = append(out, c.Path)
	}
	return strings.Join(out, " ")
}
