package state

import "context"

// Source is one state, wherever it is kept. Nothing of it writes: a state is
// never changed and a lock never taken. detect reads one at the beginning of a
// check, and again with its lock before it reports findings. Safe for concurrent
// use.
type Source interface {
	// String names the source for results and messages, without any secret:
	// a path, or a URL such as s3://bucket/key.
	String() string
	// Read gives the content of the state file. Where there is none, the error
	// is ErrNone.
	Read(ctx context.Context) ([]byte, error)
	// Lock tells who holds the state's lock; nil when nobody does, or when the
	// backend can't tell.
	Lock(ctx context.Context) (*Lock, error)
}

// Backend is where a root module keeps its states, one for each workspace.
type Backend interface {
	// State gives the source of a workspace's state, whether or not it exists.
	State(workspace string) Source
	// Workspaces lists those that have a state, sorted. "default" is among them
	// even where its state does not exist, as in Terraform.
	Workspaces(ctx context.Context) ([]string, error)
}

// Settings are what a backend is configured with.
type Settings struct {
	// Config holds the arguments of the backend block, those of
	// -backend-config merged in, as JSON decodes them. Missing ones are taken
	// from Env where the backend's documentation says so.
	Config map[string]any
	Dir    string   // the root module's folder; relative paths start there
	Env    []string // the environment, with credentials
}
