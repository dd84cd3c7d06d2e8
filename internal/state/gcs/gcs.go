// Package gcs reads states from Google Cloud Storage, where Terraform's gcs
// backend keeps them: PREFIX/WORKSPACE.tfstate, with a lock beside each in
// PREFIX/WORKSPACE.tflock. It speaks the JSON API itself, and only GET.
// https://developer.hashicorp.com/terraform/language/backend/gcs
// https://cloud.google.com/storage/docs/json_api/v1
package gcs

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"holdfast/internal/state"
	"holdfast/internal/state/webget"
)

// Bucket is a bucket with states in it.
type Bucket struct {
	name   string
	api    string // the API's address, up to its version
	key    http.Header
	tokens *tokens
	client *http.Client
}

// Backend is where a root module keeps its states in a bucket.
type Backend struct {
	bucket *Bucket
	prefix string // ends with a slash, or is empty
}

// New makes the backend. It asks nothing of the network yet.
func New(s state.Settings) (state.Backend, error) {
	bucket, err := Open(s)
	if err != nil {
		return nil, err
	}
	prefix, err := s.Text("prefix")
	if err != nil {
		return nil, err
	}
	if prefix = strings.TrimLeft(prefix, "/"); prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	return &Backend{bucket, prefix}, nil
}

// Open makes the bucket of a backend's settings. It asks nothing of the network
// yet.
func Open(s state.Settings) (*Bucket, error) {
	name, err := s.Text("bucket")
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, errors.New("the gcs backend has no bucket; name it in the backend block or with -backend-config, and run terraform init")
	}
	b := &Bucket{name: name}
	if b.client, err = webget.NewClient(s); err != nil {
		return nil, err
	}
	if b.api, err = endpoint(s); err != nil {
		return nil, err
	}
	if b.key, err = encryptionKey(s); err != nil {
		return nil, err
	}
	if b.tokens, err = newTokens(s); err != nil {
		return nil, err
	}
	return b, nil
}

// endpoint is where the API is. Terraform's documentation has the custom one end
// in /storage/v1/b.
func endpoint(s state.Settings) (string, error) {
	custom, err := s.Text("storage_custom_endpoint")
	if err != nil {
		return "", err
	}
	custom = cmp.Or(custom, s.FirstEnv("GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT", "GOOGLE_STORAGE_CUSTOM_ENDPOINT"))
	if emulator := s.Getenv("STORAGE_EMULATOR_HOST"); custom == "" && emulator != "" {
		custom = emulator
		if !strings.Contains(emulator, "://") {
			custom = "http://" + emulator
		}
	}
	if custom == "" {
		return "https://storage.googleapis.com/storage/v1", nil
	}
	u, err := url.Parse(custom)
	if err != nil || u.Host == "" {
		return "", errors.New("the gcs backend's storage_custom_endpoint is no URL; write it as https://HOST/storage/v1/b")
	}
	if u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/b"); u.Path == "" {
		u.Path = "/storage/v1"
	}
	return u.String(), nil
}

// String names the backend.
func (b *Backend) String() string { return b.bucket.String() + b.prefix }

// State gives the source of a workspace's state.
func (b *Backend) State(workspace string) state.Source {
	return b.bucket.Source(path.Join(b.prefix, workspace+".tfstate"))
}

