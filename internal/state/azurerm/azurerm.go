// Package azurerm reads states from Azure Blob Storage, where Terraform's azurerm
// backend keeps them: the default workspace's in the blob KEY, others in
// KEYenv:NAME. The lock is a lease on the blob, and whose it is stands in the
// blob's metadata.
// https://developer.hashicorp.com/terraform/language/backend/azurerm
package azurerm

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"holdfast/internal/state"
	"holdfast/internal/state/webget"
)

// Container is a container with states in it.
type Container struct {
	url     string // without a signature
	client  *container.Client
	secrets []string
}

// Backend is where a root module keeps its states in a container.
type Backend struct {
	container *Container
	key       string
}

// New makes the backend. It asks nothing of the network yet.
func New(s state.Settings) (state.Backend, error) {
	key, err := needed(s, "key")
	if err != nil {
		return nil, err
	}
	c, err := Open(s)
	if err != nil {
		return nil, err
	}
	return &Backend{c, key}, nil
}

// needed is a setting that must be there.
func needed(s state.Settings, name string) (string, error) {
	value, err := s.Text(name)
	if err == nil && value == "" {
		err = fmt.Errorf("the azurerm backend has no %s; name it in the backend block or with -backend-config, and run terraform init", name)
	}
	return value, err
}

// Open makes the container of a backend's settings. It asks nothing of the
// network yet.
func Open(s state.Settings) (*Container, error) {
	account, err := needed(s, "storage_account_name")
	if err != nil {
		return nil, err
	}
	name, err := needed(s, "container_name")
	if err != nil {
		return nil, err
	}
	cloud, err := cloudOf(s)
	if err != nil {
		return nil, err
	}
	address := strings.TrimRight(s.Getenv("AZURE_STORAGE_SERVICE_ENDPOINT"), "/")
	if address == "" {
		if cloud.custom {
			return nil, errors.New("the azurerm backend's metadata_host names a cloud of your own, and where its blobs are can't be told; set AZURE_STORAGE_SERVICE_ENDPOINT to the blob service's URL")
		}
		address = "https://" + account + "." + cloud.suffix
	}
	if u, err := url.Parse(address); err != nil || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("AZURE_STORAGE_SERVICE_ENDPOINT is no URL of a blob service; write it as https://ACCOUNT.HOST")
	}
	c := &Container{url: address + "/" + url.PathEscape(name)}
	if err := c.connect(s, account, cloud); err != nil {
		return nil, err
	}
	return c, nil
}

// connect makes the client, with the first credentials that there are: a shared
// access signature, Entra ID where it is asked for, the account's key, and Entra
// ID again.
func (c *Container) connect(s state.Settings, account string, cloud cloudKind) error {
	ad, err := flag(s, "use_azuread_auth", "ARM_USE_AZUREAD")
	if err != nil {
		return err
	}
	signature, err := text(s, "sas_token", "ARM_SAS_TOKEN")
	if err != nil {
		return err
	}
	key, err := text(s, "access_key", "ARM_ACCESS_KEY")
	if err != nil {
		return err
	}
	c.secrets = append(parts(signature), signature, key)
	client, err := webget.NewClient(s)
	if err != nil {
		return err
	}
	options := &container.ClientOptions{ClientOptions: policy.ClientOptions{
		Cloud:     cloud.Configuration,
		Transport: client,
		Retry:     policy.RetryOptions{MaxRetries: -1}, // the transport does
	}}
	switch {
	case signature != "":
		c.client, err = container.NewClientWithNoCredential(c.url+"?"+strings.TrimPrefix(signature, "?"), options)
	case key != "" && !ad:
		var shared *container.SharedKeyCredential
		if shared, err = container.NewSharedKeyCredential(account, key); err != nil {
			return errors.New("the azurerm backend's access_key is not base64; copy it anew, and check ARM_ACCESS_KEY")
		}
		c.client, err = container.NewClientWithSharedKeyCredential(c.url, shared, options)
	default:
		var identity azcore.TokenCredential
		if identity, err = c.identity(s, cloud); err != nil {
			return err
		}
		c.client, err = container.NewClient(c.url, identity, options)
	}
	if err != nil {
		return fmt.Errorf("the azurerm backend can't be used: %s; check its settings", webget.Hide(webget.Bare(err).Error(), c.secrets...))
	}
	return nil
}

// parts gives what is secret in a shared access signature: its sig, as it is
// written and decoded.
func parts(signature string) []string {
	values, err := url.ParseQuery(strings.TrimPrefix(signature, "?"))
	if err != nil || values.Get("sig") == "" {
		return nil
	}
	return []string{values.Get("sig"), url.QueryEscape(values.Get("sig"))}
}

// String names the backend.
func (b *Backend) String() string { return b.container.String() + "/" + b.key }

