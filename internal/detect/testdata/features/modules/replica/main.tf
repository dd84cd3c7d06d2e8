terraform {
  required_providers {
    aws = {
      source                = "hashicorp/aws"
      configuration_aliases = [aws.home, aws.away]
    }
  }
}

variable "name" {
  type = string
}

variable "shared_by" {
  type = string
}

data "aws_region" "away" {
  provider = aws.away
}

# The same name in both regions: only the provider tells them apart.
resource "aws_ssm_parameter" "home" {
  provider = aws.home

  name  = "/${var.name}/region"
  type  = "String"
  value = "elsewhere: ${data.aws_region.away.name}"
}

resource "aws_ssm_parameter" "away" {
  provider = aws.away

  name        = "/${var.name}/region"
  description = "Shared by ${var.shared_by}"
  type        = "String"
  value       = "here"
}

resource "aws_sns_topic" "away" {
  provider = aws.away

  name = var.name

  tags = {
    purpose = "replica"
  }
}

output "topic_arn" {
  value = aws_sns_topic.away.arn
}
