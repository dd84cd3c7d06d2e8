package statetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/state"
)

// variable names the fault that the backend of TestBackend has. None makes it
// sound.
const variable = "HOLDFAST_STATETEST_FAULT"

const canary = "canary-password"

func TestMain(m *testing.M) {
	if os.Getenv(variable) != "" {
		patience = 2 * time.Second
	}
	os.Exit(m.Run())
}

// TestBackend runs the suite over a backend that is made for it.
func TestBackend(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) Rig {
		s := &memory{objects: map[string]string{}}
		server := httptest.NewServer(s)
		t.Cleanup(server.Close)
		return Rig{
			Server: server.URL,
			Open: func(_ *testing.T, server string) state.Backend {
				return &backend{server: server, fault: os.Getenv(variable), kept: &sync.Map{}}
			},
			Put:        func(_ *testing.T, workspace string, content []byte) { s.put("state/"+workspace, string(content)) },
			Workspaces: Names, Page: 10,
			Clutter: func(*testing.T) { s.put("clutter", "") },
			Locks: &Locks{
				Put: func(_ *testing.T, workspace string, lock state.Lock) {
					s.put("lock/"+workspace, fmt.Sprintf(`{"ID":%q,"Operation":%q,"Who":%q,"Created":%q}`, lock.ID, lock.Operation, lock.Who, lock.Created.Format(time.RFC3339Nano)))
				},
				Damage: func(_ *testing.T, workspace string) { s.put("lock/"+workspace, "{") },
			},
			Snapshot: s.snapshot,
			Deny:     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
			Secrets:  []string{canary},
		}
	})
}

// TestSuiteBites gives the backend one fault after the other and sees the suite
// notice each, in the case that is there for it.
func TestSuiteBites(t *testing.T) {
	t.Parallel()
	for fault, noticed := range map[string]string{
		"":                             "",
		"trims spaces":                 "exact_bytes",
		"drops a byte order mark":      "exact_bytes",
		"remembers":                    "read_anew",
		"empty for none":               "no_state",
		"no default workspace":         "workspaces",
		"unsorted workspaces":          "workspaces",
		"first page only":              "workspaces_in_pages",
		"no locks":                     "locks",
		"a plan's lock changes":        "locks",
		"damaged lock for none":        "locks",
		"shows its password":           "names",
		"one name for all":             "names",
		"shows its password in errors": "refused",
		"errors without the name":      "denied",
		"errors without a next step":   "denied",
		"no answer for no state":       "out_of_order",
		"half a state":                 "broken_off",
		"goes on":                      "cancelled_during",
		"doesn't look at its context":  "cancelled_before",
		"writes":                       "large_state",
		"sends what may write":         "concurrent_reads",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			run := "^TestBackend$"
			if noticed != "" {
				run += "/^" + noticed + "$"
			}
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+run, "-test.parallel=4")
			cmd.Env = append(os.Environ(), variable+"="+fault)
			out, err := cmd.CombinedOutput()
			if noticed == "" && err != nil {
				t.Errorf("a sound backend fails:\n%s", out)
			}
			if noticed != "" && !strings.Contains(string(out), "--- FAIL: TestBackend/"+noticed+" ") {
				t.Errorf("it went unnoticed: %v\n%s", err, out)
			}
		})
	}
}

// memory is a server that keeps objects.
type memory struct {
	mu      sync.Mutex
	objects map[string]string
}

func (m *memory) put(name, content string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[name] = content
}

func (m *memory) snapshot(*testing.T) map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.objects)
}

func (m *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := strings.TrimPrefix(r.URL.Path, "/")
	content, there := m.objects[name]
	switch {
	case r.Method == http.MethodPut:
		m.objects[name] = "written"
	case name == "list":
		for name := range m.objects {
			if workspace, is := strings.CutPrefix(name, "state/"); is {
				_, _ = fmt.Fprintln(w, workspace)
			}
		}
	case !there:
		w.WriteHeader(http.StatusNotFound)
	default:
		_, _ = io.WriteString(w, content)
	}
}

