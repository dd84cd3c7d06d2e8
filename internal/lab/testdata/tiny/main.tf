terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  # AWS_MAX_ATTEMPTS does not reach the provider, whose default is 25.
  max_retries                = var.api_retries
  skip_requesting_account_id = true
}

variable "api_retries" {
  type    = number
  default = 3 # a connection may be lost on a busy machine
}

variable "value" {
  type    = string
  default = "from code"
}

resource "aws_ssm_parameter" "this" {
  for_each = toset(["one", "two"])
  name     = "/tiny/${each.key}"
  type     = "String"
  value    = var.value
}

resource "aws_cloudwatch_log_group" "this" {
  count             = 1
  name              = "tiny"
  retention_in_days = 30
}
