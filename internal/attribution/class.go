package attribution

import (
	"regexp"
	"strings"

	"holdfast/internal/drift"
)

// verdict is what kind of caller made a request.
type verdict struct {
	class      drift.CauseClass
	how        string // for people: console, aws-cli, boto3
	automation string // the declared automation's name
}

// classify says how a request was made. The first rule that holds decides; their
// order is that of docs/attribution.md. What the service itself recorded comes
// before what the caller says of itself, its user agent.
func classify(r *Record, known []drift.Automation) verdict {
	agent := r.UserAgent
	if r.FromConsole.True() {
		return verdict{class: drift.CauseConsole, how: "console"}
	}
	if a := declared(r, known); a != nil {
		return verdict{class: drift.CauseAutomation, how: tool(agent), automation: a.Name}
	}
	if service := invokedBy(r); service != "" {
		return verdict{class: drift.CauseService, how: service}
	}
	if code := codeTool(agent); code != "" {
		return verdict{class: drift.CauseCode, how: code}
	}
	switch {
	case isConsole(agent):
		return verdict{class: drift.CauseConsole, how: "console"}
	case hasToken(agent, "aws-cli/"):
		return commandLine(r)
	case isProgram(agent):
		return verdict{class: drift.CauseAutomation, how: tool(agent)}
	}
	return verdict{class: drift.CauseUnknown, how: tool(agent)}
}

// invokedBy is the AWS service that made the request, by itself or for somebody.
func invokedBy(r *Record) string {
	switch {
	case r.Identity.InvokedBy != "" && r.Identity.InvokedBy != "AWS Internal":
		return r.Identity.InvokedBy
	case r.Identity.Type == "AWSService":
		return first(r.SourceIP, "an AWS service")
	case isServiceName(r.SourceIP) && isServiceName(r.UserAgent):
		return r.SourceIP
	}
	return ""
}

// isServiceName is for names such as cloudformation.amazonaws.com, which stand
// where an address or a user agent would.
func isServiceName(text string) bool {
	return strings.HasSuffix(text, ".amazonaws.com") && !isConsole(text) && !strings.ContainsAny(text, " /")
}

// codeTools are the tools for infrastructure as code, by what their user agents
// hold. Terraform's also names an SDK, so they come before programs.
var codeTools = []struct{ token, name string }{
	{"OpenTofu/", "OpenTofu"},
	{"Terraform/", "Terraform"},
	{"terraform-provider-aws/", "Terraform"},
	{"Pulumi/", "Pulumi"},
	{"pulumi-", "Pulumi"},
	{"Crossplane/", "Crossplane"},
	{"upbound-provider-aws/", "Crossplane"},
}

func codeTool(agent string) string {
	for _, t := range codeTools {
		if hasToken(agent, t.token) {
			return t.name
		}
	}
	if strings.Contains(agent, "Pulumi") {
		return "Pulumi"
	}
	return ""
}

// hasToken looks for a product token: at the start, or after something that ends
// a word.
func hasToken(agent, token string) bool {
	for at := 0; ; {
		i := strings.Index(agent[at:], token)
		if i < 0 {
			return false
		}
		if at += i; at == 0 || strings.ContainsRune(" ([,;+#", rune(agent[at-1])) {
			return true
		}
		at++
	}
}

func isConsole(agent string) bool {
	return strings.Contains(agent, "console.amazonaws.com") || strings.Contains(agent, "signin.amazonaws.com") ||
		strings.Contains(agent, "console.aws.amazon.com") || strings.Contains(agent, "S3Console/") ||
		strings.Contains(agent, "AWSCloudWatchConsole") || isBrowser(agent)
}

// isBrowser is for the console's own scripts, whose requests carry the browser's
// name. SDKs in a browser say aws-sdk-js besides.
func isBrowser(agent string) bool {
	return strings.HasPrefix(strings.TrimPrefix(agent, "["), "Mozilla/") && !strings.Contains(agent, "aws-sdk")
}

// machine matches the session name of an EC2 instance.
var machine = regexp.MustCompile(`^i-[0-9a-f]{8,17}$`)

// commandLine is for the AWS CLI: a person's tool, unless it runs in something
// where nobody sits.
func commandLine(r *Record) verdict {
	switch env := executionEnvironment(r.UserAgent); {
	case env == "CloudShell":
		return verdict{class: drift.CauseCLI, how: "aws-cli in CloudShell"}
	case env != "":
		return verdict{class: drift.CauseAutomation, how: "aws-cli in " + env}
	case machine.MatchString(sessionName(r)):
		return verdict{class: drift.CauseAutomation, how: "aws-cli on instance " + sessionName(r)}
	}
	return verdict{class: drift.CauseCLI, how: "aws-cli"}
}

// executionEnvironment is what an SDK reads from AWS_EXECUTION_ENV.
func executionEnvironment(agent string) string {
	_, rest, ok := strings.Cut(agent, "exec-env/")
	if !ok {
		return ""
	}
	env, _, _ := strings.Cut(rest, " ")
	return env
}

var programs = []string{"Boto3/", "Botocore/", "aws-sdk-", "AWSPowerShell/", "aws-sam-cli/", "Ansible", "boto/", "rusoto/", "aws-cdk/", "Go-http-client/", "python-requests/", "curl/"}

func isProgram(agent string) bool {
	for _, p := range programs {
		if hasToken(agent, p) {
			return true
		}
	}
	return false
}

// tool is the first product of a user agent, as people call it.
func tool(agent string) string {
	agent = strings.Trim(agent, "[]")
	if code := codeTool(agent); code != "" {
		return code
	}
	name, _, _ := strings.Cut(agent, "/")
	name, _, _ = strings.Cut(name, " ")
	if agent == "AWS Internal" {
		return agent
	}
	if strings.HasPrefix(name, "Boto") {
		return strings.ToLower(name)
	}
	return name
}

// declared finds the automation of holdfast.yaml that made a request. Whoever
// uses the console under its role is a person: that rule comes before.
func declared(r *Record, known []drift.Automation) *drift.Automation {
	names := []string{r.Identity.ARN, r.Identity.UserName, r.Identity.Session.Issuer.ARN, r.Identity.Session.Issuer.UserName}
	for i := range known {
		for _, pattern := range known[i].Roles {
			for _, name := range names {
				if name != "" && matchStars(pattern, name) {
					return &known[i]
				}
			}
		}
		for _, pattern := range known[i].UserAgents {
			if matchStars(pattern, r.UserAgent) {
				return &known[i]
			}
		}
	}
	return nil
}

// matchStars compares with a pattern in which * stands for any text.
func matchStars(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, parts[last])
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
