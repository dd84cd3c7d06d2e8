locals {
  # Built by `npm run build` and committed, so that a plan needs neither Node.js
  # nor a further provider. A test keeps it equal to lambda/src, byte for byte.
  lambda_archive = "${path.module}/lambda/device-token.zip"
}

resource "aws_lambda_function" "device_token" {
  function_name = local.function_name
  description   = "Registers and removes the push tokens of a user's devices"
  role          = aws_iam_role.device_token.arn

  filename         = local.lambda_archive
  source_code_hash = filebase64sha256(local.lambda_archive)
  handler          = "index.handler"
  runtime          = var.lambda_runtime
  memory_size      = 128
  timeout          = 10

  environment {
    variables = {
      TABLE_NAME          = aws_dynamodb_table.device_tokens.name
      TOKEN_LIFETIME_DAYS = var.token_lifetime_days
    }
  }

  # Without these the first invocations could find no permissions, or Lambda
  # could create a log group of its own that never expires.
  depends_on = [
    aws_cloudwatch_log_group.device_token,
    aws_iam_role_policy.device_token,
  ]
}

resource "aws_lambda_permission" "api_gateway" {
  statement_id  = "AllowInvokeFromApiGateway"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.device_token.function_name
  principal     = "apigateway.amazonaws.com"

  # Any stage and method of this one path.
  source_arn = "${aws_api_gateway_rest_api.device_tokens.execution_arn}/*/*${aws_api_gateway_resource.device_tokens.path}"
}
