data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid     = "ReadFromThisAccount"
    actions = ["s3:GetObject", "s3:ListBucket"]
    resources = [
      aws_s3_bucket.data.arn,
      "${aws_s3_bucket.data.arn}/*",
    ]

    principals {
      type        = "AWS"
      identifiers = [format("arn:aws:iam::%s:root", data.aws_caller_identity.current.account_id)]
    }
  }
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

locals {
  prefix     = format("%s-%s", var.project, var.environment)
  account_id = data.aws_caller_identity.current.account_id

  default_tags = {
    managed_by  = "terraform"
    environment = var.environment
  }

  common_tags = merge(
    { owner = var.owner, project = var.project },
    var.environment == "production" ? { tier = "gold" } : {},
  )

  public_subnets = { for name, s in var.subnets : name => s if s.public }
  operators      = toset([for name in var.operators : lower(name)])

  instance_sizes = { test = "t3.micro", production = "m5.large" }
  instance_type  = lookup(local.instance_sizes, var.environment, "t3.nano")

  # No such key: try falls through to the second.
  page_title = try(var.settings["title"], upper(var.project))
}
