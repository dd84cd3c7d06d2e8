package stack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"holdfast/internal/drift"
	"holdfast/internal/stack"
)

var schemaFile = filepath.Join("..", "..", "docs", "holdfast.schema.json")

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is what an editor's YAML support makes of a file before it applies the
// schema: days are text.
func asJSON(t *testing.T, src string) any {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(src), &n); err != nil {
		t.Fatal(err)
	}
	quoteDays(&n)
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	v, err = jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func quoteDays(n *yaml.Node) {
	if n.Tag == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, inner := range n.Content {
		quoteDays(inner)
	}
}

// full has every key there is.
const full = `version: 1
environment: production
include: ["live/**"]
exclude: [live/old, "**/tmp"]
report:
  task: keep the drift report
  title: Drift
  file: DRIFT.md
schedule: "0 6 * * 1-5"
time_zone: Europe/Berlin
server:
  listen: 0.0.0.0:8420
  url: https://holdfast.example.com
  contact: the platform team, platform@example.com
  oidc:
    issuer: https://login.example.com
    client_id: holdfast
    client_secret_file: /run/secrets/oidc
    claim: groups
    scopes: [groups]
    roles: {admin: [platform], operator: [sre], viewer: ["*"]}
  tokens: true
  trust_proxy: [10.0.0.0/8]
  workers: 8
  window: 30m
  check_timeout: 20m
  stale: 240h
sources:
  - name: platform
    git: https://github.com/acme/platform.git
    branch: main
    path: infra
    credentials: {token_env: GIT_TOKEN, username: bot}
    push: {token_file: /run/secrets/push}
    approval: true
  - name: network
    git: git@github.com:acme/network.git
    tag: v1
    credentials: {ssh_key_file: /run/secrets/key, known_hosts_file: /etc/ssh/known_hosts}
  - {name: here, folder: stacks}
alerts:
  - sns: {topic: "arn:aws:sns:eu-west-1:123456789012:drift.fifo", role_arn: "arn:aws:iam::123456789012:role/r", profile: p, endpoint: "http://localhost:1"}
    on: [new, waiver_ended]
    severity: high
    stacks: [live/**]
    causes: [manual-console, unknown]
    addresses: ["module.*.aws_instance.web"]
    not_checkable_after: 2
  - {name: chat, slack: {url_env: SLACK_URL}, digest: "0 9 * * 1-5", template: alerts.tmpl}
  - {teams: {url_file: /run/secrets/teams}, quiet: {from: "22:00", to: "07:00", days: [sat, sun], except: high}}
  - {shoutrrr: {url_env: SHOUTRRR_URL}, quiet: {days: [sun]}}
  - {email: {host: mail.example.com, port: 465, tls: implicit, from: "Holdfast <drift@example.com>", to: [a@example.com], username: u, password_env: P}}
  - {pagerduty: {routing_key_file: /run/secrets/key, url: "https://events.eu.pagerduty.com"}}
  - {webhook: {url: "https://hooks.example.com/drift", secret_env: HOOK_SECRET}}
  - {github: {repository: acme/infra, token_env: GITHUB_TOKEN, url: "https://api.github.com", labels: [drift], most_open: 10}}
severity:
  - {type: aws_dynamodb_table, attributes: ["ttl[*]"], severity: low}
  - {address: 'module.*.aws_instance.web', kind: deleted, severity: high}
ignore:
  - address: 'module.*.aws_instance.web["a"]'
    type: aws_*
    attributes: [tags, "ebs[*].size"]
    reason: the scheduler sets it
    until: 2027-01-31
attribution:
  lookup_events:
    - role_arn: arn:aws:iam::123456789012:role/reader
      account: "123456789012"
      profile: audit
  regions: [eu-west-1]
  trails:
    - {bucket: org-trail, prefix: audit, region: eu-west-1, role_arn: "arn:aws-cn:iam::210987654321:role/a/b", profile: logs}
    - folder: exported
  automation:
    - {name: deploys, roles: ["deploy-*"], user_agents: ["Deployer/*"]}
resolve:
  never:
    - {address: 'module.*.aws_db_instance.main', reason: data}
    - {type: aws_kms_*, reason: keys}
store: holdfast.db
concurrency:
  stacks: 16
  reads: 128
  providers: 4
  memory: 4GiB
defaults:
  workspace: prod
  var_files: ["{repo}/common.tfvars"]
  backend_config: [region=eu-west-1]
  env: {A: 1, B: true, C: text, D: "0x10"}
  engine: auto
  timeout: 10m
  providers: {aws: {region: eu-west-1, max_retries: 3}}
stacks:
  - path: live/net
    name: one
    workspaces: [prod, staging]
    var_files: ["env/{workspace}.tfvars"]
    backend_config: ["backend/{workspace}.hcl", "key={path}/x"]
    env: {C: own}
    engine: direct
    timeout: 1h30m
    providers: {aws.east: {profile: ro}}
  - include: ["live/*"]
    exclude: [live/old]
    workspaces: all
  - path: .
    workspace: dev
`

