# A check each Monday at six, in the default VPC. Its subnets are public: there
# is no NAT to pay for, and no way in, since nobody may connect to the task.
terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}

variable "image" {
  description = "The container image, by digest."
  type        = string
}

variable "email" {
  description = "Who is told."
  type        = string
}

data "aws_vpc" "default" {
  default = true
}

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
}

resource "aws_secretsmanager_secret" "git" {
  name        = "holdfast-git"
  description = "Token that may read the repository; put it in by hand"
}

module "holdfast" {
  source = "../.."

  image                       = var.image
  repository_url              = "https://github.com/acme/platform.git"
  repository_path             = "infra"
  repository_token_secret_arn = aws_secretsmanager_secret.git.arn
  time_zone                   = "Europe/Berlin"

  vpc_id           = data.aws_vpc.default.id
  subnet_ids       = sort(data.aws_subnets.default.ids)
  assign_public_ip = true

  state_bucket_arns = ["arn:aws:s3:::acme-states"]
  state_table_arns  = ["arn:aws:dynamodb:eu-central-1:123456789012:table/acme-locks"]
  assume_role_arns  = ["arn:aws:iam::210987654321:role/holdfast-read"]

  subscriptions = {
    team = { protocol = "email", endpoint = var.email }
  }

  tags = { Service = "holdfast" }
}

output "topic_arn" {
  description = "For the alerts in holdfast.yaml."
  value       = module.holdfast.topic_arn
}
