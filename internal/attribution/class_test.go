package attribution

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"holdfast/internal/drift"
)

// User agents as they were seen, or as AWS documents them.
const (
	agentTerraform = "APN/1.0 HashiCorp/1.0 Terraform/1.11.4 (+https://www.terraform.io) terraform-provider-aws/5.100.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.36.3 ua/2.1 os/linux"
	agentTofu      = "APN/1.0 HashiCorp/1.0 Terraform/1.9.0 (+https://www.terraform.io) OpenTofu/1.9.0 terraform-provider-aws/5.100.0 aws-sdk-go-v2/1.36.3"
	agentPulumi    = "APN/1.0 Pulumi/1.0 PulumiAWS/6.0 aws-sdk-go-v2/1.30"
	agentCLI       = "aws-cli/1.45.11 md/Botocore#1.43.11 ua/2.1 os/linux#5.10 md/arch#x86_64 lang/python#3.11.7"
	agentBoto      = "Boto3/1.43.11 md/Botocore#1.43.11 ua/2.1 os/linux#5.10 lang/python#3.11.7"
	agentBrowser   = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Safari/537.36"
	alice          = `"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/alice","accountId":"111111111111","userName":"alice"}`
	bot            = `"userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111111111111:assumed-role/deploy-bot/run-17","accountId":"111111111111","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111111111111:role/deploy-bot","userName":"deploy-bot"},"attributes":{"mfaAuthenticated":"false"},"sourceIdentity":"alice"}}`
	sso            = `"userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/jo@example.com","sessionContext":{"sessionIssuer":{"userName":"AWSReservedSSO_Admin_0123456789abcdef"},"attributes":{"mfaAuthenticated":"true"}}}`
	instance       = `"userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111111111111:assumed-role/web/i-0123456789abcdef0","sessionContext":{"sessionIssuer":{"userName":"web"}}}`
)

func classRecord(identity, agent, more string) string {
	name, _ := json.Marshal(agent)
	return `{` + identity + `,"eventTime":"2026-11-21T10:00:00Z","eventSource":"lambda.amazonaws.com","eventName":"UpdateFunctionConfiguration20150331v2","userAgent":` + string(name) + more + `}`
}

