package locate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/state"
	"holdfast/internal/state/azurerm"
	"holdfast/internal/state/gcs"
	"holdfast/internal/state/http"
	"holdfast/internal/state/s3"
)

// Standard is the table of all schemes. What has an entry here can be named with
// --state.
func Standard(buckets *s3.Pool) map[string]Opener {
	return map[string]Opener{
		"s3":    func(p Place, env []string) (Store, string, error) { return openS3(buckets, p, env) },
		"http":  openHTTP,
		"https": openHTTP,

		"gs":      openGCS,
		"azurerm": openAzure,
	}
}

// s3Options are the settings of the backend that a URL may give. Credentials are
// none of them: they would be seen in the list of processes.
var s3Options = []string{
	"region", "profile", "endpoint", "use_path_style", "dynamodb_table", "dynamodb_endpoint", "sts_endpoint",
	"role_arn", "external_id", "session_name", "sts_region", "max_retries", "insecure", "skip_metadata_api_check",
}

func openS3(buckets *s3.Pool, p Place, env []string) (Store, string, error) {
	config := map[string]any{"bucket": p.Host}
	for name, value := range p.Options {
		if slices.Contains([]string{"access_key", "secret_key", "token", "sse_customer_key"}, name) {
			return nil, "", errors.New("credentials don't belong into a URL, where others see them; set profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
		}
		if !slices.Contains(s3Options, name) {
			return nil, "", fmt.Errorf("%q is no option of s3://; the options are %s", name, strings.Join(s3Options, ", "))
		}
		config[name] = value
	}
	if p.Key == "" {
		return nil, "", fmt.Errorf("it names no key; write s3://%s/KEY, or s3://%[1]s/**/*.tfstate for all", p.Host)
	}
	bucket, err := buckets.Bucket(state.Settings{Config: config, Env: env})
	return bucket, p.Key, err
}

// settings takes the host for one setting of a backend and the options for others.
// Credentials are none of them; instead says how to give those.
func settings(p Place, host string, options []string, instead string) (map[string]any, error) {
	config := map[string]any{host: p.Host}
	for name, value := range p.Options {
		if !slices.Contains(options, name) {
			return nil, fmt.Errorf("%q is no option of %s://; the options are %s; to sign in, %s", name, p.Scheme, strings.Join(options, ", "), instead)
		}
		config[name] = value
	}
	return config, nil
}

func openGCS(p Place, env []string) (Store, string, error) {
	config, err := settings(p, "bucket", []string{"impersonate_service_account"}, "sign in with gcloud, or set GOOGLE_CREDENTIALS")
	if err != nil {
		return nil, "", err
	}
	if p.Key == "" {
		return nil, "", fmt.Errorf("it names no object; write gs://%s/OBJECT, or gs://%[1]s/**/*.tfstate for all", p.Host)
	}
	bucket, err := gcs.Open(state.Settings{Config: config, Env: env})
	return bucket, p.Key, err
}

func openAzure(p Place, env []string) (Store, string, error) {
	config, err := settings(p, "storage_account_name",
		[]string{"environment", "tenant_id", "client_id", "use_azuread_auth", "use_msi", "use_oidc"}, "sign in with az, or set ARM_ACCESS_KEY or ARM_SAS_TOKEN")
	if err != nil {
		return nil, "", err
	}
	name, key, _ := strings.Cut(p.Key, "/")
	if config["container_name"] = name; key == "" || isPattern(name) {
		return nil, "", fmt.Errorf("it names no container and key; write azurerm://%s/CONTAINER/KEY, or azurerm://%[1]s/CONTAINER/** for all", p.Host)
	}
	container, err := azurerm.Open(state.Settings{Config: config, Env: env})
	return container, key, err
}

func openHTTP(p Place, env []string) (Store, string, error) {
	if strings.Contains(p.Key, "*") {
		return nil, "", errors.New("an http server can't be searched; name one state")
	}
	backend, err := http.New(state.Settings{Config: map[string]any{"address": p.String()}, Env: env})
	return single{backend}, "", err
}

// single is a store with one state, whose key is "".
type single struct{ backend state.Backend }

// List gives the one key.
func (single) List(context.Context, string) ([]string, error) { return []string{""}, nil }

// Source gives the state.
func (s single) Source(string) state.Source { return s.backend.State("default") }
