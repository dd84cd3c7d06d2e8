package stack

import (
	"errors"
	"regexp"

	"holdfast/internal/drift"
)

// Attribution says where the records are that tell who changed something.
type Attribution struct {
	LookupEvents []Account    `yaml:"lookup_events"` // whose event histories are asked
	Regions      []string     `yaml:"regions"`       // those asked where a finding's is not known
	Trails       []Trail      `yaml:"trails"`
	Automation   []Automation `yaml:"automation"`
}

// Account is an AWS account, and how to get at it; without role and profile, that
// of the environment's credentials.
type Account struct {
	ID      string  `yaml:"account"` // "": that of the role, or not known
	RoleARN RoleARN `yaml:"role_arn"`
	Profile string  `yaml:"profile"`
}

// Trail is a place to which a trail delivers its log objects.
type Trail struct {
	Bucket  string  `yaml:"bucket"`
	Prefix  string  `yaml:"prefix"`
	Region  string  `yaml:"region"` // the bucket's
	RoleARN RoleARN `yaml:"role_arn"`
	Profile string  `yaml:"profile"`
	Folder  string  `yaml:"folder"` // instead of a bucket: relative to the settings
}

// Automation is drift.Automation, as it is written.
type Automation struct {
	Name       string   `yaml:"name"`
	Roles      []string `yaml:"roles"`
	UserAgents []string `yaml:"user_agents"`
}

// RoleARN is the ARN of a role to assume.
type RoleARN string

var rolePattern = regexp.MustCompile(`^arn:[a-z-]+:iam::([0-9]{12}):role/.+$`)

func (r *RoleARN) set(text string) error {
	if !rolePattern.MatchString(text) {
		return errors.New("write a role as arn:aws:iam::123456789012:role/NAME")
	}
	*r = RoleARN(text)
	return nil
}

// Account is that of the role.
func (r RoleARN) Account() string {
	if m := rolePattern.FindStringSubmatch(string(r)); m != nil {
		return m[1]
	}
	return ""
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	bucketPattern  = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
)

func (a *Account) check() error {
	switch {
	case a.ID != "" && !accountPattern.MatchString(a.ID):
		return errors.New("an account has 12 digits, in quotes")
	case a.ID != "" && a.RoleARN != "" && a.ID != a.RoleARN.Account():
		return errors.New("account and role_arn name two accounts; leave account out")
	}
	return nil
}

func (t *Trail) check() error {
	switch {
	case (t.Bucket == "") == (t.Folder == ""):
		return errors.New("a trail needs either a bucket or a folder")
	case t.Folder != "" && (t.Prefix != "" || t.Region != "" || t.RoleARN != "" || t.Profile != ""):
		return errors.New("prefix, region, role_arn and profile are those of a bucket; a folder has none")
	case t.Bucket != "" && !bucketPattern.MatchString(t.Bucket):
		return errors.New("bucket must be a bucket's name, without s3://; what comes after the name is its prefix")
	}
	return nil
}

func (a *Automation) check() error {
	switch {
	case a.Name == "":
		return errors.New("automation needs a name, for people")
	case len(a.Roles)+len(a.UserAgents) == 0:
		return errors.New("automation needs roles or user_agents to be known by; * stands for any text")
	}
	return nil
}

// Known is the declared automation as package attribution compares it.
func (a Attribution) Known() []drift.Automation {
	var known []drift.Automation
	for _, one := range a.Automation {
		known = append(known, drift.Automation(one))
	}
	return known
}
