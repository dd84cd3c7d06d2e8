package gcs

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"holdfast/internal/state"
	"holdfast/internal/state/webget"
	"holdfast/internal/state/wire"
)

// scope lets a token read, whatever its account may do.
const scope = "https://www.googleapis.com/auth/devstorage.read_only"

// impersonation is the scope for asking for another account's token.
const impersonation = "https://www.googleapis.com/auth/cloud-platform"

// tokens gives access tokens, and knows what is secret.
type tokens struct {
	source oauth2.TokenSource // nil where nobody signs in: an emulator

	mu   sync.Mutex
	seen []string
}

// newTokens chooses credentials as Terraform's backend does: access_token,
// credentials, their variables, then what gcloud and the machine offer.
func newTokens(s state.Settings) (*tokens, error) {
	connections, err := wire.Transport(s, wire.Options{})
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: connections, Timeout: patience}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, client)
	t := &tokens{}
	token, err := s.Text("access_token")
	if err != nil {
		return nil, err
	}
	account, err := s.Text("impersonate_service_account")
	if err != nil {
		return nil, err
	}
	account = cmp.Or(account, s.FirstEnv("GOOGLE_BACKEND_IMPERSONATE_SERVICE_ACCOUNT", "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT"))
	delegates, err := s.List("impersonate_service_account_delegates")
	if err != nil {
		return nil, err
	}
	wanted := scope
	if account != "" {
		wanted = impersonation
	}
	token = cmp.Or(token, s.Getenv("GOOGLE_OAUTH_ACCESS_TOKEN"))
	switch {
	case token != "":
		t.keep(token)
		t.source = oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token})
	case s.Getenv("STORAGE_EMULATOR_HOST") != "":
		return t, nil
	default:
		if t.source, err = t.credentials(ctx, s, wanted); err != nil {
			return nil, err
		}
	}
	if account != "" {
		t.source = oauth2.ReuseTokenSource(nil, &impersonated{
			client: client, by: t.source, account: account, delegates: delegates,
			url: cmp.Or(s.Getenv("GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT"), "https://iamcredentials.googleapis.com/v1/"),
		})
	}
	return t, nil
}

// patience is how long asking for a token may take.
const patience = 60 * time.Second

// credentials are those of the backend block, of the variables, of gcloud, or of
// the machine.
func (t *tokens) credentials(ctx context.Context, s state.Settings, wanted string) (oauth2.TokenSource, error) {
	text, err := s.Text("credentials")
	if err != nil {
		return nil, err
	}
	text = cmp.Or(text, s.FirstEnv("GOOGLE_BACKEND_CREDENTIALS", "GOOGLE_CREDENTIALS"))
	if text == "" {
		text = cmp.Or(s.Getenv("GOOGLE_APPLICATION_CREDENTIALS"), gcloudFile(s))
	}
	if text == "" {
		// The machine's own account; asked for when it is needed.
		return google.ComputeTokenSource("", wanted), nil
	}
	content, err := contentOf(s, text)
	if err != nil {
		return nil, errors.New("the gcs backend's credentials are neither JSON nor a file that can be read; check credentials and GOOGLE_APPLICATION_CREDENTIALS")
	}
	var kind struct {
		Type         google.CredentialsType `json:"type"`
		PrivateKey   string                 `json:"private_key"`
		ClientSecret string                 `json:"client_secret"`
		RefreshToken string                 `json:"refresh_token"`
	}
	if json.Unmarshal(content, &kind) != nil {
		return nil, errors.New("the gcs backend's credentials are no JSON; make a new key file, or sign in with gcloud auth application-default login")
	}
	t.keep(kind.PrivateKey, kind.ClientSecret, kind.RefreshToken)
	creds, err := google.CredentialsFromJSONWithType(ctx, content, kind.Type, wanted)
	if err != nil {
		return nil, fmt.Errorf("the gcs backend's credentials can't be used: %s; make a new key file, or sign in with gcloud auth application-default login",
			webget.Hide(err.Error(), t.secrets()...))
	}
	return creds.TokenSource, nil
}

// contentOf gives what a setting holds, or what is in the file that it names.
func contentOf(s state.Settings, text string) ([]byte, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		return []byte(text), nil
	}
	return os.ReadFile(s.Path(text))
}

// gcloudFile is where gcloud auth application-default login leaves credentials;
// "" if there is none.
func gcloudFile(s state.Settings) string {
	dir := s.Getenv("CLOUDSDK_CONFIG")
	if dir == "" && s.Getenv("APPDATA") != "" {
		dir = filepath.Join(s.Getenv("APPDATA"), "gcloud")
	}
	if dir == "" && s.Getenv("HOME") != "" {
		dir = filepath.Join(s.Getenv("HOME"), ".config", "gcloud")
	}
	file := filepath.Join(dir, "application_default_credentials.json")
	if _, err := os.Stat(file); dir == "" || err != nil {
		return ""
	}
	return file
}

