package config

import (
	"slices"
	"testing"
)

func TestMayUse(t *testing.T) {
	t.Parallel()
	const whole = `
terraform {
  required_version = ">= 1.5"
  required_providers {
    nimbus = { source = "acme/cloud" }
  }
}
terraform {
  required_version = "~> 1.11.0"
}
provider "random" {}
resource "aws_sqs_queue" "jobs" {}
resource "google_thing" "other" {
  provider = google-beta.east
}
module "in" {
  source = "./in"
}
-- in/main.tf --
data "http_get" "it" {}
`
	tree := load(t, whole)
	for source, want := range map[string]bool{
		"registry.terraform.io/hashicorp/aws":         true,
		"registry.opentofu.org/hashicorp/aws":         true,
		"registry.terraform.io/acme/cloud":            true,
		"registry.terraform.io/hashicorp/random":      true,
		"registry.terraform.io/hashicorp/google-beta": true,
		"registry.terraform.io/hashicorp/http":        true,
		"registry.terraform.io/hashicorp/google":      false,
		"registry.terraform.io/hashicorp/nimbus":      false,
		"registry.terraform.io/hashicorp/null":        false,
		"example.com/hashicorp/aws":                   false,
	} {
		if got := tree.MayUse(source); got != want {
			t.Errorf("%s: %v, want %v", source, got, want)
		}
	}
	const other = "example.com/a/b"
	if !load(t, whole+"-- more.tf --\nmodule \"out\" {\n  source = \"acme/x/y\"\n}\n").MayUse(other) || !Unseen(t.TempDir()).MayUse(other) {
		t.Error("what can't be seen may need any provider")
	}
	if got := tree.Root.RequiredVersions; !slices.Equal(got, []string{">= 1.5", "~> 1.11.0"}) {
		t.Errorf("required_version %q", got)
	}
}
