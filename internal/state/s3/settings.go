package s3

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"holdfast/internal/state"
)

// settings are the arguments of the backend that matter for reading, each with
// what the environment says where it is not set.
// https://developer.hashicorp.com/terraform/language/backend/s3
type settings struct {
	bucket, key     string
	workspacePrefix string
	table           string // of DynamoDB, for locks and digests; "" for none
	lockFile        bool
	customerKey     []byte // the key that objects are encrypted with; nil for none

	access access
}

// access is all that a connection to AWS is made of. What is equal can be shared.
type access struct {
	region, stsRegion      string
	profile                string
	configFiles, credFiles []string
	key, secret, token     string
	roles                  []role
	s3, dynamodb, sts, sso string // endpoints; "" for AWS's own
	metadata, metadataMode string // where a machine's role is asked for
	noMetadata             bool
	pathStyle              bool
	dualStack, fips        bool
	attempts               int
	httpProxy, httpsProxy  string
	noProxy, caFile        string
	insecure               bool
}

// role is a role to assume.
type role struct {
	arn, session, externalID, policy, source string
	policyARNs, transitive                   []string
	tags                                     map[string]string
	duration                                 time.Duration
	webToken, webTokenFile                   string // for a role by web identity
}

func read(s state.Settings) (settings, error) {
	r := &reader{s: s}
	set := settings{
		bucket: r.text("bucket"), key: r.text("key"), table: cmp.Or(r.text("dynamodb_table"), r.text("lock_table")),
		lockFile: r.flag("use_lockfile"), workspacePrefix: "env:",
	}
	if s.Config["workspace_key_prefix"] != nil {
		set.workspacePrefix = r.text("workspace_key_prefix")
	}
	if r.flag("encrypt") {
		set.customerKey = r.customerKey()
	}
	set.access = r.access()
	return set, r.err
}

// check tells what a backend lacks.
func (set settings) check() error {
	switch {
	case set.bucket == "":
		return errors.New("the S3 backend has no bucket; set it in the backend block, or give it to terraform init with -backend-config, or here with backend_config in holdfast.yaml")
	case set.key == "" || strings.HasPrefix(set.key, "/"):
		return errors.New("the S3 backend has no key that S3 takes; set it in the backend block, without a slash at its beginning, and run terraform init")
	}
	return nil
}

// reader reads settings and keeps the first error.
type reader struct {
	s   state.Settings
	err error
}

func (r *reader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) text(name string) string {
	v, err := r.s.Text(name)
	r.keep(err)
	return v
}

func (r *reader) flag(name string) bool {
	v, err := r.s.Bool(name)
	r.keep(err)
	return v
}

func (r *reader) list(name string) []string {
	v, err := r.s.List(name)
	r.keep(err)
	return v
}

func (r *reader) object(name string) *reader {
	inner, err := r.s.Object(name)
	r.keep(err)
	return &reader{s: inner}
}