func read(t *testing.T, src string) (*stack.Settings, error) {
	t.Helper()
	return stack.ReadSettings(filepath.Join(root(t, files{"holdfast.yaml": src}), "holdfast.yaml"))
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s, err := read(t, full)
	if err != nil {
		t.Fatal(err)
	}
	want := stack.Ignore{
		Address: `module.*.aws_instance.web["a"]`, Type: "aws_*", Attributes: []stack.Pattern{"tags", "ebs[*].size"}, Reason: "the scheduler sets it",
		Until: stack.Date{Time: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)},
	}
	if diff := cmp.Diff([]stack.Ignore{want}, s.Ignore); diff != "" {
		t.Error(diff)
	}
	sources := []stack.Source{
		{
			Name: "platform", Git: "https://github.com/acme/platform.git", Branch: "main", Path: "infra", Approval: true,
			Credentials: stack.Credentials{TokenEnv: "GIT_TOKEN", Username: "bot"}, Push: stack.Credentials{TokenFile: "/run/secrets/push"},
		},
		{Name: "network", Git: "git@github.com:acme/network.git", Tag: "v1", Credentials: stack.Credentials{SSHKeyFile: "/run/secrets/key", KnownHostsFile: "/etc/ssh/known_hosts"}},
		{Name: "here", Folder: "stacks"},
	}
	if diff := cmp.Diff(sources, s.Sources); diff != "" {
		t.Error(diff)
	}
	if v := s.Server; v.OIDC.Roles.Admin[0] != "platform" || !v.Tokens || v.TrustProxy[0] != "10.0.0.0/8" || v.Workers != 8 || v.Window.Duration != 30*time.Minute || s.TimeZone != "Europe/Berlin" {
		t.Errorf("%+v", v)
	}
	if diff := cmp.Diff(stack.Attribution{
		LookupEvents: []stack.Account{{ID: "123456789012", RoleARN: "arn:aws:iam::123456789012:role/reader", Profile: "audit"}},
		Regions:      []string{"eu-west-1"},
		Trails: []stack.Trail{
			{Bucket: "org-trail", Prefix: "audit", Region: "eu-west-1", RoleARN: "arn:aws-cn:iam::210987654321:role/a/b", Profile: "logs"},
			{Folder: "exported"},
		},
		Automation: []stack.Automation{{Name: "deploys", Roles: []string{"deploy-*"}, UserAgents: []string{"Deployer/*"}}},
	}, s.Attribution); diff != "" {
		t.Error(diff)
	}
	never := []drift.Protection{{Address: "module.*.aws_db_instance.main", Reason: "data"}, {Type: "aws_kms_*", Reason: "keys"}}
	if diff := cmp.Diff(never, s.Resolve.Protections()); diff != "" {
		t.Error(diff)
	}
	if c := s.Concurrency; c != (stack.Concurrency{Stacks: 16, Reads: 128, Providers: 4, Memory: 4 << 30}) {
		t.Errorf("concurrency %+v", c)
	}
	if diff := cmp.Diff(map[string]stack.Word{"A": "1", "B": "true", "C": "text", "D": "0x10"}, s.Defaults.Env); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]map[string]any{"aws": {"region": "eu-west-1", "max_retries": 3.0}}, s.Defaults.Providers); diff != "" {
		t.Error(diff)
	}
	if len(s.Stacks) != 3 || s.Stacks[0].Timeout.Duration != 90*time.Minute || !s.Stacks[1].Workspaces.All || s.Stacks[0].Workspaces.Names[1] != "staging" {
		t.Errorf("stacks %+v", s.Stacks)
	}
}

