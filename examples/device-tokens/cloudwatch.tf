resource "aws_cloudwatch_log_group" "device_token" {
  name              = "/aws/lambda/${local.function_name}"
  retention_in_days = var.log_retention_days
}

# What ends an invocation: a timeout, no memory left, a function that can't start.
# When DynamoDB fails the handler still answers, with a 500, and that is no error
# to Lambda: hence the two alarms on DynamoDB itself.
resource "aws_cloudwatch_metric_alarm" "lambda_errors" {
  alarm_name        = "${local.function_name}-errors"
  alarm_description = "The function ${local.function_name} fails or times out."

  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"

  dimensions = {
    FunctionName = aws_lambda_function.device_token.function_name
  }

  alarm_actions = var.alarm_actions
  ok_actions    = var.alarm_actions
}

# DynamoDB reports ThrottledRequests and SystemErrors by table and operation, and
# for a table alone not at all: an alarm on the table name never leaves
# INSUFFICIENT_DATA. Hence one metric an operation, and their sum.
resource "aws_cloudwatch_metric_alarm" "dynamodb_throttling" {
  alarm_name        = "${local.table_name}-throttling"
  alarm_description = "DynamoDB throttles requests to the table ${local.table_name}."

  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "throttled"
    label       = "Throttled requests"
    expression  = "SUM(FILL(METRICS(), 0))"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.table_operations

    content {
      id = lower(metric_query.value)

      metric {
        namespace   = "AWS/DynamoDB"
        metric_name = "ThrottledRequests"
        stat        = "Sum"
        period      = 300

        dimensions = {
          TableName = aws_dynamodb_table.device_tokens.name
          Operation = metric_query.value
        }
      }
    }
  }

  alarm_actions = var.alarm_actions
  ok_actions    = var.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "dynamodb_system_errors" {
  alarm_name        = "${local.table_name}-system-errors"
  alarm_description = "DynamoDB answers requests to the table ${local.table_name} with an HTTP 500."

  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "failed"
    label       = "System errors"
    expression  = "SUM(FILL(METRICS(), 0))"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.table_operations

    content {
      id = lower(metric_query.value)

      metric {
        namespace   = "AWS/DynamoDB"
        metric_name = "SystemErrors"
        stat        = "Sum"
        period      = 300

        dimensions = {
          TableName = aws_dynamodb_table.device_tokens.name
          Operation = metric_query.value
        }
      }
    }
  }

  alarm_actions = var.alarm_actions
  ok_actions    = var.alarm_actions
}
