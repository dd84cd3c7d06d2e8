locals {
  api_methods = toset(["DELETE", "POST"])

  # The handler believes the identity that API Gateway hands it, so there is no
  # setting that leaves the methods open.
  api_authorization = length(var.cognito_user_pool_arns) > 0 ? "COGNITO_USER_POOLS" : "AWS_IAM"
}

resource "aws_api_gateway_rest_api" "device_tokens" {
  name        = local.table_name
  description = "Push tokens of users' devices"

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_resource" "v1" {
  rest_api_id = aws_api_gateway_rest_api.device_tokens.id
  parent_id   = aws_api_gateway_rest_api.device_tokens.root_resource_id
  path_part   = "v1"
}

resource "aws_api_gateway_resource" "device_tokens" {
  rest_api_id = aws_api_gateway_rest_api.device_tokens.id
  parent_id   = aws_api_gateway_resource.v1.id
  path_part   = "device-tokens"
}

resource "aws_api_gateway_authorizer" "cognito" {
  count = length(var.cognito_user_pool_arns) > 0 ? 1 : 0

  name          = "${local.name_prefix}-cognito"
  rest_api_id   = aws_api_gateway_rest_api.device_tokens.id
  type          = "COGNITO_USER_POOLS"
  provider_arns = var.cognito_user_pool_arns
}

resource "aws_api_gateway_method" "device_tokens" {
  for_each = local.api_methods

  rest_api_id   = aws_api_gateway_rest_api.device_tokens.id
  resource_id   = aws_api_gateway_resource.device_tokens.id
  http_method   = each.key
  authorization = local.api_authorization
  authorizer_id = one(aws_api_gateway_authorizer.cognito[*].id)
}

resource "aws_api_gateway_integration" "device_tokens" {
  for_each = local.api_methods

  rest_api_id = aws_api_gateway_rest_api.device_tokens.id
  resource_id = aws_api_gateway_resource.device_tokens.id
  http_method = aws_api_gateway_method.device_tokens[each.key].http_method
  type        = "AWS_PROXY"
  uri         = aws_lambda_function.device_token.invoke_arn

  # How API Gateway calls Lambda, whatever the client's method was.
  integration_http_method = "POST"
}

# A deployment is a snapshot: what is changed above reaches clients only with a
# new one. Its trigger is what the source says, not what the resources report, so
# that a change made by hand doesn't get published by the next apply.
resource "aws_api_gateway_deployment" "device_tokens" {
  rest_api_id = aws_api_gateway_rest_api.device_tokens.id

  triggers = {
    definition = sha256(jsonencode({
      authorization = local.api_authorization
      integration   = aws_lambda_function.device_token.invoke_arn
      methods       = local.api_methods
      resource      = aws_api_gateway_resource.device_tokens.id
      user_pools    = var.cognito_user_pool_arns
    }))
  }

  depends_on = [aws_api_gateway_integration.device_tokens]

  # A stage can't be without a deployment, not even for a moment.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "device_tokens" {
  rest_api_id   = aws_api_gateway_rest_api.device_tokens.id
  deployment_id = aws_api_gateway_deployment.device_tokens.id
  stage_name    = var.environment
}