// What is wrong is named with its line; the schema refuses the same.
var wrong = []struct {
	src, want string
	lenient   bool // only the decoder can see it
}{
	{src: "version: 2", want: ":1: version must be 1"},
	{src: "environment: x", want: ":1: version must be 1"},
	{src: "version: 1\nenvironmnt: x", want: `:2: unknown key "environmnt"; did you mean "environment"?`},
	{src: "version: 1\nzzzzzz: x", want: `:2: unknown key "zzzzzz"; there are alerts, attribution, concurrency, `},
	{src: "version: 1\nenvironment: 5", want: ":2: environment must be text; put quotes around it"},
	{src: "version: 1\nenvironment: [a]", want: ":2: environment must be text"},
	{src: "version: 1\nstacks: {a: b}", want: ":2: stacks must be a list"},
	{src: "version: 1\nreport: [a]", want: ":2: report must have keys and values"},
	{src: "version: 1\nstacks:\n  - name: x", want: ":3: a stack needs either a path, or include or exclude"},
	{src: "version: 1\nstacks:\n  - path: x\n    include: [y]", want: ":3: a stack needs either"},
	{src: "version: 1\nstacks:\n  - path: ../x", want: ":3: path ../x is not below", lenient: true},
	{src: "version: 1\nstacks:\n  - path: x\n    name: a b", want: `:3: name "a b" may have`},
	{src: "version: 1\nstacks:\n  - path: x\n    workspace: a/b", want: `:3: "a/b" is no name of a workspace`},
	{src: "version: 1\nstacks:\n  - path: x\n    workspace: a\n    workspaces: all", want: ":3: workspace and workspaces exclude each other"},
	{src: "version: 1\nstacks:\n  - path: x\n    workspaces: some", want: ":4: workspaces must be a list of names, or all"},
	{src: "version: 1\nstacks:\n  - path: x\n    workspaces: []", want: ":4: workspaces must be a list"},
	{src: "version: 1\nstacks:\n  - path: x\n    workspaces: [a, 1]", want: ":4: an entry of workspaces must be"},
	{src: "version: 1\nstacks:\n  - path: x\n    workspaces: [a, a]", want: ":4: workspace a is there twice"},
	{src: "version: 1\nstacks:\n  - path: x\n    var_files: ['{wrkspace}.tfvars']", want: ":4: an entry of var_files: unknown placeholder {wrkspace}"},
	{src: "version: 1\nstacks:\n  - path: x\n    engine: quick", want: `:4: engine: "quick" is none`},
	{src: "version: 1\nstacks:\n  - path: x\n    timeout: 10", want: ":4: timeout must be text"},
	{src: "version: 1\nstacks:\n  - path: x\n    timeout: soon", want: ":4: timeout: write a length of time as", lenient: true},
	{src: "version: 1\nstacks:\n  - path: x\n    env: {A: [CANARY]}", want: ":4: a variable of env must be"},
	{src: "version: 1\nstacks:\n  - path: x\n    providers: {aws: CANARY}", want: ":4: providers.aws must have keys and values"},
	{src: "version: 1\ndefaults:\n  workspace: a\n  workspaces: [b]", want: "workspace and workspaces exclude each other"},
	{src: "version: 1\nexclude: ['a[']", want: `"a[" is no pattern of folders`, lenient: true},
	{src: "version: 1\nconcurrency: {memory: lots}", want: ":2: memory: write a size as 512MiB"},
	{src: "version: 1\nconcurrency: {stacks: -1}", want: ":2: a limit of concurrency must not be negative"},
	{src: "version: 1\nconcurrency: {stacks: many}", want: ":2: stacks must be a whole number"},
	{src: "version: 1\nignore:\n  - reason: x", want: ":3: an ignore rule needs an address or a type"},
	{src: "version: 1\nresolve:\n  never:\n    - reason: x", want: ":4: an entry of never needs an address or a type"},
	{src: "version: 1\nresolve:\n  never:\n    - type: x", want: ":4: an entry of never needs a reason"},
	{src: "version: 1\nresolve:\n  never:\n    - {type: x, reason: y, until: 2027-01-31}", want: ":4: "},
	{src: "version: 1\nresolve:\n  always: []", want: ":3: "},
	{src: "version: 1\nignore:\n  - type: x", want: ":3: an ignore rule needs a reason"},
	{src: "version: 1\nignore:\n  - {type: x, reason: y, until: tomorrow}", want: ":3: until: write a day as 2027-01-31"},
	{src: "version: 1\nattribution:\n  trails:\n    - {bucket: b, folder: c}", want: ":4: a trail needs either a bucket or a folder"},
	{src: "version: 1\nattribution:\n  trails:\n    - {prefix: c}", want: ":4: a trail needs either a bucket or a folder"},
	{src: "version: 1\nattribution:\n  trails:\n    - {folder: c, region: r}", want: ":4: prefix, region, role_arn and profile are those of a bucket"},
	{src: "version: 1\nattribution:\n  trails:\n    - bucket: s3://trail/x", want: ":4: bucket must be a bucket's name, without s3://"},
	{src: "version: 1\nattribution:\n  lookup_events:\n    - account: prod", want: ":4: an account has 12 digits"},
	{src: "version: 1\nattribution:\n  lookup_events:\n    - account: 123456789012", want: ":4: account must be text; put quotes around it"},
	{src: "version: 1\nattribution:\n  lookup_events:\n    - role_arn: reader", want: ":4: role_arn: write a role as arn:aws:iam::"},
	{src: "version: 1\nattribution:\n  lookup_events:\n    - {account: '123456789012', role_arn: 'arn:aws:iam::210987654321:role/r'}", want: ":4: account and role_arn name two accounts", lenient: true},
	{src: "version: 1\nattribution:\n  automation:\n    - roles: [a]", want: ":4: automation needs a name"},
	{src: "version: 1\nattribution:\n  automation:\n    - name: a", want: ":4: automation needs roles or user_agents"},
	{src: "version: 1\nschedule: daily", want: ":2: schedule: it must have five fields"},
	{src: "version: 1\ntime_zone: Mars/Olympus", want: ":2: time_zone: there is no time zone of that name", lenient: true},
	{src: "version: 1\nserver: {listen: here}", want: ":2: listen \"here\": write it as 127.0.0.1:8420", lenient: true},
	{src: "version: 1\nserver: {url: 'https://u:CANARY@host'}", want: ":2: url must be that of the server's first page", lenient: true},
	{src: "version: 1\nserver: {trust_proxy: [proxy]}", want: ":2: an entry of trust_proxy: write a range of addresses", lenient: true},
	{src: "version: 1\nserver: {oidc: {client_id: a}}", want: ":2: oidc needs an issuer and a client_id"},
	{src: "version: 1\nserver: {oidc: {issuer: 'https://a', client_id: a, roles: {viewer: ['*']}}}", want: ":2: the client's secret is in an environment variable or in a file"},
	{src: "version: 1\nserver: {oidc: {issuer: 'https://a', client_id: a, client_secret_env: A}}", want: ":2: roles must say who may come in"},
	{src: "version: 1\nsources: [{folder: a}]", want: ":2: a source needs a name"},
	{src: "version: 1\nsources: [{name: ../a, folder: a}]", want: ":2: a source needs a name"},
	{src: "version: 1\nsources: [{name: a}]", want: ":2: a source is either a folder or a git repository"},
	{src: "version: 1\nsources: [{name: a, folder: a, branch: b}]", want: ":2: branch, tag, path, credentials and push are of a git repository", lenient: true},
	{src: "version: 1\nsources: [{name: a, folder: a}, {name: a, folder: b}]", want: "there are two sources with the name a", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: 'https://u:CANARY@host/x'}]", want: ":2: the URL of the repository has a name or a password in it", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: 'ext::sh -c CANARY'}]", want: ":2: the URL of the repository must begin with", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: '--upload-pack=CANARY'}]", want: ":2: the URL of the repository must begin with", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: 'ssh://-oProxyCommand=CANARY/x'}]", want: ":2: the URL of the repository", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: 'ssh://-oProxyCommand=CANARY@host/x'}]", want: ":2: the URL of the repository", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: '-oProxyCommand@host:x'}]", want: ":2: the URL of the repository", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: 'git@-oProxyCommand:x'}]", want: ":2: the URL of the repository", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: 'git@host:-x'}]", want: ":2: the URL of the repository", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: 'https://host/x?token=CANARY'}]", want: ":2: the URL of the repository has more in it than host and path", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: \"https://host/x\\nCANARY\"}]", want: ":2: the URL of the repository has control characters", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: 'git://host/x'}]", want: ":2: the URL of the repository must begin with", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: 'https://host/x', branch: '--force'}]", want: "is no name of a branch or tag", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: 'https://host/x', branch: b, tag: c}]", want: "branch and tag exclude each other", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: 'https://host/x', path: ../up}]", want: "is not a folder of the repository", lenient: true},
	{src: "version: 1\nsources: [{name: a, git: 'https://host/x', credentials: {username: u}}]", want: "credentials are one of token_env"},
	{src: "version: 1\nalerts: [{on: [new]}]", want: ":2: an alert needs one place"},
	{src: "version: 1\nalerts: [{slack: {url_env: A}, teams: {url_env: B}}]", want: ":2: an alert needs one place"},
	{src: "version: 1\nalerts: [{slack: {url: 'https://hooks.slack.com/services/CANARY'}}]", want: `:2: unknown key "url"`},
	{src: "version: 1\nalerts: [{slack: {}}]", want: ":2: url is a secret: name an environment variable as url_env or a file as url_file"},
	{src: "version: 1\nalerts: [{slack: {url_env: A}, on: [drift]}]", want: `"drift" is no kind of alert; there are new, changed, `},
	{src: "version: 1\nalerts: [{slack: {url_env: A}, severity: bad}]", want: `:2: severity: "bad" is no severity; there are high, medium and low`},
	{src: "version: 1\nalerts: [{slack: {url_env: A}, causes: [me]}]", want: `"me" is no cause`},
	{src: "version: 1\nalerts: [{slack: {url_env: A}, quiet: {from: '22:00'}}]", want: ":2: quiet needs from and to, or days"},
	{src: "version: 1\nalerts: [{slack: {url_env: A}, quiet: {from: '25:00', to: '1:00'}}]", want: `:2: from: write a time of day as "22:00"`},
	{src: "version: 1\nalerts: [{slack: {url_env: A}, quiet: {days: [holiday]}}]", want: "write a day as mon, tue"},
	{src: "version: 1\nalerts: [{slack: {url_env: A}, not_checkable_after: -1}]", want: "must not be negative"},
	{src: "version: 1\nalerts: [{slack: {url_env: A}}, {slack: {url_env: B}}]", want: "there are two alerts with the name slack", lenient: true},
	{src: "version: 1\nalerts: [{sns: {topic: drift}}]", want: ":2: topic must be the ARN of an SNS topic"},
	{src: "version: 1\nalerts: [{email: {host: h, from: a@b.c}}]", want: ":2: email needs host, from and to"},
	{src: "version: 1\nalerts: [{email: {host: h, from: nobody, to: [a@b.c]}}]", want: `:2: "nobody" is no e-mail address`, lenient: true},
	{src: "version: 1\nalerts: [{email: {host: h, from: a@b.c, to: [a@b.c], username: u}}]", want: ":2: password is a secret"},
	{src: "version: 1\nalerts: [{pagerduty: {routing_key_env: A, routing_key_file: B}}]", want: ":2: routing_key is a secret"},
	{src: "version: 1\nalerts: [{webhook: {secret_env: A}}]", want: ":2: a webhook needs one of url, url_env and url_file"},
	{src: "version: 1\nalerts: [{github: {repository: acme, token_env: T}}]", want: ":2: repository must be written as owner/name"},
	{src: "version: 1\nseverity: [{severity: high}]", want: ":2: a rule of severity needs an address"},
	{src: "version: 1\nseverity: [{type: x}]", want: ":2: a rule of severity needs a severity"},
	{src: "version: 1\nseverity: [{kind: gone, severity: low}]", want: `:2: kind "gone"`},
}

