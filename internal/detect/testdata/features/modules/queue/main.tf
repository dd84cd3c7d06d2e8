resource "aws_sqs_queue" "this" {
  name                       = var.name
  visibility_timeout_seconds = var.visibility
  delay_seconds              = var.delay
  message_retention_seconds  = var.retention_days * 24 * 60 * 60
  tags                       = var.tags
}

resource "aws_sqs_queue_policy" "this" {
  count = length(var.senders) > 0 ? 1 : 0

  queue_url = aws_sqs_queue.this.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Senders"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.this.arn
        Condition = { ArnEquals = { "aws:SourceArn" = var.senders } }
      },
    ]
  })
}
