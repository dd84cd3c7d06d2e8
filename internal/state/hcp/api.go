package hcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"holdfast/internal/state"
	"holdfast/internal/state/webget"
)

// api is the API of one host.
type api struct {
	root   string // https://HOST
	client *http.Client
	token  string

	mu   sync.Mutex
	base *url.URL // where the API is, once it was asked for
}

func newAPI(s state.Settings, scheme, host string) (*api, error) {
	token, err := s.Text("token")
	if err == nil && token == "" {
		token, err = findToken(s, host)
	}
	if err != nil {
		return nil, err
	}
	client, err := webget.NewClient(s)
	if err != nil {
		return nil, err
	}
	return &api{root: scheme + "://" + host, client: client, token: token}, nil
}

// one and list are documents of JSON:API with what is needed of them.
type one struct {
	Data     object   `json:"data"`
	Included []object `json:"included"`
}

type list struct {
	Data []object `json:"data"`
	Meta struct {
		Pagination struct {
			NextPage int `json:"next-page"` // 0 after the last one
		} `json:"pagination"`
	} `json:"meta"`
}

type object struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Attributes struct {
		Name        string    `json:"name"`
		Username    string    `json:"username"`
		Locked      bool      `json:"locked"`
		Status      string    `json:"status"`
		PlanOnly    bool      `json:"plan-only"`
		CreatedAt   time.Time `json:"created-at"`
		DownloadURL string    `json:"hosted-state-download-url"`
	} `json:"attributes"`
	Relationships struct {
		LockedBy struct {
			Data *struct {
				ID   string `json:"id"`
				Type string `json:"type"`
			} `json:"data"`
		} `json:"locked-by"`
	} `json:"relationships"`
}

// advice is an error with the next step.
type advice struct{ what, next string }

func (a *advice) Error() string { return a.what + "; " + a.next }

// discoveryError is the error of a host that doesn't say where its API is.
type discoveryError struct{ err error }

func (e *discoveryError) Error() string { return "asking the host for its API: " + e.err.Error() }
func (e *discoveryError) Unwrap() error { return e.err }

// discover gives where the API is: the host says so.
// https://developer.hashicorp.com/terraform/internals/remote-service-discovery
func (a *api) discover(ctx context.Context) (*url.URL, error) {
	a.mu.Lock()
	base := a.base
	a.mu.Unlock()
	if base != nil {
		return base, nil
	}
	place := a.root + "/.well-known/terraform.json"
	body, _, err := webget.Get(ctx, a.client, place, http.Header{"Accept": {"application/json"}})
	if err != nil {
		return nil, &discoveryError{err}
	}
	var services map[string]any
	if err := json.Unmarshal(body, &services); err != nil {
		return nil, &discoveryError{errors.New("the answer is no JSON")}
	}
	from, err := url.Parse(place)
	if err != nil {
		return nil, &discoveryError{err}
	}
	for _, service := range []string{"tfe.v2", "tfe.v2.2", "tfe.v2.1", "state.v2"} {
		if address, ok := services[service].(string); ok {
			if base, err = from.Parse(strings.TrimSuffix(address, "/") + "/"); err != nil {
				return nil, &discoveryError{err}
			}
			if base.Scheme != from.Scheme && base.Scheme != "https" {
				return nil, &discoveryError{errors.New("it names an address that is not encrypted")}
			}
			a.mu.Lock()
			a.base = base
			a.mu.Unlock()
			return base, nil
		}
	}
	return nil, &discoveryError{errors.New("it offers none of HCP Terraform")}
}

// get asks the API for a document.
func (a *api) get(ctx context.Context, path string, query url.Values, into any) error {
	base, err := a.discover(ctx)
	if err != nil {
		return err
	}
	address, err := base.Parse(path + "?" + query.Encode())
	if err != nil {
		return webget.Bare(err)
	}
	body, _, err := webget.Get(ctx, a.client, address.String(), http.Header{
		"Authorization": {"Bearer " + a.token}, "Accept": {"application/vnd.api+json"},
	})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return errors.New("the answer is no document of its API")
	}
	return nil
}

// download gets a state. The token goes to the API's own host alone: elsewhere
// the address itself lets one read.
func (a *api) download(ctx context.Context, address string) ([]byte, error) {
	base, err := a.discover(ctx)
	if err != nil {
		return nil, err
	}
	u, err := base.Parse(address)
	if err != nil {
		return nil, errors.New("the API gave an address of the state that is none")
	}
	if u.Scheme != base.Scheme && u.Scheme != "https" {
		return nil, errors.New("the API gave an address of the state that is not encrypted")
	}
	header := http.Header{"Accept": {"application/json"}}
	if u.Scheme == base.Scheme && u.Host == base.Host {
		header.Set("Authorization", "Bearer "+a.token)
	}
	body, _, err := webget.Get(ctx, a.client, u.String(), header)
	if status, ok := errors.AsType[*webget.StatusError](err); ok && status.Code == http.StatusNotFound {
		return nil, errors.New("the state's content is gone from where the API says it is")
	}
	return body, err
}

// explain says what to do about an error.
func (a *api) explain(err error) error {
	status, answered := errors.AsType[*webget.StatusError](err)
	switch {
	case errors.As(err, new(*advice)):
		return err
	case errors.As(err, new(*discoveryError)):
		return fmt.Errorf("%w; check the backend's hostname and the network", err)
	case !answered:
		return fmt.Errorf("%w; check the network, and the status at https://status.hashicorp.com", err)
	}
	next := "try again, or look at https://status.hashicorp.com"
	switch status.Code {
	case http.StatusUnauthorized, http.StatusForbidden:
		next = "run terraform login " + strings.TrimPrefix(strings.TrimPrefix(a.root, "https://"), "http://") + ", or set a token that may read the workspace's state"
	case http.StatusNotFound:
		next = "check organization and workspaces, and what the token may read"
	}
	var answer struct {
		Errors []struct {
			Title  string `json:"title"`
			Detail string `json:"detail"`
		} `json:"errors"`
	}
	_ = json.Unmarshal([]byte(status.Message), &answer) // not every answer is one of the API
	if len(answer.Errors) == 0 {
		return fmt.Errorf("%w; %s", err, next)
	}
	said := strings.TrimSpace(answer.Errors[0].Title + " " + answer.Errors[0].Detail)
	return fmt.Errorf("%w (%s); %s", err, webget.Hide(said, a.token), next)
}