func TestSettingsWrong(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	for _, c := range wrong {
		_, err := read(t, c.src)
		if err == nil || !strings.Contains(err.Error(), "holdfast.yaml:") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s\n%v\nwant %s", c.src, err, c.want)
		}
		if schemaErr := schema.Validate(asJSON(t, c.src)); (schemaErr == nil) != c.lenient {
			t.Errorf("%s\nschema: %v, lenient %v", c.src, schemaErr, c.lenient)
		}
	}
}

// What is no sound YAML, or more than anybody writes.
func TestSettingsDamaged(t *testing.T) {
	t.Parallel()
	bomb := "version: 1\nstore: &a x\nstacks:\n  - &l0 {path: x}\ndefaults:\n  providers:\n    p0: &p0 {a: 1, b: 2}\n"
	for i := 1; i < 12; i++ {
		bomb += fmt.Sprintf("    p%d: &p%d {%s}\n", i, i, strings.Repeat(fmt.Sprintf("a: *p%d, ", i-1), 1)+fmt.Sprintf("b: *p%d, c: *p%d, d: *p%d, e: *p%d", i-1, i-1, i-1, i-1))
	}
	for name, c := range map[string]struct{ src, want string }{
		"empty":          {"", "holdfast.yaml: it is empty; start it with version: 1"},
		"a comment":      {"# nothing\n", "it is empty"},
		"no YAML":        {"version: 1\nstacks: [", "holdfast.yaml:"},
		"tabs":           {"version: 1\nreport:\n\ttask: x", "holdfast.yaml:3: no YAML"},
		"a list":         {"- a", ":1: the file must have keys and values"},
		"two documents":  {"version: 1\n---\nversion: 1\n", "a second document starts here"},
		"twice":          {"version: 1\nstore: a\nstore: b\n", ":3: store is there twice; the first is in line 2"},
		"merge keys":     {"version: 1\ndefaults: &d {engine: plan}\nstacks:\n  - {path: x, <<: *d}\n", ":4: << is not supported"},
		"a bomb":         {bomb, "there are more than 100000 values"},
		"itself":         {"version: 1\ndefaults:\n  providers: {aws: &a {b: *a}}\n", "nested more than 64 deep"},
		"invalid UTF-8":  {"version: 1\nstore: \xff\n", "no YAML"},
		"a key as list":  {"version: 1\n? [a]\n: b\n", "a key of the file must be text"},
		"deep":           {"version: 1\ndefaults: {providers: {a: {b: " + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + "}}}", "holdfast.yaml:"},
		"a null version": {"version:\n", "version must be a whole number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := read(t, c.src); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// Anchors are how YAML says a thing twice.
func TestSettingsAnchors(t *testing.T) {
	t.Parallel()
	s, err := read(t, "version: 1\nstacks:\n  - path: a\n    env: &env {A: b}\n    workspaces: &ws [x]\n  - path: b\n    env: *env\n    workspaces: *ws\n")
	if err != nil || s.Stacks[1].Env["A"] != "b" || s.Stacks[1].Workspaces.Names[0] != "x" {
		t.Errorf("%+v, %v", s, err)
	}
}

// The schema and the decoder accept the same keys, everywhere.
func TestSchemaAgrees(t *testing.T) {
	t.Parallel()
	schema := compiled(t)
	if err := schema.Validate(asJSON(t, full)); err != nil {
		t.Errorf("the schema refuses what is right: %v", err)
	}
	src, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(src, &doc); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, doc, doc, reflect.TypeFor[stack.Settings](), "holdfast.yaml")

	// An unknown key in every mapping of known ones is refused by both.
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(full), &n); err != nil {
		t.Fatal(err)
	}
	places := 0
	for _, m := range mappings(n.Content[0], "") {
		m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "zzzz"}, &yaml.Node{Kind: yaml.ScalarNode, Value: "x"})
		text, err := yaml.Marshal(&n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := read(t, string(text)); err == nil || !strings.Contains(err.Error(), `unknown key "zzzz"`) {
			t.Errorf("the decoder: %v\n%s", err, text)
		}
		if schema.Validate(asJSON(t, string(text))) == nil {
			t.Errorf("the schema accepts\n%s", text)
		}
		m.Content = m.Content[:len(m.Content)-2]
		places++
	}
	if places != 45 {
		t.Errorf("an unknown key was tried in %d places", places)
	}
}

