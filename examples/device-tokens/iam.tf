resource "aws_iam_role" "device_token" {
  name               = local.function_name
  description        = "Execution role of the function ${local.function_name}"
  assume_role_policy = data.aws_iam_policy_document.lambda_assume_role.json
}

data "aws_iam_policy_document" "lambda_assume_role" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

# Inline rather than managed: it belongs to this role and to nothing else.
resource "aws_iam_role_policy" "device_token" {
  name = local.function_name
  role = aws_iam_role.device_token.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "WriteDeviceTokens"
        Effect   = "Allow"
        Action   = [for operation in local.table_operations : "dynamodb:${operation}"]
        Resource = aws_dynamodb_table.device_tokens.arn
      },
      {
        # DynamoDB decrypts the table's key in the name of whoever uses the
        # table. Through DynamoDB only: the role can't use the key by itself.
        Sid      = "UseTableKeyThroughDynamoDB"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = aws_kms_key.device_tokens.arn
        Condition = {
          StringEquals = {
            "kms:ViaService" = "dynamodb.${var.region}.${data.aws_partition.current.dns_suffix}"
          }
        }
      },
      {
        # No logs:CreateLogGroup: the group is declared in cloudwatch.tf, with
        # its retention. The suffix stands for the group's streams.
        Sid      = "WriteOwnLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.device_token.arn}:*"
      },
    ]
  })
}
