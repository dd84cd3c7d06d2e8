package azurerm

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"holdfast/internal/state"
	"holdfast/internal/state/webget"
	"holdfast/internal/state/wire"
)

// cloudKind is one of Azure's clouds.
type cloudKind struct {
	cloud.Configuration
	suffix string // of the blob service's host names
	custom bool   // a cloud that only its metadata host describes
}

func cloudOf(s state.Settings) (cloudKind, error) {
	name, err := text(s, "environment", "ARM_ENVIRONMENT")
	if err != nil {
		return cloudKind{}, err
	}
	host, err := text(s, "metadata_host", "ARM_METADATA_HOSTNAME", "ARM_METADATA_HOST")
	if err != nil {
		return cloudKind{}, err
	}
	switch strings.ToLower(cmp.Or(name, "public")) {
	case "public", "azurepubliccloud":
		return cloudKind{cloud.AzurePublic, "blob.core.windows.net", host != "" && host != "management.azure.com"}, nil
	case "usgovernment", "usgovernmentl4", "usgovernmentl5", "azureusgovernmentcloud":
		return cloudKind{cloud.AzureGovernment, "blob.core.usgovcloudapi.net", false}, nil
	case "china", "azurechinacloud":
		return cloudKind{cloud.AzureChina, "blob.core.chinacloudapi.cn", false}, nil
	}
	return cloudKind{}, errors.New("the azurerm backend's environment is none of public, usgovernment and china; correct it, and check ARM_ENVIRONMENT")
}

// text is a setting, or the first of its variables that is set.
func text(s state.Settings, name string, variables ...string) (string, error) {
	value, err := s.Text(name)
	return cmp.Or(value, s.FirstEnv(variables...)), err
}

// flag is a setting that is true or false, or its variable; otherwise false.
func flag(s state.Settings, name, variable string) (bool, error) {
	value, err := text(s, name, variable)
	if err != nil || value == "" {
		return false, err
	}
	set, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("the azurerm backend's %s is neither true nor false; correct it, and check %s", name, variable)
	}
	return set, nil
}

// principal is who signs in to Entra ID.
type principal struct {
	tenant, client, secret string
	certificate            []byte
	password               string
	options                policy.ClientOptions
}

// identity chooses how to sign in to Entra ID, in Terraform's order: a client
// certificate, a client secret, OpenID Connect, a managed identity, the Azure CLI.
func (c *Container) identity(s state.Settings, cloud cloudKind) (azcore.TokenCredential, error) {
	p, err := newPrincipal(s, cloud)
	if err != nil {
		return nil, err
	}
	c.secrets = append(c.secrets, p.secret, p.password)
	var flags [3]bool
	for i, f := range [][2]string{
		{"use_oidc", "ARM_USE_OIDC"}, {"use_aks_workload_identity", "ARM_USE_AKS_WORKLOAD_IDENTITY"}, {"use_msi", "ARM_USE_MSI"},
	} {
		if flags[i], err = flag(s, f[0], f[1]); err != nil {
			return nil, err
		}
	}
	switch {
	case p.certificate != nil:
		return p.byCertificate()
	case p.secret != "":
		return azidentity.NewClientSecretCredential(p.tenant, p.client, p.secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: p.options})
	case flags[0]:
		return c.byAssertion(s, p)
	case flags[1]:
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: p.options, TokenFilePath: s.Getenv("AZURE_FEDERATED_TOKEN_FILE"),
			ClientID: cmp.Or(p.client, s.Getenv("AZURE_CLIENT_ID")), TenantID: cmp.Or(p.tenant, s.Getenv("AZURE_TENANT_ID")),
		})
	case flags[2]:
		options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: p.options}
		if p.client != "" {
			options.ID = azidentity.ClientID(p.client)
		}
		return azidentity.NewManagedIdentityCredential(options)
	}
	return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: p.tenant})
}

