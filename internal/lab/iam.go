package lab

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strings"
)

// Permissions tells which IAM actions requests need. AWS lists them, a page a
// service: https://docs.aws.amazon.com/service-authorization/latest/reference/
type Permissions struct {
	models *models
	python string
}

// NewPermissions makes one.
func NewPermissions(tools Tools) (*Permissions, error) {
	models, err := findModels(tools.Python)
	if err != nil {
		return nil, err
	}
	return &Permissions{models, tools.Python}, nil
}

// otherPrefix are services whose actions have another prefix than they are signed
// for.
var otherPrefix = map[string]string{"monitoring": "cloudwatch", "email": "ses"}

// otherAction are operations whose action has another name.
var otherAction = map[string]string{
	"s3:GetBucketAccelerateConfiguration":         "s3:GetAccelerateConfiguration",
	"s3:GetBucketCors":                            "s3:GetBucketCORS",
	"s3:GetBucketEncryption":                      "s3:GetEncryptionConfiguration",
	"s3:GetBucketLifecycleConfiguration":          "s3:GetLifecycleConfiguration",
	"s3:GetBucketLifecycle":                       "s3:GetLifecycleConfiguration",
	"s3:GetBucketNotificationConfiguration":       "s3:GetBucketNotification",
	"s3:GetBucketReplication":                     "s3:GetReplicationConfiguration",
	"s3:GetObjectLockConfiguration":               "s3:GetBucketObjectLockConfiguration",
	"s3:GetPublicAccessBlock":                     "s3:GetBucketPublicAccessBlock",
	"s3:HeadBucket":                               "s3:ListBucket",
	"s3:HeadObject":                               "s3:GetObject",
	"s3:ListBuckets":                              "s3:ListAllMyBuckets",
	"s3:ListObjects":                              "s3:ListBucket",
	"s3:ListObjectsV2":                            "s3:ListBucket",
	"s3:GetBucketAnalyticsConfiguration":          "s3:GetAnalyticsConfiguration",
	"s3:GetBucketInventoryConfiguration":          "s3:GetInventoryConfiguration",
	"s3:GetBucketMetricsConfiguration":            "s3:GetMetricsConfiguration",
	"s3:GetBucketIntelligentTieringConfiguration": "s3:GetIntelligentTieringConfiguration",
}

// Action is the IAM action that a request to read needs, as "s3:GetBucketPolicy".
func (p *Permissions) Action(r Request) (string, error) {
	if r.Service == "apigateway" { // its actions are the methods
		return "apigateway:" + r.Method, nil
	}
	model, err := p.models.get(r.Service)
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", r.Service, r.Action, err)
	}
	name, _ := model.read(r)
	if _, known := model.Operations[name]; !known {
		return "", fmt.Errorf("%s %s?%s is no operation that is known", r.Service, r.Action, r.Query)
	}
	action := or(otherPrefix[r.Service], r.Service) + ":" + name
	return or(otherAction[action], action), nil
}

// Managed gives what AWS's own policy of that name allows, as of the version of moto
// that is installed, for all resources and without conditions.
func (p *Permissions) Managed(name string) (allows func(action string) bool, err error) {
	policies, err := p.policies()
	if err != nil {
		return nil, err
	}
	patterns, ok := policies[name]
	if !ok {
		return nil, fmt.Errorf("moto has no managed policy %s", name)
	}
	return func(action string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool {
			ok, _ := path.Match(strings.ToLower(pattern), strings.ToLower(action))
			return ok
		})
	}, nil
}

// Named are the actions that any of AWS's own policies names in full: that they
// exist is AWS's word.
func (p *Permissions) Named() (map[string]bool, error) {
	policies, err := p.policies()
	named := map[string]bool{}
	for _, patterns := range policies {
		for _, action := range patterns {
			named[action] = true
		}
	}
	return named, err
}

// policies are the patterns of actions that each managed policy allows.
func (p *Permissions) policies() (map[string][]string, error) {
	const script = `import json
from moto.iam.aws_managed_policies import aws_managed_policies_data
listed = lambda x: x if isinstance(x, list) else [x]
print(json.dumps({name: [a for s in listed(p["Document"]["Statement"]) if s["Effect"] == "Allow" for a in listed(s.get("Action", []))]
                  for name, p in json.loads(aws_managed_policies_data).items()}))`
	out, err := exec.Command(p.python, "-c", script).Output()
	if err != nil {
		return nil, fmt.Errorf("asking moto for AWS's managed policies: %w", err)
	}
	var policies map[string][]string
	if err := json.Unmarshal(out, &policies); err != nil {
		return nil, fmt.Errorf("moto's managed policies: %w", err)
	}
	return policies, nil
}
