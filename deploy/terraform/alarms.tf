# A check has a result if it ended clean or with drift. check.sh says so in one
# line of the log.
resource "aws_cloudwatch_log_metric_filter" "result" {
  count = local.fargate ? 1 : 0

  name           = "${var.name}-result"
  log_group_name = aws_cloudwatch_log_group.this[0].name
  pattern        = "{ $.event = \"check_ended\" && ($.exit_code = 0 || $.exit_code = 2) }"

  metric_transformation {
    namespace = local.metric_namespace
    name      = local.metric_name
    value     = "1"
    unit      = "Count"
  }
}

# No result for a week. Seven days are the most that an alarm can look back; where
# it misses values it looks a little further, so that it does not fire between
# Monday's midnight and Monday's check, and may be a day or two late.
resource "aws_cloudwatch_metric_alarm" "missing" {
  alarm_name          = "${var.name}-no-result"
  alarm_description   = "No check of Holdfast (${var.name}) has ended with a result for a week: nobody is looking for drift."
  namespace           = local.metric_namespace
  metric_name         = local.metric_name
  statistic           = "Sum"
  period              = 86400
  evaluation_periods  = 7
  datapoints_to_alarm = 7
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  actions_enabled     = var.enabled
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
  tags                = var.tags
}

# The schedule could not start a task, however often it tried.
resource "aws_cloudwatch_metric_alarm" "not_started" {
  count = local.fargate ? 1 : 0

  alarm_name          = "${var.name}-not-started"
  alarm_description   = "The schedule of Holdfast (${var.name}) could not start a check."
  namespace           = "AWS/Scheduler"
  metric_name         = "InvocationDroppedCount"
  dimensions          = { ScheduleGroup = aws_scheduler_schedule_group.this[0].name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.this.arn]
  tags                = var.tags
}

# How a task ended: EventBridge tells it at once, even of one that never started.
locals {
  task_ends = {
    failed = {
      description = "A check of Holdfast failed, or could not check everything"
      text        = "A check of Holdfast (${var.name}) failed, or something could not be checked."
      detail = {
        "$or" = [
          { containers = { exitCode = [{ "anything-but" = [0, 2] }] } },
          { stopCode = ["TaskFailedToStart"] },
        ]
      }
    }
    drifted = {
      description = "A check of Holdfast found drift"
      text        = "Holdfast (${var.name}) found drift."
      detail      = { containers = { exitCode = [2] } }
    }
  }
  told_ends = { for name, end in local.task_ends : name => end if local.fargate && (name != "drifted" || var.notify_drift) }
}

resource "aws_cloudwatch_event_rule" "end" {
  for_each = local.told_ends

  name        = "${var.name}-${each.key}"
  description = each.value.description
  tags        = var.tags

  event_pattern = jsonencode({
    source        = ["aws.ecs"]
    "detail-type" = ["ECS Task State Change"]
    detail = merge(each.value.detail, {
      clusterArn = [aws_ecs_cluster.this[0].arn]
      lastStatus = ["STOPPED"]
    })
  })
}

resource "aws_cloudwatch_event_target" "end" {
  for_each = local.told_ends

  rule = aws_cloudwatch_event_rule.end[each.key].name
  arn  = aws_sns_topic.this.arn

  input_transformer {
    input_paths = {
      task   = "$.detail.taskArn"
      reason = "$.detail.stoppedReason"
      time   = "$.time"
    }
    input_template = "\"${each.value.text} Task <task> ended at <time> (<reason>). Its log is in ${local.log_group}, region ${local.region}.\""
  }
}
