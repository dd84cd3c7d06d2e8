# For checks that run in GitHub Actions: a topic, a read-only role that the
# workflow may take on, and an alarm when checks stop coming.
terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}

variable "repository" {
  description = "The repository whose workflow may be the runner, on its main branch alone, as OWNER/NAME."
  type        = string
}

variable "email" {
  description = "Who is told."
  type        = string
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "workflow" {
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = ["repo:${var.repository}:ref:refs/heads/main"]
    }
  }
}

module "holdfast" {
  source = "../.."

  runner              = "none"
  runner_trust_policy = data.aws_iam_policy_document.workflow.json
  state_bucket_arns   = ["arn:aws:s3:::acme-states"]

  subscriptions = {
    team = { protocol = "email", endpoint = var.email }
  }
}

output "role_arn" {
  description = "For the workflow."
  value       = module.holdfast.role_arn
}

output "metric" {
  description = "What the workflow adds 1 to after each check that has a result."
  value       = module.holdfast.metric
}
