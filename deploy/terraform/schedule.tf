resource "aws_scheduler_schedule_group" "this" {
  count = local.fargate ? 1 : 0

  name = var.name
  tags = var.tags
}

resource "aws_scheduler_schedule" "this" {
  count = local.fargate ? 1 : 0

  name                         = "${var.name}-check"
  group_name                   = aws_scheduler_schedule_group.this[0].name
  description                  = "Checks infrastructure for drift"
  schedule_expression          = var.schedule
  schedule_expression_timezone = var.time_zone
  state                        = var.enabled ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_ecs_cluster.this[0].arn
    role_arn = aws_iam_role.schedule[0].arn

    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.this[0].arn
      launch_type         = "FARGATE"
      task_count          = 1

      network_configuration {
        subnets          = var.subnet_ids
        security_groups  = [aws_security_group.task[0].id]
        assign_public_ip = var.assign_public_ip
      }
    }

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 5
    }
  }

  # A task can't start before its volume can be mounted.
  depends_on = [aws_efs_mount_target.history, aws_iam_role_policy.schedule]
}

resource "aws_iam_role" "schedule" {
  count = local.fargate ? 1 : 0

  name                 = "${var.name}-schedule"
  description          = "Starts Holdfast's checks"
  assume_role_policy   = data.aws_iam_policy_document.scheduler[0].json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

data "aws_iam_policy_document" "scheduler" {
  count = local.fargate ? 1 : 0

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    # The Scheduler names the group here, not the schedule.
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_scheduler_schedule_group.this[0].arn]
    }
  }
}

resource "aws_iam_role_policy" "schedule" {
  count = local.fargate ? 1 : 0

  name   = "schedule"
  role   = aws_iam_role.schedule[0].id
  policy = data.aws_iam_policy_document.schedule[0].json
}

data "aws_iam_policy_document" "schedule" {
  count = local.fargate ? 1 : 0

  statement {
    sid       = "Start"
    actions   = ["ecs:RunTask"]
    resources = [aws_ecs_task_definition.this[0].arn]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.this[0].arn]
    }
  }

  statement {
    sid       = "Roles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.check.arn, aws_iam_role.execution[0].arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}