// State gives the source of a workspace's state.
func (b *Backend) State(workspace string) state.Source {
	if workspace == "default" {
		return b.container.Source(b.key)
	}
	return b.container.Source(b.key + "env:" + workspace)
}

// Workspaces lists those whose state is in the container.
func (b *Backend) Workspaces(ctx context.Context) ([]string, error) {
	names, prefix := []string{"default"}, b.key+"env:"
	blobs, err := b.container.all(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("listing the workspaces in %s: %w", b, err)
	}
	for _, blob := range blobs {
		name, ok := strings.CutPrefix(blob, prefix)
		if ok && name != "" && name != "default" && !strings.Contains(name, "/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// String gives the container's address.
func (c *Container) String() string { return c.url }

// Source gives the state in a blob, whether or not it exists.
func (c *Container) Source(blob string) state.Source { return &source{c, blob} }

// List gives the names of all blobs that begin with a prefix.
func (c *Container) List(ctx context.Context, prefix string) ([]string, error) {
	blobs, err := c.all(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("listing %s/%s: %w", c, prefix, err)
	}
	return blobs, nil
}

// pageSize is how many blobs are listed at a time: a fifth of what the service
// allows, so that a test can afford more than one page.
const pageSize = 1000

// all lists blobs, page by page.
func (c *Container) all(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	size := int32(pageSize)
	pages := c.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &prefix, MaxResults: &size})
	for pages.More() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, c.explain(err)
		}
		for _, item := range page.Segment.BlobItems {
			names = append(names, *item.Name)
		}
	}
	return names, nil
}

// explain says what to do about an error, without what it was sent.
func (c *Container) explain(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w; it was interrupted", webget.Bare(err))
	}
	if _, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok {
		return fmt.Errorf("signing in failed (%s); run az login, or check client_id, tenant_id and the secret", c.hide(err))
	}
	answer, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return fmt.Errorf("%s; check the network and the name of the storage account", c.hide(webget.Bare(err)))
	}
	next := "try again, or ask https://status.azure.com"
	switch answer.StatusCode {
	case http.StatusNotFound:
		next = "check storage_account_name and container_name"
	case http.StatusUnauthorized, http.StatusForbidden:
		next = "check access_key or sas_token, or grant the role Storage Blob Data Reader on the container"
	case http.StatusBadRequest:
		next = "check the backend's settings"
	}
	return fmt.Errorf("the server answered %d %s; %s", answer.StatusCode,
		webget.Hide(cmp.Or(answer.ErrorCode, http.StatusText(answer.StatusCode)), c.secrets...), next)
}

func (c *Container) hide(err error) string { return webget.Hide(err.Error(), c.secrets...) }

// source is the state in one blob.
type source struct {
	container *Container
	blob      string
}

// String gives the blob's address, without a signature.
func (s *source) String() string { return s.container.url + "/" + s.blob }

// Read gives the content of the state. An empty blob is none: it is what a lock
// was taken on before the first apply ended.
func (s *source) Read(ctx context.Context) ([]byte, error) {
	body, err := s.download(ctx)
	switch {
	case err == nil && len(body) > 0:
		return body, nil
	case err == nil, bloberror.HasCode(err, bloberror.BlobNotFound):
		return nil, fmt.Errorf("%w at %s", state.ErrNone, s)
	}
	return nil, fmt.Errorf("reading the state %s: %w", s, s.container.explain(err))
}

func (s *source) download(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answer, err := s.container.client.NewBlobClient(s.blob).DownloadStream(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if answer.ContentLength != nil && *answer.ContentLength != int64(len(body)) {
		return nil, fmt.Errorf("the answer broke off: %w", io.ErrUnexpectedEOF)
	}
	return body, nil
}

// Lock tells who holds the lease on the blob. Terraform writes that into the
// blob's metadata, as base64 of JSON.
func (s *source) Lock(ctx context.Context) (*state.Lock, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading the lock of %s: %w", s, err)
	}
	answer, err := s.container.client.NewBlobClient(s.blob).GetProperties(ctx, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the lock of %s: %w", s, s.container.explain(err))
	}
	if answer.LeaseStatus == nil || *answer.LeaseStatus != lease.StatusTypeLocked {
		return nil, nil
	}
	return holder(answer.Metadata), nil
}

// holder reads who took a lease. One whose metadata don't tell is unknown: it
// was taken just now, or by something other than Terraform.
func holder(metadata map[string]*string) *state.Lock {
	for name, value := range metadata {
		if !strings.EqualFold(name, "terraformlockid") || value == nil {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(*value)
		lock := &state.Lock{}
		if err == nil && json.Unmarshal(raw, lock) == nil {
			return lock
		}
	}
	return &state.Lock{Operation: "unknown"}
}
