package locate

import (
	"strings"
	"testing"

	"holdfast/internal/state/s3"
)

// States in Google's and Microsoft's storage can be named too. How a pattern is
// matched doesn't depend on the storage; how it is listed is tested with each.
func TestClouds(t *testing.T) {
	t.Parallel()
	l := Locator{Schemes: Standard(&s3.Pool{}), Env: []string{"GOOGLE_OAUTH_ACCESS_TOKEN=t", "ARM_ACCESS_KEY=a2V5"}}
	for where, want := range map[string]string{
		"gs://states/team/prod.tfstate":                                       "gs://states/team/prod.tfstate",
		"gs://states/x.tfstate?impersonate_service_account=r@p":               "gs://states/x.tfstate",
		"azurerm://acct/states/prod.tfstateenv:x":                             "https://acct.blob.core.windows.net/states/prod.tfstateenv:x",
		"azurerm://acct/states/a/prod.tfstate?environment=china&use_msi=true": "https://acct.blob.core.chinacloudapi.cn/states/a/prod.tfstate",
	} {
		sources, err := l.Find(t.Context(), where)
		if err != nil || len(sources) != 1 || sources[0].String() != want {
			t.Errorf("%s: %v, %v", where, sources, err)
		}
	}
	for where, want := range map[string]string{
		"gs://states":                              "gs://states/OBJECT",
		"gs://states/x?credentials=canary":         "gcloud",
		"gs://states/x?storage_endpoint=canary":    "impersonate_service_account",
		"azurerm://acct/states":                    "azurerm://acct/CONTAINER/KEY",
		"azurerm://acct/*/x":                       "azurerm://acct/CONTAINER/KEY",
		"azurerm://acct/states/x?sas_token=canary": "ARM_SAS_TOKEN",
	} {
		_, err := l.Find(t.Context(), where)
		if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", where, err)
		}
	}
}