// TestClass has each rule of docs/attribution.md, and what comes before what.
func TestClass(t *testing.T) {
	t.Parallel()
	known := []drift.Automation{{Name: "nightly scaler", Roles: []string{"scaler-*"}}, {Name: "patcher", UserAgents: []string{"*patcher/*"}}}
	documented := documentedClasses(t)
	met := map[string]bool{}
	scaler := `"userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111111111111:assumed-role/scaler-prod/s","sessionContext":{"sessionIssuer":{"userName":"scaler-prod"}}}`
	for _, c := range []struct {
		rule                        string // its number in docs/attribution.md
		name, identity, agent, more string
		class                       drift.CauseClass
		who                         string
	}{
		{"1", "credentials of the console", alice, agentBrowser, `,"sessionCredentialFromConsole":"true"`, drift.CauseConsole, "user alice (console)"},
		{"1", "the console before the user agent", alice, agentTerraform, `,"sessionCredentialFromConsole":"true"`, drift.CauseConsole, "user alice (console)"},
		{"1", "the console before automation", scaler, agentBrowser, `,"sessionCredentialFromConsole":"true"`, drift.CauseConsole, "the role scaler-prod, session s (console)"},
		{"7", "not of the console", alice, agentCLI, `,"sessionCredentialFromConsole":"false"`, drift.CauseCLI, "user alice (aws-cli)"},
		{"2", "declared by role", scaler, agentBoto, "", drift.CauseAutomation, "nightly scaler (the role scaler-prod, session s) through boto3"},
		{"2", "declared by role, with Terraform", scaler, agentTerraform, "", drift.CauseAutomation, "nightly scaler (the role scaler-prod, session s) through Terraform"},
		{"2", "declared by user agent", alice, "patcher/1.0 Boto3/1", "", drift.CauseAutomation, "patcher (user alice) through patcher"},
		{"3", "a service", `"userIdentity":{"type":"AWSService","invokedBy":"autoscaling.amazonaws.com"}`, "autoscaling.amazonaws.com", "", drift.CauseService, "the service autoscaling.amazonaws.com"},
		{"3", "a service for somebody", `"userIdentity":{"type":"IAMUser","userName":"alice","arn":"a","invokedBy":"cloudformation.amazonaws.com"}`, "cloudformation.amazonaws.com", "", drift.CauseService, "cloudformation.amazonaws.com for user alice"},
		{"3", "a service by its address", bot, "cloudformation.amazonaws.com", `,"sourceIPAddress":"cloudformation.amazonaws.com"`, drift.CauseService, "cloudformation.amazonaws.com for the role deploy-bot, session run-17, source identity alice"},
		{"4", "Terraform", bot, agentTerraform, "", drift.CauseCode, "the role deploy-bot, session run-17, source identity alice through Terraform"},
		{"4", "OpenTofu", bot, agentTofu, "", drift.CauseCode, "the role deploy-bot, session run-17, source identity alice through OpenTofu"},
		{"4", "Pulumi", alice, agentPulumi, "", drift.CauseCode, "user alice through Pulumi"},
		{"5", "the console by its name", sso, "console.amazonaws.com", "", drift.CauseConsole, "user jo@example.com (single sign-on, Admin) (console, MFA)"},
		{"5", "the console's sign-in", alice, "signin.amazonaws.com", "", drift.CauseConsole, "user alice (console)"},
		{"5", "a browser", alice, agentBrowser, "", drift.CauseConsole, "user alice (console)"},
		{"5", "S3's console", alice, "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.11]", "", drift.CauseConsole, "user alice (console)"},
		{"7", "the command line", alice, agentCLI, "", drift.CauseCLI, "user alice (aws-cli)"},
		{"6", "the command line on an instance", instance, agentCLI, "", drift.CauseAutomation, "the role web, session i-0123456789abcdef0 through aws-cli on instance i-0123456789abcdef0"},
		{"6", "the command line in a build", alice, "aws-cli/2.1 exec-env/AWS_CodeBuild prompt/off", "", drift.CauseAutomation, "user alice through aws-cli in AWS_CodeBuild"},
		{"7", "CloudShell", alice, "aws-cli/2.1 exec-env/CloudShell prompt/off", "", drift.CauseCLI, "user alice (aws-cli in CloudShell)"},
		{"8", "boto3", bot, agentBoto, "", drift.CauseAutomation, "the role deploy-bot, session run-17, source identity alice through boto3"},
		{"8", "an SDK", alice, "aws-sdk-go-v2/1.30 os/linux", "", drift.CauseAutomation, "user alice through aws-sdk-go-v2"},
		{"8", "an SDK in a browser", alice, agentBrowser + " aws-sdk-js/3.0", "", drift.CauseAutomation, "user alice through Mozilla"},
		{"9", "AWS Internal says nothing", alice, "AWS Internal", "", drift.CauseUnknown, "user alice through AWS Internal"},
		{"9", "an unknown program", alice, "thing/1", "", drift.CauseUnknown, "user alice through thing"},
		{"9", "a word that only ends so", alice, "notTerraform/1", "", drift.CauseUnknown, "user alice through notTerraform"},
		{"5", "root", `"userIdentity":{"type":"Root","accountId":"111111111111","arn":"arn:aws:iam::111111111111:root"}`, agentBrowser, "", drift.CauseConsole, "the root user of account 111111111111 (console)"},
		{"8", "another account", `"userIdentity":{"type":"AWSAccount","accountId":"222222222222"}`, agentBoto, "", drift.CauseAutomation, "account 222222222222 through boto3"},
		{"9", "nobody", `"userIdentity":{}`, "", "", drift.CauseUnknown, "somebody whom CloudTrail does not name through an unnamed program"},
	} {
		met[c.rule] = true
		if documented[c.rule] != string(c.class) {
			t.Errorf("%s: rule %s of docs/attribution.md gives %q, not %s", c.name, c.rule, documented[c.rule], c.class)
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := ParseRecord([]byte(classRecord(c.identity, c.agent, c.more)))
			if err != nil {
				t.Fatal(err)
			}
			v := classify(r, known)
			e := entry{event: causeEvent(r, v), verdict: v}
			if v.class != c.class || who(e) != c.who {
				t.Errorf("got %s, %q\nwant %s, %q", v.class, who(e), c.class, c.who)
			}
		})
	}
	for rule := range documented {
		if !met[rule] {
			t.Errorf("rule %s of docs/attribution.md has no case here", rule)
		}
	}
}

// documentedClasses are the classes that docs/attribution.md gives, by the number
// of the rule.
func documentedClasses(t *testing.T) map[string]string {
	t.Helper()
	classes := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| ([0-9]+) \\| .* \\| `([a-z-]+)`[^|]*\\|$").FindAllStringSubmatch(manual(t), -1) {
		classes[m[1]] = m[2]
	}
	if len(classes) < 9 {
		t.Fatalf("docs/attribution.md has the rules %v", classes)
	}
	return classes
}

func manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "attribution.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
