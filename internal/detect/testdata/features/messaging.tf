module "queue" {
  source   = "./modules/queue"
  for_each = var.queues

  name           = "${local.prefix}-${each.key}"
  visibility     = each.value.visibility
  delay          = each.value.delay
  retention_days = each.value.retention_days
  tags           = merge(local.common_tags, each.value.labels)
  senders        = [aws_sns_topic.events.arn]
}

# The same module in the other region, with nobody allowed to send.
module "away_queue" {
  source = "./modules/queue"

  name = "${local.prefix}-away"
  tags = local.common_tags

  providers = {
    aws = aws.west
  }
}

module "replica" {
  source = "./modules/replica"

  name      = "${local.prefix}-replica"
  shared_by = var.owner

  providers = {
    aws.home = aws
    aws.away = aws.west
  }
}

resource "aws_sns_topic" "events" {
  name         = "${local.prefix}-events"
  display_name = local.page_title
}

resource "aws_sns_topic_policy" "events" {
  arn = aws_sns_topic.events.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "PublishFromThisAccount"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${local.account_id}:root" }
        Action    = "SNS:Publish"
        Resource  = aws_sns_topic.events.arn
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "orders" {
  topic_arn            = aws_sns_topic.events.arn
  protocol             = "sqs"
  endpoint             = module.queue["orders"].arn
  raw_message_delivery = true
}

resource "aws_cloudwatch_event_rule" "nightly" {
  name                = "${local.prefix}-nightly"
  description         = "Cleans up at night"
  schedule_expression = "cron(0 3 * * ? *)"
}

resource "aws_cloudwatch_event_target" "nightly" {
  rule      = aws_cloudwatch_event_rule.nightly.name
  target_id = "mail"
  arn       = module.queue["mail"].arn
  input     = jsonencode({ task = "cleanup", token = var.api_token })
}