func (r *reader) customerKey() []byte {
	text := cmp.Or(r.text("sse_customer_key"), r.s.Getenv("AWS_SSE_CUSTOMER_KEY"))
	if text == "" {
		return nil
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 32 {
		r.keep(errors.New("sse_customer_key of the S3 backend is not 32 bytes in base64; mend it"))
	}
	return key
}

func (r *reader) access() access {
	ends := r.object("endpoints")
	env := r.s.FirstEnv
	a := access{
		region:      cmp.Or(r.text("region"), env("AWS_REGION", "AWS_DEFAULT_REGION")),
		stsRegion:   r.text("sts_region"),
		profile:     r.text("profile"),
		configFiles: r.files("shared_config_files", ".aws/config", "AWS_CONFIG_FILE", "AWS_SHARED_CONFIG_FILE"),
		credFiles:   r.credFiles(),
		key:         r.text("access_key"), secret: r.text("secret_key"), token: r.text("token"),
		s3:       cmp.Or(ends.text("s3"), r.text("endpoint"), env("AWS_ENDPOINT_URL_S3", "AWS_S3_ENDPOINT")),
		dynamodb: cmp.Or(ends.text("dynamodb"), r.text("dynamodb_endpoint"), env("AWS_ENDPOINT_URL_DYNAMODB", "AWS_DYNAMODB_ENDPOINT")),
		sts:      cmp.Or(ends.text("sts"), r.text("sts_endpoint"), env("AWS_ENDPOINT_URL_STS", "AWS_STS_ENDPOINT")),
		sso:      cmp.Or(ends.text("sso"), env("AWS_ENDPOINT_URL_SSO")),

		metadata:     cmp.Or(r.text("ec2_metadata_service_endpoint"), env("AWS_EC2_METADATA_SERVICE_ENDPOINT")),
		metadataMode: cmp.Or(r.text("ec2_metadata_service_endpoint_mode"), env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")),
		noMetadata:   r.flag("skip_metadata_api_check") || strings.EqualFold(env("AWS_EC2_METADATA_DISABLED"), "true"),
		pathStyle:    r.flag("use_path_style") || r.flag("force_path_style"),
		dualStack:    r.flag("use_dualstack_endpoint") || strings.EqualFold(env("AWS_USE_DUALSTACK_ENDPOINT"), "true"),
		fips:         r.flag("use_fips_endpoint") || strings.EqualFold(env("AWS_USE_FIPS_ENDPOINT"), "true"),
		httpProxy:    r.text("http_proxy"), httpsProxy: r.text("https_proxy"), noProxy: r.text("no_proxy"),
		caFile:   r.s.Path(cmp.Or(r.text("custom_ca_bundle"), env("AWS_CA_BUNDLE"))),
		insecure: r.flag("insecure"),
		attempts: r.attempts(),
	}
	all := env("AWS_ENDPOINT_URL")
	for _, endpoint := range []*string{&a.s3, &a.dynamodb, &a.sts, &a.sso} {
		*endpoint = withScheme(cmp.Or(*endpoint, all))
	}
	a.roles = r.roles()
	r.keep(ends.err)
	if (a.key == "") != (a.secret == "") {
		r.keep(errors.New("the S3 backend has only one of access_key and secret_key; set both, or none"))
	}
	return a
}

// withScheme adds the scheme that older versions of Terraform let people leave
// out.
func withScheme(endpoint string) string {
	if endpoint == "" || strings.Contains(endpoint, "://") {
		return endpoint
	}
	return "https://" + endpoint
}

// files are a setting's files, or that of a variable, or the one in the user's
// home. Never nil: then the SDK would take those of this process's user.
func (r *reader) files(setting, standard string, variables ...string) []string {
	files := r.list(setting)
	if len(files) == 0 {
		files = []string{cmp.Or(r.s.FirstEnv(variables...), "~/"+standard)}
	}
	paths := []string{}
	for _, file := range files {
		paths = append(paths, r.s.Path(file))
	}
	return paths
}

func (r *reader) credFiles() []string {
	if file := r.text("shared_credentials_file"); file != "" {
		return []string{r.s.Path(file)}
	}
	return r.files("shared_credentials_files", ".aws/credentials", "AWS_SHARED_CREDENTIALS_FILE")
}

// attempts are how often a request is tried.
func (r *reader) attempts() int {
	retries, err := r.s.Int("max_retries", -1)
	r.keep(err)
	if retries >= 0 {
		return retries + 1
	}
	env := state.Settings{Config: map[string]any{"AWS_MAX_ATTEMPTS": r.s.Getenv("AWS_MAX_ATTEMPTS")}}
	n, err := env.Int("AWS_MAX_ATTEMPTS", 3)
	if err != nil || n < 1 {
		r.keep(fmt.Errorf("AWS_MAX_ATTEMPTS is no whole number above 0; unset it"))
	}
	return n
}

// roles are those to assume, in order: Terraform takes the role by web identity
// first.
func (r *reader) roles() []role {
	var roles []role
	web := r.object("assume_role_with_web_identity")
	if arn := web.text("role_arn"); arn != "" {
		one := web.role("", "")
		one.arn = arn
		one.webToken = cmp.Or(web.text("web_identity_token"), r.s.Getenv("AWS_WEB_IDENTITY_TOKEN"))
		one.webTokenFile = r.s.Path(cmp.Or(web.text("web_identity_token_file"), r.s.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE")))
		roles = append(roles, one)
	}
	nested := r.object("assume_role")
	if arn := nested.text("role_arn"); arn != "" {
		one := nested.role("", "")
		one.arn = arn
		roles = append(roles, one)
	} else if arn := r.text("role_arn"); arn != "" {
		one := r.role("assume_role_", "_seconds")
		one.arn = arn
		roles = append(roles, one)
	}
	r.keep(web.err)
	r.keep(nested.err)
	return roles
}

// role reads a role's arguments, whose names had a prefix before there was a
// block for them.
func (r *reader) role(prefix, seconds string) role {
	one := role{
		session: r.text("session_name"), externalID: r.text("external_id"), source: r.text("source_identity"),
		policy: r.text(prefix + "policy"), policyARNs: r.list(prefix + "policy_arns"), transitive: r.list(prefix + "transitive_tag_keys"),
	}
	if text := r.text(prefix + "duration" + seconds); text != "" {
		d, err := time.ParseDuration(text)
		if seconds != "" {
			d, err = time.ParseDuration(text + "s")
		}
		if err != nil {
			r.keep(errors.New("the duration of assume_role is none, such as 1h; mend it in the backend block"))
		}
		one.duration = d
	}
	tags, err := r.s.Object(prefix + "tags")
	r.keep(err)
	for name, value := range tags.Config {
		text, _ := value.(string)
		if one.tags == nil {
			one.tags = map[string]string{}
		}
		one.tags[name] = text
	}
	return one
}

// secrets are the values that no message may hold.
func (set settings) secrets(s state.Settings) []string {
	a := set.access
	all := []string{
		a.key, a.secret, a.token, s.Getenv("AWS_ACCESS_KEY_ID"), s.Getenv("AWS_SECRET_ACCESS_KEY"), s.Getenv("AWS_SESSION_TOKEN"),
		s.Getenv("AWS_SSE_CUSTOMER_KEY"), s.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
	}
	if key, _ := s.Text("sse_customer_key"); key != "" {
		all = append(all, key)
	}
	for _, role := range a.roles {
		all = append(all, role.externalID, role.webToken)
	}
	return all
}