// mappings are those whose keys are ours: not of variables or of providers.
func mappings(n *yaml.Node, key string) []*yaml.Node {
	if key == "env" || key == "providers" {
		return nil
	}
	var out []*yaml.Node
	if n.Kind == yaml.MappingNode {
		out = append(out, n)
		for i := 0; i < len(n.Content); i += 2 {
			out = append(out, mappings(n.Content[i+1], n.Content[i].Value)...)
		}
		return out
	}
	for _, item := range n.Content {
		out = append(out, mappings(item, key)...)
	}
	return out
}

// sameKeys holds the properties of a schema against the fields of a type.
func sameKeys(t *testing.T, doc, schema map[string]any, ty reflect.Type, where string) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		schema = doc["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	switch {
	case ty.Kind() == reflect.Slice && ty.Elem().Kind() == reflect.Struct:
		sameKeys(t, doc, schema["items"].(map[string]any), ty.Elem(), where+"[]")
	case ty.Kind() == reflect.Struct && schema["type"] == "object":
		fields := map[string]reflect.Type{}
		for _, f := range reflect.VisibleFields(ty) {
			if key := f.Tag.Get("yaml"); key != "" {
				fields[key] = f.Type
			}
		}
		properties := schema["properties"].(map[string]any)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(fields)), slices.Sorted(maps.Keys(properties))); diff != "" || schema["additionalProperties"] != false {
			t.Errorf("%s (-decoder +schema):\n%s", where, diff)
		}
		for key, field := range fields {
			if property, ok := properties[key].(map[string]any); ok {
				sameKeys(t, doc, property, field, where+"."+key)
			}
		}
	}
}

