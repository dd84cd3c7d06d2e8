package locate

import (
	"strings"
	"testing"

	"holdfast/internal/lab"
	"holdfast/internal/state/s3"
)

func TestFindInS3(t *testing.T) {
	t.Parallel()
	moto, err := lab.Start(t.Context(), lab.Need(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := moto.Close(); err != nil {
			t.Error(err)
		}
	})
	call := func(method string, params map[string]any) {
		t.Helper()
		params["Bucket"] = "fleet"
		if _, err := moto.Call(t.Context(), lab.Call{Service: "s3", Method: method, Params: params}); err != nil {
			t.Fatal(err)
		}
	}
	call("create_bucket", map[string]any{})
	for _, key := range []string{
		"prod/net.tfstate", "prod/db/main.tfstate", "prod/db/main.tfstate.tflock", "prod/readme.txt", "dev/net.tfstate", "env:/blue/prod/net.tfstate",
	} {
		call("put_object", map[string]any{"Key": key, "Body": []byte("of " + key)})
	}
	l := Locator{Schemes: Standard(&s3.Pool{}), Env: []string{"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=canary-secret-key", "HOME=/dev/null"}}
	options := "?region=us-east-1&use_path_style=true&endpoint=" + moto.URL()
	for where, want := range map[string][]string{
		"s3://fleet/prod/**/*.tfstate": {"prod/db/main.tfstate", "prod/net.tfstate"},
		"s3://fleet/prod/**":           {"prod/db/main.tfstate", "prod/net.tfstate", "prod/readme.txt"},
		"s3://fleet/**/net.tfstate":    {"dev/net.tfstate", "env:/blue/prod/net.tfstate", "prod/net.tfstate"},
		"s3://fleet/d?v/net.tfstate":   {"dev/net.tfstate"},
		"s3://fleet/dev/net.tfstate":   {"dev/net.tfstate"},
	} {
		found, err := l.Find(t.Context(), where+options)
		if err != nil || len(found) != len(want) {
			t.Errorf("%s: found %q, %v", where, names(found), err)
			continue
		}
		for i, key := range want {
			got, err := found[i].Read(t.Context())
			if found[i].String() != "s3://fleet/"+key || err != nil || string(got) != "of "+key {
				t.Errorf("%s: %s has %q, %v", where, found[i], got, err)
			}
		}
	}
	for where, want := range map[string]string{
		"s3://fleet/stage/*" + options:                       "no state matches s3://fleet/stage/*: of the 0 objects",
		"s3://nobody/*" + options:                            "NoSuchBucket",
		"s3://fleet" + options:                               "s3://fleet/**/*.tfstate for all",
		"s3://fleet/x" + options + "&colour=red":             `"colour" is no option of s3://; the options are region`,
		"s3://fleet/x" + options + "&secret_key=canaryValue": "credentials don't belong into a URL",
		"s3:///x" + options:                                  "names no bucket",
		"s3://fleet/x":                                       "no region",
	} {
		_, err := l.Find(t.Context(), where)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(strings.ToLower(err.Error()), "canary") {
			t.Errorf("%s: got %v", where, err)
		}
	}
}