// Workspaces lists those whose state is in the bucket.
func (b *Backend) Workspaces(ctx context.Context) ([]string, error) {
	names := []string{"default"}
	objects, err := b.bucket.all(ctx, url.Values{"prefix": {b.prefix}, "delimiter": {"/"}})
	if err != nil {
		return nil, fmt.Errorf("listing the workspaces in %s: %w", b, err)
	}
	for _, object := range objects {
		if name, ok := strings.CutSuffix(path.Base(object), ".tfstate"); ok && name != "default" && name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// String gives the bucket's URL.
func (b *Bucket) String() string { return "gs://" + b.name + "/" }

// Source gives the state that is an object, whether or not it exists.
func (b *Bucket) Source(object string) state.Source { return &source{b, object} }

// List gives the names of all objects that begin with a prefix, without locks.
func (b *Bucket) List(ctx context.Context, prefix string) ([]string, error) {
	objects, err := b.all(ctx, url.Values{"prefix": {prefix}})
	if err != nil {
		return nil, fmt.Errorf("listing %s%s: %w", b, prefix, err)
	}
	return slices.DeleteFunc(objects, func(object string) bool { return strings.HasSuffix(object, ".tflock") }), nil
}

// all lists objects, page by page.
func (b *Bucket) all(ctx context.Context, query url.Values) ([]string, error) {
	var names []string
	query.Set("fields", "items(name),nextPageToken")
	for {
		list, err := b.list(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, item := range list.Items {
			names = append(names, item.Name)
		}
		if list.NextPageToken == "" {
			return names, nil
		}
		query.Set("pageToken", list.NextPageToken)
	}
}

// objects is one page of a list of objects.
type objects struct {
	Items []struct {
		Name string `json:"name"`
	} `json:"items"`
	NextPageToken string `json:"nextPageToken"`
}

func (b *Bucket) list(ctx context.Context, query url.Values) (objects, error) {
	var list objects
	body, _, err := b.get(ctx, "/o?"+query.Encode(), nil)
	if err != nil {
		return list, b.explain(err)
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return list, errors.New("the answer is no list of objects; check storage_custom_endpoint")
	}
	return list, nil
}

// get asks for something of the bucket.
func (b *Bucket) get(ctx context.Context, what string, header http.Header) ([]byte, http.Header, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	all := http.Header{}
	maps.Copy(all, header)
	if err := b.tokens.authorize(ctx, all); err != nil {
		return nil, nil, err
	}
	return webget.Get(ctx, b.client, b.api+"/b/"+url.PathEscape(b.name)+what, all)
}

// object gives the content of an object.
func (b *Bucket) object(ctx context.Context, name string, header http.Header) ([]byte, http.Header, error) {
	return b.get(ctx, "/o/"+url.PathEscape(name)+"?alt=media", header)
}

// explain says what to do about an answer.
func (b *Bucket) explain(err error) error {
	if errors.As(err, new(*tokenError)) {
		return err
	}
	status, ok := errors.AsType[*webget.StatusError](err)
	if !ok {
		return fmt.Errorf("%w; check the network and storage_custom_endpoint", err)
	}
	next := "try again, or ask https://status.cloud.google.com"
	switch status.Code {
	case http.StatusNotFound:
		next = "check the name of the bucket"
	case http.StatusUnauthorized:
		next = "sign in again with gcloud auth application-default login, or renew the backend's credentials"
	case http.StatusForbidden:
		next = "grant the credentials roles/storage.objectViewer on the bucket " + b.name
	case http.StatusBadRequest:
		next = "check the bucket's name and encryption_key"
	}
	var answer struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal([]byte(status.Message), &answer) // not every answer is one of the API
	if answer.Error.Message == "" {
		return fmt.Errorf("%w; %s", err, next)
	}
	return fmt.Errorf("%w (%s); %s", err, webget.Hide(answer.Error.Message, b.secrets()...), next)
}

func (b *Bucket) secrets() []string {
	return append(b.tokens.secrets(), b.key.Get(keyHeader))
}

const keyHeader = "X-Goog-Encryption-Key"

// source is the state in one object.
type source struct {
	b      *Bucket
	object string
}

// String gives the object's URL, as gcloud storage takes it.
func (s *source) String() string { return s.b.String() + s.object }

// Read gives the content of the state, whole: it is held against the checksum
// that Cloud Storage sends.
func (s *source) Read(ctx context.Context) ([]byte, error) {
	body, header, err := s.b.object(ctx, s.object, s.b.key)
	if status, ok := errors.AsType[*webget.StatusError](err); ok && status.Code == http.StatusNotFound {
		return nil, s.missing(ctx)
	}
	if err == nil {
		err = checksum(body, header)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state %s: %w", s, s.b.explain(err))
	}
	return body, nil
}

// missing tells a missing state from a missing bucket. Credentials that may not
// list objects can't tell: then it is the state, as Terraform takes it.
func (s *source) missing(ctx context.Context) error {
	_, err := s.b.list(ctx, url.Values{"prefix": {s.object}, "maxResults": {"1"}})
	status, answered := errors.AsType[*webget.StatusError](err)
	if err == nil || (answered && status.Code != http.StatusNotFound) {
		return fmt.Errorf("%w at %s", state.ErrNone, s)
	}
	return fmt.Errorf("reading the state %s: %w", s, err)
}

// checksum holds a body against the CRC32C of x-goog-hash, where there is one.
// https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash
func checksum(body []byte, header http.Header) error {
	for _, value := range header.Values("X-Goog-Hash") {
		for part := range strings.SplitSeq(value, ",") {
			want, ok := strings.CutPrefix(strings.TrimSpace(part), "crc32c=")
			if !ok {
				continue
			}
			sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
			if base64.StdEncoding.EncodeToString(sum) != want {
				return errors.New("it was damaged on the way: its checksum is another")
			}
		}
	}
	return nil
}

// Lock tells who holds the state's lock. Its ID is the lock object's generation:
// what terraform force-unlock takes.
func (s *source) Lock(ctx context.Context) (*state.Lock, error) {
	body, header, err := s.b.object(ctx, strings.TrimSuffix(s.object, ".tfstate")+".tflock", nil)
	if status, ok := errors.AsType[*webget.StatusError](err); ok && status.Code == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the lock of %s: %w", s, s.b.explain(err))
	}
	lock := &state.Lock{}
	if json.Unmarshal(body, lock) != nil {
		lock = &state.Lock{Operation: "unknown"}
	}
	lock.ID = cmp.Or(header.Get("X-Goog-Generation"), lock.ID)
	return lock, nil
}
