package webget_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"holdfast/internal/state"
	"holdfast/internal/state/webget"
)

func client(t *testing.T) *http.Client {
	t.Helper()
	c, err := webget.NewClient(state.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Nothing but reading leaves the program.
func TestOnlyReads(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "LOCK", "UNLOCK", "get"} {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := client(t).Do(req); err == nil {
			resp.Body.Close()
			t.Errorf("%s is sent", method)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the server got %d requests", n)
	}
	for _, method := range []string{"GET", "HEAD"} {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
}

func TestTriesAgain(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int32{200: 1, 429: 3, 500: 3, 502: 3, 503: 3, 504: 3, 400: 1, 401: 1, 403: 1, 404: 1} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				w.WriteHeader(status)
			}))
			defer server.Close()
			_, _, err := webget.Get(t.Context(), client(t), server.URL, nil)
			if asked.Load() != want {
				t.Errorf("it was asked %d times, want %d", asked.Load(), want)
			}
			if answer, ok := errors.AsType[*webget.StatusError](err); ok != (status != 200) || (ok && answer.Code != status) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("gone the second time", func(t *testing.T) {
		t.Parallel()
		var asked atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) == 1 {
				panic(http.ErrAbortHandler)
			}
			fmt.Fprint(w, "good")
		}))
		defer server.Close()
		if body, _, err := webget.Get(t.Context(), client(t), server.URL, nil); err != nil || string(body) != "good" {
			t.Errorf("got %s, %v", body, err)
		}
	})
}

// An interrupt ends the wait between two tries.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		cancel()
	}))
	defer server.Close()
	if _, _, err := webget.Get(ctx, client(t), server.URL, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNoURLInErrors(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	for _, address := range []string{server.URL + "/?sig=canary", "http://a b/?sig=canary", "nothing://x?sig=canary"} {
		if _, _, err := webget.Get(t.Context(), client(t), address, nil); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v", err)
		}
	}
}

func TestHide(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		secrets []string
		want    string
	}{
		{"a secret and\n\ta secret2", []string{"secret", "secret2"}, "a (hidden) and a (hidden)"},
		{"sent eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln-_x here", nil, "sent (hidden) here"},
		{"abc", []string{"a", "", "abc"}, "abc"},
		{strings.Repeat("é", 200), nil, strings.Repeat("é", 150) + "..."},
		{"x" + strings.Repeat("é", 200), nil, "x" + strings.Repeat("é", 149) + "..."},
	} {
		if got := webget.Hide(c.text, c.secrets...); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