func newPrincipal(s state.Settings, kind cloudKind) (principal, error) {
	connections, err := wire.Transport(s, wire.Options{})
	if err != nil {
		return principal{}, err
	}
	p := principal{options: policy.ClientOptions{
		Cloud: kind.Configuration, Transport: &http.Client{Transport: connections}, Retry: policy.RetryOptions{MaxRetries: 1},
	}}
	if p.tenant, err = text(s, "tenant_id", "ARM_TENANT_ID"); err != nil {
		return p, err
	}
	if p.client, err = fromFile(s, "client_id", "ARM_CLIENT_ID"); err != nil {
		return p, err
	}
	if p.secret, err = fromFile(s, "client_secret", "ARM_CLIENT_SECRET"); err != nil {
		return p, err
	}
	if p.password, err = text(s, "client_certificate_password", "ARM_CLIENT_CERTIFICATE_PASSWORD"); err != nil {
		return p, err
	}
	encoded, err := text(s, "client_certificate", "ARM_CLIENT_CERTIFICATE")
	if err != nil {
		return p, err
	}
	path, err := text(s, "client_certificate_path", "ARM_CLIENT_CERTIFICATE_PATH")
	if err != nil {
		return p, err
	}
	switch {
	case encoded != "":
		if p.certificate, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return p, errors.New("the azurerm backend's client_certificate is not base64; encode the PKCS #12 bundle with it")
		}
	case path != "":
		if p.certificate, err = os.ReadFile(s.Path(path)); err != nil {
			return p, fmt.Errorf("the azurerm backend's client certificate: %w; check client_certificate_path", err)
		}
	}
	return p, nil
}

// fromFile is a setting that may also be in a file, which NAME_file_path names.
func fromFile(s state.Settings, name, variable string) (string, error) {
	value, err := text(s, name, variable)
	if err != nil || value != "" {
		return value, err
	}
	path, err := text(s, name+"_file_path", variable+"_FILE_PATH")
	if err != nil || path == "" {
		return "", err
	}
	content, err := os.ReadFile(s.Path(path))
	if err != nil {
		return "", fmt.Errorf("the azurerm backend's %s: %w; check %s_file_path", name, err, name)
	}
	return strings.TrimSpace(string(content)), nil
}

func (p principal) byCertificate() (azcore.TokenCredential, error) {
	certs, key, err := azidentity.ParseCertificates(p.certificate, []byte(p.password))
	if err != nil {
		return nil, errors.New("the azurerm backend's client certificate can't be read; check the file and client_certificate_password")
	}
	return azidentity.NewClientCertificateCredential(p.tenant, p.client, certs, key, &azidentity.ClientCertificateCredentialOptions{ClientOptions: p.options})
}

// byAssertion signs in with an OpenID Connect token: a given one, one in a file
// that is read anew each time, or one that GitHub is asked for.
func (c *Container) byAssertion(s state.Settings, p principal) (azcore.TokenCredential, error) {
	values := map[string]string{}
	for name, variables := range map[string][]string{
		"oidc_token": {"ARM_OIDC_TOKEN"}, "oidc_token_file_path": {"ARM_OIDC_TOKEN_FILE_PATH"},
		"oidc_request_url":   {"ARM_OIDC_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_URL"},
		"oidc_request_token": {"ARM_OIDC_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"},
	} {
		var err error
		if values[name], err = text(s, name, variables...); err != nil {
			return nil, err
		}
	}
	c.secrets = append(c.secrets, values["oidc_token"], values["oidc_request_token"])
	assertion := func(ctx context.Context) (string, error) {
		switch {
		case values["oidc_token"] != "":
			return values["oidc_token"], nil
		case values["oidc_token_file_path"] != "":
			content, err := os.ReadFile(s.Path(values["oidc_token_file_path"]))
			return strings.TrimSpace(string(content)), err
		}
		return askForToken(ctx, s, values["oidc_request_url"], values["oidc_request_token"])
	}
	if values["oidc_token"]+values["oidc_token_file_path"]+values["oidc_request_url"] == "" {
		return nil, errors.New("the azurerm backend is to use OIDC and has no token; set oidc_token, oidc_token_file_path or oidc_request_url")
	}
	return azidentity.NewClientAssertionCredential(p.tenant, p.client, assertion, &azidentity.ClientAssertionCredentialOptions{ClientOptions: p.options})
}

// askForToken asks GitHub Actions for a token for Entra ID.
// https://docs.github.com/actions/reference/security/oidc
func askForToken(ctx context.Context, s state.Settings, address, token string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("oidc_request_url is no URL")
	}
	query := u.Query()
	query.Set("audience", "api://AzureADTokenExchange")
	u.RawQuery = query.Encode()
	client, err := webget.NewClient(s)
	if err != nil {
		return "", err
	}
	body, _, err := webget.Get(ctx, client, u.String(), http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		return "", fmt.Errorf("asking for an OIDC token: %w", err)
	}
	var answer struct {
		Value string `json:"value"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Value == "" {
		return "", errors.New("asking for an OIDC token: the answer has none")
	}
	return answer.Value, nil
}