func TestFindSettings(t *testing.T) {
	t.Parallel()
	dir := root(t, files{"holdfast.yaml": "version: 1", "live/a/main.tf": "", "other/.git/HEAD": "", "other/x/main.tf": ""})
	s, err := stack.FindSettings(filepath.Join(dir, "live", "a"))
	if err != nil || s.Dir != dir || filepath.Base(s.File) != "holdfast.yaml" {
		t.Errorf("%+v, %v", s, err)
	}
	// Another repository's settings are not this one's.
	s, err = stack.FindSettings(filepath.Join(dir, "other", "x"))
	if err != nil || s.File != "" {
		t.Errorf("%+v, %v", s, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "other", "holdfast.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := stack.FindSettings(filepath.Join(dir, "other", "x")); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("a folder for settings: %v", err)
	}
}

// Whatever a settings file holds, reading it ends, and what is wrong is named
// with its place. What is right can be matched against root modules.
func FuzzSettings(f *testing.F) {
	f.Add(full)
	for _, c := range wrong {
		f.Add(c.src)
	}
	f.Add("version: 1\ndefaults: &a\n  providers: {x: *a}\n")
	f.Add("version: 1\nstacks: [{path: '\x00'}]")
	f.Add("\xef\xbb\xbfversion: 1")
	f.Fuzz(func(t *testing.T, src string) {
		s, err := stack.ParseSettings([]byte(src), "holdfast.yaml")
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "holdfast.yaml:") {
					t.Errorf("an error without its place: %q", line)
				}
			}
			return
		}
		if s.Version != 1 {
			t.Errorf("version %d was taken", s.Version)
		}
		for _, entry := range s.Stacks {
			if (entry.Path != "") == (len(entry.Include)+len(entry.Exclude) > 0) {
				t.Errorf("a stack of nothing, or of both: %+v", entry)
			}
			entry.Include.Match("a/b")
			entry.Exclude.MatchBelow("a/b")
		}
		for _, rule := range s.Rules() {
			if rule.Reason == "" || rule.Address == "" && rule.Type == "" {
				t.Errorf("an unsound rule was taken: %+v", rule)
			}
		}
	})
}
