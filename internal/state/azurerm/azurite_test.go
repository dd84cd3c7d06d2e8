package azurerm_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"holdfast/internal/state"
)

const account = "holdfast"

// canary is the account's key.
var canary = base64.StdEncoding.EncodeToString([]byte("canary-account-key-0123456789"))

// azurite is one server for all tests, each of which has a container of its own.
var azurite = sync.OnceValues(startAzurite)

// stopAzurite ends the server; set once it runs.
var stopAzurite = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	stopAzurite()
	os.Exit(code)
}

// program finds Azurite where scripts/setup-azurite puts it.
func program() (string, error) {
	if path := os.Getenv("HOLDFAST_LAB_AZURITE"); path != "" {
		return path, nil
	}
	_, here, _, _ := runtime.Caller(0)
	dir := filepath.Dir(here)
	path := filepath.Join(dir, "..", "..", "..", ".tools", "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js")
	_, err := os.Stat(path)
	return path, err
}

func startAzurite() (string, error) {
	main, err := program()
	if err != nil {
		return "", err
	}
	stop, err := filepath.Abs(filepath.Join("testdata", "stop.js"))
	if err != nil {
		return "", err
	}
	cmd := exec.Command("node", "-r", stop, main, "--blobPort", "0", "--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck")
	cmd.Dir, cmd.Env, cmd.Stderr = os.TempDir(), append(os.Environ(), "AZURITE_ACCOUNTS="+account+":"+canary), os.Stderr
	end, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	stopAzurite = func() {
		end.Close()
		_ = cmd.Wait()
	}
	said := bufio.NewScanner(out)
	for said.Scan() {
		if _, address, ok := strings.Cut(said.Text(), "successfully listens on "); ok {
			go io.Copy(io.Discard, out) //nolint:errcheck // until it ends
			return strings.TrimSpace(address), nil
		}
	}
	return "", fmt.Errorf("azurite ended before it listened")
}

// server gives the address of Azurite.
func server(t *testing.T) string {
	t.Helper()
	address, err := azurite()
	if err == nil {
		return address
	}
	if os.Getenv("HOLDFAST_REQUIRE_LAB") != "" {
		t.Fatalf("azurite: %v; run scripts/setup-azurite", err)
	}
	t.Skipf("azurite: %v; run scripts/setup-azurite", err)
	return ""
}

// box is a container of its own.
type box struct{ client *container.Client }

var unfit = regexp.MustCompile(`[^a-z0-9]+`)

func newBox(t *testing.T) box {
	t.Helper()
	shared, err := container.NewSharedKeyCredential(account, canary)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.Trim(unfit.ReplaceAllString(strings.ToLower(t.Name()), "-"), "-")
	client, err := container.NewClientWithSharedKeyCredential(server(t)+"/"+account+"/"+name, shared, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return box{client}
}

func (b box) name() string { return b.client.URL()[strings.LastIndex(b.client.URL(), "/")+1:] }

const key = "team/net/prod.tfstate"

func (b box) blob(workspace string) *blockblob.Client {
	if workspace == "default" {
		return b.client.NewBlockBlobClient(key)
	}
	return b.client.NewBlockBlobClient(key + "env:" + workspace)
}

func (b box) put(t *testing.T, blob *blockblob.Client, content []byte) {
	t.Helper()
	if _, err := blob.UploadBuffer(t.Context(), content, nil); err != nil {
		t.Fatal(err)
	}
}

// lock takes a lease and writes metadata, as Terraform does. An earlier lease
// ends.
func (b box) lock(t *testing.T, workspace string, metadata map[string]*string) {
	t.Helper()
	target := b.blob(workspace)
	if _, err := target.GetProperties(t.Context(), nil); err != nil {
		b.put(t, target, nil)
	}
	id := "f8b1c9a0-6d0e-4b0e-9a57-0f6f6f3f1c11"
	holder, err := lease.NewBlobClient(target, &lease.BlobClientOptions{LeaseID: &id})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.AcquireLease(t.Context(), -1, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := target.SetMetadata(t.Context(), metadata, &blob.SetMetadataOptions{
		AccessConditions: &blob.AccessConditions{LeaseAccessConditions: &blob.LeaseAccessConditions{LeaseID: &id}},
	}); err != nil {
		t.Fatal(err)
	}
}

func (b box) putLock(t *testing.T, workspace string, l state.Lock) {
	t.Helper()
	info, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	encoded := base64.StdEncoding.EncodeToString(info)
	b.lock(t, workspace, map[string]*string{"terraformlockid": &encoded})
}

func (b box) snapshot(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	pages := b.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Include: container.ListBlobsInclude{Metadata: true, Snapshots: true}})
	for pages.More() {
		page, err := pages.NextPage(context.Background()) // it is also taken when the test has ended
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Segment.BlobItems {
			p := item.Properties
			text := fmt.Sprint(*p.ETag, p.LastModified, *p.LeaseState, *p.ContentLength)
			for name, value := range item.Metadata {
				text += name + *value
			}
			all[*item.Name] = text
		}
	}
	return all
}

// deny answers as the service does, and repeats what it was sent.
func deny(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("x-ms-error-code", "AuthorizationPermissionMismatch")
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>AuthorizationPermissionMismatch</Code><Message>not authorized: %s %s</Message></Error>",
		r.URL.RawQuery, r.Header.Get("Authorization"))
}