// keep remembers secrets, to take them out of messages.
func (t *tokens) keep(secrets ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, secret := range secrets {
		if secret != "" && !slices.Contains(t.seen, secret) {
			t.seen = append(t.seen, secret)
		}
	}
}

func (t *tokens) secrets() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.seen)
}

// authorize puts a token into a request's header. The library that fetches it
// knows no context, so it is left behind when the context ends.
func (t *tokens) authorize(ctx context.Context, header http.Header) error {
	if t.source == nil {
		return nil
	}
	type answer struct {
		token *oauth2.Token
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		token, err := t.source.Token()
		done <- answer{token, err}
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case a := <-done:
		if a.err != nil {
			return t.refused(a.err)
		}
		t.keep(a.token.AccessToken)
		header.Set("Authorization", "Bearer "+a.token.AccessToken)
		return nil
	}
}

// tokenError is the error of a token that was not given, with the next step.
type tokenError struct{ message string }

func (e *tokenError) Error() string { return e.message }

// refused makes the error of a token that was not given. Of the server's answer
// only what is meant for people is kept.
func (t *tokens) refused(err error) error {
	message := webget.Bare(err).Error()
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		said := struct {
			Code        string `json:"error"`
			Description string `json:"error_description"`
		}{answer.ErrorCode, answer.ErrorDescription}
		if said.Code == "" {
			_ = json.Unmarshal(answer.Body, &said) // then there is the status
		}
		message = strings.TrimSpace(said.Code + " " + said.Description)
		if message == "" && answer.Response != nil {
			message = answer.Response.Status
		}
	}
	return &tokenError{fmt.Sprintf("no access token was given (%s); sign in with gcloud auth application-default login, or set the backend's credentials",
		webget.Hide(message, t.secrets()...))}
}

// impersonated gives tokens of another account. Asking for one is a POST, and
// changes nothing.
// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken
type impersonated struct {
	client    *http.Client
	by        oauth2.TokenSource
	url       string
	account   string
	delegates []string
}

// Token asks for a token of half an hour that can only read.
func (i *impersonated) Token() (*oauth2.Token, error) {
	own, err := i.by.Token()
	if err != nil {
		return nil, err
	}
	resource := func(account string) string { return "projects/-/serviceAccounts/" + account }
	ask := map[string]any{"scope": []string{scope}, "lifetime": "1800s"}
	if len(i.delegates) > 0 {
		chain := make([]string, len(i.delegates))
		for n, delegate := range i.delegates {
			chain[n] = resource(delegate)
		}
		ask["delegates"] = chain
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	address := strings.TrimRight(i.url, "/") + "/" + resource(url.PathEscape(i.account)) + ":generateAccessToken"
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, webget.Bare(err)
	}
	req.Header.Set("Content-Type", "application/json")
	own.SetAuthHeader(req)
	resp, err := i.client.Do(req)
	if err != nil {
		return nil, webget.Bare(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	var given struct {
		AccessToken string    `json:"accessToken"`
		ExpireTime  time.Time `json:"expireTime"`
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("impersonating %s: the server answered %s", i.account, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(&given); err != nil || given.AccessToken == "" {
		return nil, fmt.Errorf("impersonating %s: the answer has no token", i.account)
	}
	return &oauth2.Token{AccessToken: given.AccessToken, Expiry: given.ExpireTime}, nil
}

// encryptionKey is the header of a key that the customer supplies, in base64 or
// in a file that holds that; nil where there is none.
// https://cloud.google.com/storage/docs/encryption/customer-supplied-keys
func encryptionKey(s state.Settings) (http.Header, error) {
	text, err := s.Text("encryption_key")
	if err != nil {
		return nil, err
	}
	if text = cmp.Or(text, s.Getenv("GOOGLE_ENCRYPTION_KEY")); text == "" {
		return nil, nil
	}
	if content, err := os.ReadFile(s.Path(text)); err == nil {
		text = string(content)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != 32 {
		return nil, errors.New("the gcs backend's encryption_key is not 32 bytes in base64; check it and GOOGLE_ENCRYPTION_KEY")
	}
	sum := sha256.Sum256(key)
	return http.Header{
		"X-Goog-Encryption-Algorithm":  {"AES256"},
		keyHeader:                      {base64.StdEncoding.EncodeToString(key)},
		"X-Goog-Encryption-Key-Sha256": {base64.StdEncoding.EncodeToString(sum[:])},
	}, nil
}
