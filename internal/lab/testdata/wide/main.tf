# One stack with as many resources as are asked for.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

variable "items" {
  type = number
}

provider "aws" {
  region = "us-east-1"
}

resource "aws_cloudwatch_log_group" "item" {
  count = var.items

  name              = format("item%04d", count.index)
  retention_in_days = 30
}