// backend reads from memory, and has at most one fault.
type backend struct {
	server, fault string
	kept          *sync.Map
}

func (b *backend) String() string {
	if b.fault == "shows its password" {
		return b.server + canary
	}
	return b.server
}

func (b *backend) State(workspace string) state.Source { return &source{b, workspace} }

func (b *backend) Workspaces(ctx context.Context) ([]string, error) {
	text, err := b.get(ctx, "list")
	if err != nil {
		return nil, err
	}
	names := strings.Fields(text)
	if !slices.Contains(names, "default") && b.fault != "no default workspace" {
		names = append(names, "default")
	}
	slices.Sort(names)
	if b.fault == "unsorted workspaces" {
		slices.Reverse(names)
	}
	if b.fault == "first page only" {
		names = names[:min(len(names), 10)]
	}
	return names, nil
}

type source struct {
	*backend
	workspace string
}

func (s *source) String() string {
	if s.fault == "one name for all" {
		return "memory"
	}
	return s.backend.String() + "/" + s.workspace
}

func (s *source) Read(ctx context.Context) ([]byte, error) {
	if kept, there := s.kept.Load(s.workspace); there && s.fault == "remembers" {
		return kept.([]byte), nil
	}
	text, err := s.get(ctx, "state/"+s.workspace)
	if errors.Is(err, state.ErrNone) {
		if s.fault == "empty for none" {
			return []byte{}, nil
		}
		return nil, fmt.Errorf("%w at %s", state.ErrNone, s)
	}
	if err != nil {
		return nil, s.failed(err)
	}
	switch s.fault {
	case "trims spaces":
		text = strings.TrimSpace(text)
	case "drops a byte order mark":
		text = strings.TrimPrefix(text, "\ufeff")
	}
	s.kept.Store(s.workspace, []byte(text))
	return []byte(text), nil
}

// failed makes an error as it should be, but for the fault.
func (s *source) failed(err error) error {
	switch s.fault {
	case "shows its password in errors":
		return fmt.Errorf("reading %s: %w with %s; try again", s, err, canary)
	case "errors without the name":
		return errors.New("it can't be read; try again")
	case "errors without a next step":
		return fmt.Errorf("reading %s failed", s)
	case "no answer for no state":
		return fmt.Errorf("reading %s: %w; try again", s, state.ErrNone)
	}
	return fmt.Errorf("reading %s: %w; try again", s, err)
}

func (s *source) Lock(ctx context.Context) (*state.Lock, error) {
	text, err := s.get(ctx, "lock/"+s.workspace)
	switch {
	case errors.Is(err, state.ErrNone) || (err == nil && s.fault == "no locks"):
		return nil, nil
	case err != nil:
		return nil, s.failed(err)
	case text == "{" && s.fault == "damaged lock for none":
		return nil, nil
	}
	lock := state.ParseLock([]byte(text))
	if s.fault == "a plan's lock changes" {
		lock.Operation = "OperationTypeApply"
	}
	return lock, nil
}

// get gets an object.
func (b *backend) get(ctx context.Context, name string) (string, error) {
	if b.fault == "goes on" || b.fault == "doesn't look at its context" {
		ctx = context.WithoutCancel(ctx)
	}
	if method := map[string]string{"writes": http.MethodPut, "sends what may write": http.MethodPost}[b.fault]; method != "" {
		answer, err := b.send(ctx, method, "extra")
		if err != nil {
			return "", err
		}
		answer.Body.Close()
	}
	answer, err := b.send(ctx, http.MethodGet, name)
	if err != nil {
		return "", fmt.Errorf("asking: %w; try again", err)
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return "", state.ErrNone
	default:
		return "", fmt.Errorf("status %d; try again", answer.StatusCode)
	}
	content, err := io.ReadAll(answer.Body)
	if b.fault == "half a state" {
		err = nil
	}
	if err != nil {
		return "", fmt.Errorf("reading: %w; try again", err)
	}
	return string(content), nil
}

func (b *backend) send(ctx context.Context, method, name string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, b.server+"/"+name, http.NoBody)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(request)
}
