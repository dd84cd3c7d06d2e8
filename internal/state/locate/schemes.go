package locate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/state"
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
