package alert

import (
	"net/http"
	"strings"
	"time"
)

// githubChannels for the suite: a repository without any issues, which takes all.
func githubChannels() []httpChannel {
	return []httpChannel{{
		name: "github",
		open: func(base string, client *http.Client) (Notifier, error) {
			return NewGitHub(GitHubOptions{Repository: "acme/infra", Token: githubCanary, URL: base, Client: client, Pace: time.Nanosecond})
		},
		take: func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/issues"):
				w.WriteHeader(http.StatusCreated)
				_, _ = w.Write([]byte(`{"number": 1, "state": "open", "labels": [{"name": "drift"}]}`))
			case strings.Contains(r.URL.Path, "/labels/"):
				_, _ = w.Write([]byte(`{}`))
			default:
				_, _ = w.Write([]byte(`[]`))
			}
		},
		secrets: []string{githubCanary},
	}}
}
