provider "aws" {
  region = var.region

  default_tags {
    tags = merge(var.tags, {
      Project     = var.project
      Environment = var.environment
      Component   = "device-tokens"
      ManagedBy   = "terraform"
    })
  }

  # Only for emulators that can't be reached through AWS_ENDPOINT_URL. The block
  # must be absent otherwise, not merely empty: the provider takes seconds to
  # validate it, at every plan.
  dynamic "endpoints" {
    for_each = var.endpoint[*]

    content {
      apigateway = endpoints.value
      cloudwatch = endpoints.value
      dynamodb   = endpoints.value
      iam        = endpoints.value
      kms        = endpoints.value
      lambda     = endpoints.value
      logs       = endpoints.value
      sts        = endpoints.value
    }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  name_prefix   = "${var.project}-${var.environment}"
  table_name    = "${local.name_prefix}-device-tokens"
  function_name = "${local.name_prefix}-device-token"

  # What the handler calls on the table. The role's policy and the table's
  # alarms both follow from this list, so that they can't disagree.
  table_operations = ["DeleteItem", "UpdateItem"]
}
