package lab

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Trail stands in front of an emulator and writes what passes down as CloudTrail
// would: real requests of real clients, in the form that AWS documents. moto has
// no CloudTrail. It delivers log objects, and answers LookupEvents itself, within
// the documented limits. Safe for concurrent use.
type Trail struct {
	url       string
	forward   *httputil.ReverseProxy
	transport *http.Transport
	server    *http.Server
	served    chan struct{}
	models    *models
	now       func() time.Time

	mu      sync.Mutex
	callers map[string]Caller
	records []map[string]any
	asked   map[string]time.Time // by region: the last LookupEvents that was let through
	Refused int                  // how many were not
}

// Caller is who uses an access key.
type Caller struct {
	Identity map[string]any // userIdentity
	// Console makes it one of the web console: its requests come from a browser
	// there. UserAgent is then what stands in the records.
	Console   bool
	UserAgent string // empty: the client's own
	SourceIP  string
}

// TrailAccount is the account of all that passes: moto's.
const TrailAccount = "123456789012"

// NewTrail starts a trail in front of target, such as Emulator.URL. now gives the
// time of each event. The caller closes it.
func NewTrail(tools Tools, target string, now func() time.Time) (*Trail, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("trail: %w", err)
	}
	models, err := findModels(tools.Python)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("trail to %s: %w", target, err)
	}
	t := &Trail{
		url: "http://" + listener.Addr().String(), models: models, now: now, served: make(chan struct{}),
		transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true},
		callers:   map[string]Caller{}, asked: map[string]time.Time{},
	}
	quiet := log.New(io.Discard, "", 0)
	t.forward = &httputil.ReverseProxy{
		Transport: t.transport, ErrorLog: quiet,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		},
	}
	t.server = &http.Server{Handler: t, ErrorLog: quiet}
	go func() {
		defer close(t.served)
		_ = t.server.Serve(listener)
	}()
	return t, nil
}

// URL is the endpoint, without a slash at the end.
func (t *Trail) URL() string { return t.url }

// Env is what a program needs in its environment to use the trail as AWS, with an
// access key.
func (t *Trail) Env() []string { return AWSEnv(t.url) }

// Close ends the trail.
func (t *Trail) Close() error {
	err := t.server.Close()
	<-t.served
	t.transport.CloseIdleConnections()
	return err
}

// Introduce says who uses an access key. Keys that nobody was introduced with are
// those of a user called after them.
func (t *Trail) Introduce(key string, c Caller) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.callers[key] = c
}

// Add writes down an event that did not pass.
func (t *Trail) Add(record map[string]any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.records = append(t.records, record)
}

// Records are all events so far, in the order in which they passed.
func (t *Trail) Records() []map[string]any {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.records)
}

// ServeHTTP passes a request on and writes it down.
func (t *Trail) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	request := parseRequest(r, body)
	if request.Service == "cloudtrail" && request.Action == "LookupEvents" {
		t.lookup(w, request)
		return
	}
	answer := &copying{ResponseWriter: w, status: http.StatusOK}
	t.forward.ServeHTTP(answer, r)
	if d, ok := t.models.derive(request); ok {
		t.Add(t.record(request, d, keyOf(r), answer))
	}
}

// copying keeps what is answered.
type copying struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (c *copying) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *copying) Write(b []byte) (int, error) {
	c.body.Write(b)
	return c.ResponseWriter.Write(b)
}

func keyOf(r *http.Request) string {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(scope, "/")
	return key
}

// record is an event in the form of
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
func (t *Trail) record(r Request, d derived, key string, answer *copying) map[string]any {
	t.mu.Lock()
	caller, known := t.callers[key]
	t.mu.Unlock()
	if !known {
		caller.Identity = map[string]any{"type": "IAMUser", "arn": "arn:aws:iam::" + TrailAccount + ":user/" + key, "accountId": TrailAccount, "accessKeyId": key, "userName": key}
	}
	region := r.Region
	if d.source == "iam.amazonaws.com" || d.source == "route53.amazonaws.com" {
		region = "us-east-1"
	}
	record := map[string]any{
		"eventVersion": "1.11", "userIdentity": caller.Identity, "eventTime": t.now().UTC().Format(time.RFC3339), "eventSource": d.source,
		"eventName": d.event, "awsRegion": region, "sourceIPAddress": or(caller.SourceIP, "192.0.2.10"), "userAgent": or(caller.UserAgent, r.UserAgent),
		"requestParameters": any(d.params), "responseElements": nil, "requestID": NewEventID(), "eventID": NewEventID(), "readOnly": d.readOnly,
		"eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": TrailAccount, "eventCategory": "Management",
	}
	if len(d.params) == 0 {
		record["requestParameters"] = nil
	}
	if caller.Console {
		record["sessionCredentialFromConsole"] = "true"
	}
	if answer.status >= 400 {
		record["errorCode"], record["errorMessage"] = "ClientException", "refused"
		return record
	}
	if body, ok := decodeJSON(answer.body.Bytes()).(map[string]any); ok && !d.readOnly && answer.body.Len() < 100<<10 {
		record["responseElements"] = lowerAll(body)
	}
	return record
}

func lowerAll(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			out[lowerFirst(name)] = lowerAll(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = lowerAll(inner)
		}
		return out
	}
	return value
}

// NewEventID is a random UUID.
func NewEventID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Objects are the events as a trail of an organisation delivers them: a gzipped
// object for every perObject events of a region and day, about five minutes after
// the last of them, and what is in it in no order. shuffle makes the disorder.
func (t *Trail) Objects(prefix string, perObject int, shuffle func(n int, swap func(i, j int))) (map[string][]byte, error) {
	folders := map[string][]map[string]any{}
	for _, r := range t.Records() {
		at, err := time.Parse(time.RFC3339, r["eventTime"].(string))
		if err != nil {
			return nil, err
		}
		folder := fmt.Sprintf("%sAWSLogs/o-lab/%s/CloudTrail/%s/%s/", prefix, TrailAccount, r["awsRegion"], at.Format("2006/01/02"))
		folders[folder] = append(folders[folder], r)
	}
	out := map[string][]byte{}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		records := folders[folder]
		for i := 0; len(records) > 0; i++ {
			n := min(perObject, len(records))
			part := slices.Clone(records[:n])
			records = records[n:]
			var latest time.Time
			for _, r := range part {
				if at, _ := time.Parse(time.RFC3339, r["eventTime"].(string)); at.After(latest) {
					latest = at
				}
			}
			shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
			data, err := zipRecords(part)
			if err != nil {
				return nil, err
			}
			region := strings.Split(strings.TrimPrefix(folder, prefix), "/")[4]
			key := fmt.Sprintf("%s%s_CloudTrail_%s_%s_%08d.json.gz", folder, TrailAccount, region, latest.Add(5*time.Minute).Format("20060102T1504Z"), i)
			out[key] = data
		}
	}
	return out, nil
}

func zipRecords(records []map[string]any) ([]byte, error) {
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	if err := json.NewEncoder(zip).Encode(map[string]any{"Records": records}); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
