resource "aws_cloudwatch_log_group" "app" {
  name              = "/${local.prefix}/app"
  retention_in_days = var.log_retention_days
  kms_key_id        = null
}

resource "aws_cloudwatch_log_group" "audit" {
  count = var.environment == "production" ? 1 : 0

  name = "/${local.prefix}/audit"
}

resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "${local.prefix}-errors"
  log_group_name = aws_cloudwatch_log_group.app.name
  pattern        = "ERROR"

  metric_transformation {
    name          = "Errors"
    namespace     = "Atlas"
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = local.prefix

  dashboard_body = templatefile("${path.module}/templates/dashboard.json.tftpl", {
    title  = local.page_title
    region = var.region
    queues = [for name in sort(keys(var.queues)) : "${local.prefix}-${name}"]
  })
}

resource "aws_route53_zone" "main" {
  name          = "${var.project}.example"
  comment       = "Names of ${var.project}"
  force_destroy = true
}

resource "aws_route53_record" "app" {
  zone_id = aws_route53_zone.main.zone_id
  name    = "app.${aws_route53_zone.main.name}"
  type    = "A"
  ttl     = 300
  records = ["10.20.1.10", "10.20.1.11"]
}
