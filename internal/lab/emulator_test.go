package lab

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func putParameter(name, value string) Call {
	return Call{Service: "ssm", Method: "put_parameter", Params: map[string]any{
		"Name": name, "Value": value, "Type": "String", "Overwrite": true,
	}}
}

// parameter reads a parameter's value; empty if there is none.
func parameter(t *testing.T, e *Emulator, name string) string {
	t.Helper()
	result, err := e.Call(t.Context(), Call{
		Service: "ssm", Method: "get_parameter", Params: map[string]any{"Name": name},
	})
	var refused *CallError
	if errors.As(err, &refused) && refused.Code == "ParameterNotFound" {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return result["Parameter"].(map[string]any)["Value"].(string)
}

func TestForkHasStateOfItsOwn(t *testing.T) {
	t.Parallel()
	parent := fork(t, root(t))
	call(t, parent, putParameter("/before", "1"))

	child := fork(t, parent) // a fork of a fork
	grandchild := fork(t, child)
	call(t, child, putParameter("/after", "2"))
	call(t, grandchild, putParameter("/before", "3"))

	for _, test := range []struct {
		where       string
		emulator    *Emulator
		name, value string
	}{
		{"parent", parent, "/before", "1"},
		{"parent", parent, "/after", ""},
		{"child", child, "/before", "1"},
		{"child", child, "/after", "2"},
		{"grandchild", grandchild, "/before", "3"},
		{"grandchild", grandchild, "/after", ""},
	} {
		if got := parameter(t, test.emulator, test.name); got != test.value {
			t.Errorf("%s: %s = %q, want %q", test.where, test.name, got, test.value)
		}
	}
}

// TestForkKnowsItsParentsAddress: a queue's URL names the emulator it was made on.
func TestForkKnowsItsParentsAddress(t *testing.T) {
	t.Parallel()
	parent := fork(t, root(t))
	queue := call(t, parent, Call{Service: "sqs", Method: "create_queue", Params: map[string]any{"QueueName": "q"}})
	child := fork(t, parent)
	onURL := map[string]any{"QueueUrl": queue["QueueUrl"]}
	call(t, child, Call{Service: "sqs", Method: "delete_queue", Params: onURL})
	for e, want := range map[*Emulator]bool{parent: true, child: false} {
		_, err := e.Call(t.Context(), Call{Service: "sqs", Method: "get_queue_attributes", Params: onURL})
		if got := err == nil; got != want {
			t.Errorf("%s: the queue is there: %v (%v)", e.URL(), got, err)
		}
	}
}

func TestForkTime(t *testing.T) {
	t.Parallel()
	parent := fork(t, root(t))
	call(t, parent, putParameter("/x", "1"))
	var times []time.Duration
	for range 10 {
		start := time.Now()
		e := fork(t, parent)
		times = append(times, time.Since(start))
		if parameter(t, e, "/x") != "1" {
			t.Error("the fork has no state")
		}
	}
	slices.Sort(times)
	t.Logf("fork: median %v, slowest %v", times[5], times[9])
}

func TestForkWhileRequestsAreInFlight(t *testing.T) {
	t.Parallel()
	parent := fork(t, root(t))
	ctx, stop := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	for range 2 {
		busy.Go(func() {
			for ctx.Err() == nil {
				_, err := parent.Call(t.Context(), putParameter("/busy", "1"))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		e := fork(t, parent)
		call(t, e, putParameter("/busy", "2"))
		if got := parameter(t, e, "/busy"); got != "2" {
			t.Errorf("/busy = %q in the fork, want 2", got)
		}
	}
	stop()
	busy.Wait()
}

func TestForkLargeObjects(t *testing.T) {
	t.Parallel()
	parent := fork(t, root(t))
	content := strings.Repeat("x", 6<<20) // beyond what moto keeps in memory by default
	bucket := map[string]any{"Bucket": "large"}
	call(t, parent, Call{Service: "s3", Method: "create_bucket", Params: bucket})
	call(t, parent, Call{Service: "s3", Method: "put_object", Params: map[string]any{
		"Bucket": "large", "Key": "k", "Body": []byte(content)}})
	one, two := fork(t, parent), fork(t, parent)
	var readers sync.WaitGroup
	for _, e := range []*Emulator{parent, one, two} {
		readers.Go(func() {
			got, err := e.Call(t.Context(), Call{Service: "s3", Method: "get_object",
				Params: map[string]any{"Bucket": "large", "Key": "k"}})
			if err != nil || got["Body"] != content {
				t.Errorf("%s: object damaged, or %v", e.URL(), err)
			}
		})
	}
	readers.Wait()
}

func TestClosedForkIsGone(t *testing.T) {
	t.Parallel()
	parent := fork(t, root(t))
	child := fork(t, parent)
	grandchild := fork(t, child)
	if err := child.Close(); err != nil {
		t.Fatal(err)
	}
	for _, e := range []*Emulator{child, grandchild} {
		eventually(t, "fork ends", func() bool { return !alive(e.PID()) })
		if _, err := e.Fork(t.Context()); err == nil {
			t.Error("a closed emulator was forked")
		}
		if _, err := http.Get(e.URL()); err == nil {
			t.Error("a closed emulator answers")
		}
	}
	if parameter(t, parent, "/none") != "" {
		t.Error("the parent has changed")
	}
}

func TestCloseRootEndsAll(t *testing.T) {
	t.Parallel()
	e, err := Start(t.Context(), Need(t))
	if err != nil {
		t.Fatal(err)
	}
	child := fork(t, e)
	dir := e.process.dir
	for range 2 { // closing twice is fine
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "fork ends", func() bool { return !alive(child.PID()) })
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left (%v)", dir, err)
	}
	if _, err := e.Call(t.Context(), putParameter("/x", "1")); err == nil {
		t.Error("a closed emulator takes calls")
	}
}

func TestStartFailsClearly(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("false")
	if err != nil {
		t.Skip(err)
	}
	_, err = Start(t.Context(), Tools{Python: python})
	if err == nil || !strings.Contains(err.Error(), "start moto with "+python) {
		t.Errorf("got %v", err)
	}
}

func TestUnimplementedActionIsNamed(t *testing.T) {
	t.Parallel()
	e := fork(t, root(t))
	start := time.Now()
	for _, test := range []struct {
		call Call
		want string
	}{
		{Call{Service: "cloudtrail", Method: "lookup_events"}, "cloudtrail LookupEvents"},
		{Call{Service: "ec2", Method: "describe_fpga_images"}, "ec2 DescribeFpgaImages"},
		{Call{Service: "iam", Method: "generate_service_last_accessed_details",
			Params: map[string]any{"Arn": "arn:aws:iam::123456789012:role/none"}}, "iam GenerateServiceLastAccessedDetails"},
	} {
		_, err := e.Call(t.Context(), test.call)
		var refused *CallError
		if !errors.As(err, &refused) || refused.Code != "NotImplemented" {
			t.Errorf("%s: got %v", test.want, err)
		}
		if got := e.Unimplemented(); !slices.Contains(got, test.want) {
			t.Errorf("Unimplemented() = %q, want %q in it", got, test.want)
		}
	}
	t.Logf("took %v, log:\n%s", time.Since(start), e.Log())
}

func TestCallErrors(t *testing.T) {
	t.Parallel()
	e := fork(t, root(t))
	for _, test := range []struct {
		call Call
		want string
	}{
		{Call{Service: "nosuch", Method: "x"}, "Unknown service"},
		{Call{Service: "ssm", Method: "nosuch"}, "no attribute 'nosuch'"},
		{Call{Service: "ssm", Method: "get_parameter"}, `Missing required parameter in input: "Name"`},
		{Call{Service: "ssm", Method: "get_parameter", Params: map[string]any{"Name": "/none"}}, "ParameterNotFound"},
	} {
		_, err := e.Call(t.Context(), test.call)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func TestCallGivesUpWithContext(t *testing.T) {
	t.Parallel()
	e := fork(t, root(t))
	p := proxy(t, e)
	p.On(Match("ssm", ""), Fault{Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		c := putParameter("/x", "1")
		c.Endpoint = p.URL()
		_, err := e.Call(ctx, c)
		ended <- err
	}()
	eventually(t, "the call arrives", func() bool { return len(p.Requests()) == 1 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCallCarriesBytesAndDates(t *testing.T) {
	t.Parallel()
	e := fork(t, root(t))
	binary := []byte{0x00, 0xff, 0x80}
	call(t, e, Call{Service: "s3", Method: "create_bucket", Params: map[string]any{"Bucket": "bucket"}})
	call(t, e, Call{Service: "s3", Method: "put_object", Params: map[string]any{"Bucket": "bucket", "Key": "k", "Body": binary}})
	got := call(t, e, Call{Service: "s3", Method: "get_object", Params: map[string]any{"Bucket": "bucket", "Key": "k"}})
	if body, _ := got["Body"].(map[string]any); body["$base64"] != "AP+A" {
		t.Errorf("Body = %v", got["Body"])
	}
	if _, err := time.Parse(time.RFC3339, got["LastModified"].(string)); err != nil {
		t.Error(err)
	}
}

func TestEnvIsHermetic(t *testing.T) {
	t.Setenv("AWS_PROFILE", "mine")
	t.Setenv("TF_PLUGIN_CACHE_DIR", "/mine")
	t.Setenv("HOLDFAST_ENGINE", "plan")
	t.Setenv("HOLDFAST_LAB_PYTHON", "/python")
	s := &Stack{Dir: "/m", side: "/m.lab", cloud: &Proxy{url: "http://p"}}
	env := s.Env()
	for _, name := range []string{"AWS_PROFILE", "TF_PLUGIN_CACHE_DIR", "HOLDFAST_ENGINE"} {
		if slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") }) {
			t.Errorf("%s is passed on", name)
		}
	}
	for _, want := range []string{"AWS_ENDPOINT_URL=http://p", "TF_CLI_CONFIG_FILE=/m.lab/cli.tfrc", "HOLDFAST_LAB_PYTHON=/python"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is missing", want)
		}
	}
}
