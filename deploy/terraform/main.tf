data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.id

  fargate = var.runner == "fargate"
  volume  = local.fargate && var.history == "volume"

  log_group = "/holdfast/${var.name}"
  key_arn   = var.create_kms_key ? aws_kms_key.this[0].arn : var.kms_key_arn

  # What the alarm of missing checks counts: those that ended with a result,
  # clean or drifted. A log metric can't have a dimension of a fixed value, so
  # that the name is part of the namespace.
  metric_namespace = "Holdfast/${var.name}"
  metric_name      = "ChecksWithResult"
}
