output "device_tokens_url" {
  description = "Where clients send POST and DELETE."
  value       = "${aws_api_gateway_stage.device_tokens.invoke_url}${aws_api_gateway_resource.device_tokens.path}"
}

output "table_name" {
  description = "Name of the DynamoDB table."
  value       = aws_dynamodb_table.device_tokens.name
}

output "function_name" {
  description = "Name of the Lambda function."
  value       = aws_lambda_function.device_token.function_name
}

output "log_group_name" {
  description = "Name of the function's CloudWatch log group."
  value       = aws_cloudwatch_log_group.device_token.name
}
