# The role of the check: it reads, and tells. Nothing here writes anything but
# messages to the topic and the history.
resource "aws_iam_role" "check" {
  name                 = "${var.name}-check"
  description          = "Checks infrastructure for drift; read-only"
  assume_role_policy   = local.fargate ? data.aws_iam_policy_document.tasks.json : var.runner_trust_policy
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags

  lifecycle {
    precondition {
      condition     = local.fargate || var.runner_trust_policy != null
      error_message = "With runner = \"none\", runner_trust_policy must say who may be the runner."
    }
  }
}

# Tasks of this account alone: ECS is not to be talked into lending the role to
# another's.
data "aws_iam_policy_document" "tasks" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:ecs:${local.region}:${local.account}:*"]
    }
  }
}

locals {
  read_policy_arns = coalesce(var.read_policy_arns, ["arn:${local.partition}:iam::aws:policy/ReadOnlyAccess"])

  state_object_arns    = [for arn in var.state_bucket_arns : "${arn}/*"]
  readable_object_arns = concat(local.state_object_arns, tolist(var.readable_object_arns))
}

resource "aws_iam_role_policy_attachment" "read" {
  # Not by ARN: that of a policy made in the same run is not known in time.
  for_each = { for index, arn in local.read_policy_arns : tostring(index) => arn }

  role       = aws_iam_role.check.name
  policy_arn = each.value
}

resource "aws_iam_role_policy" "check" {
  name   = "check"
  role   = aws_iam_role.check.id
  policy = data.aws_iam_policy_document.check.json
}

data "aws_iam_policy_document" "check" {
  # The action knows no resources.
  statement {
    sid       = "Attribution"
    actions   = ["cloudtrail:LookupEvents"]
    resources = ["*"]
  }

  statement {
    sid       = "Alerts"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.this.arn]
  }

  statement {
    sid       = "AlertsKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
    resources = [local.key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["sns.${local.region}.amazonaws.com"]
    }
  }

  dynamic "statement" {
    for_each = length(var.state_bucket_arns) > 0 ? [1] : []

    content {
      sid       = "StateBuckets"
      actions   = ["s3:ListBucket"]
      resources = var.state_bucket_arns
    }
  }

  dynamic "statement" {
    for_each = length(local.readable_object_arns) > 0 ? [1] : []

    content {
      sid       = "Objects"
      actions   = ["s3:GetObject"]
      resources = local.readable_object_arns
    }
  }

  dynamic "statement" {
    for_each = length(var.state_table_arns) > 0 ? [1] : []

    content {
      sid       = "StateTables"
      actions   = ["dynamodb:GetItem"]
      resources = var.state_table_arns
    }
  }

  dynamic "statement" {
    for_each = length(var.decrypt_key_arns) > 0 ? [1] : []

    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = var.decrypt_key_arns
    }
  }

  dynamic "statement" {
    for_each = length(var.assume_role_arns) > 0 ? [1] : []

    content {
      sid       = "Roles"
      actions   = ["sts:AssumeRole"]
      resources = var.assume_role_arns
    }
  }

  # A runner of one's own reports its results itself; the action knows no
  # resources, but a namespace.
  dynamic "statement" {
    for_each = local.fargate ? [] : [1]

    content {
      sid       = "Results"
      actions   = ["cloudwatch:PutMetricData"]
      resources = ["*"]

      condition {
        test     = "StringEquals"
        variable = "cloudwatch:namespace"
        values   = [local.metric_namespace]
      }
    }
  }

  dynamic "statement" {
    for_each = local.volume ? [1] : []

    content {
      sid       = "History"
      actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
      resources = [aws_efs_file_system.history[0].arn]

      condition {
        test     = "StringEquals"
        variable = "elasticfilesystem:AccessPointArn"
        values   = [aws_efs_access_point.history[0].arn]
      }
    }
  }

  # A denial goes before what any other policy allows.
  dynamic "statement" {
    for_each = var.deny_data_reads ? [1] : []

    content {
      sid           = "NoObjects"
      effect        = "Deny"
      actions       = ["s3:GetObject", "s3:GetObjectTorrent", "s3:GetObjectVersion", "s3:GetObjectVersionTorrent"]
      not_resources = length(local.readable_object_arns) > 0 ? local.readable_object_arns : ["arn:${local.partition}:s3:::-/-"]
    }
  }

  dynamic "statement" {
    for_each = var.deny_data_reads ? [1] : []

    content {
      sid           = "NoItems"
      effect        = "Deny"
      actions       = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:GetRecords", "dynamodb:PartiQLSelect", "dynamodb:Query", "dynamodb:Scan"]
      not_resources = length(var.state_table_arns) > 0 ? var.state_table_arns : ["arn:${local.partition}:dynamodb:::table/-"]
    }
  }

  dynamic "statement" {
    for_each = var.deny_data_reads ? [1] : []

    content {
      sid    = "NoMessagesNoLogs"
      effect = "Deny"
      actions = [
        "athena:GetQueryResults*",
        "codecommit:GitPull",
        "ecr:GetDownloadUrlForLayer",
        "kinesis:GetRecords",
        "kinesis:SubscribeToShard",
        "logs:FilterLogEvents",
        "logs:GetLogEvents",
        "logs:GetLogRecord",
        "logs:GetQueryResults",
        "logs:StartLiveTail",
        "logs:StartQuery",
        "logs:Unmask",
        "sqs:ReceiveMessage",
      ]
      resources = ["*"]
    }
  }
}
