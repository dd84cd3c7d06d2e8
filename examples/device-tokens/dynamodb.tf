resource "aws_dynamodb_table" "device_tokens" {
  name         = local.table_name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "userId"
  range_key    = "deviceId"

  deletion_protection_enabled = var.environment == "prod"

  attribute {
    name = "userId"
    type = "S"
  }

  attribute {
    name = "deviceId"
    type = "S"
  }

  # Push services retire tokens without telling us: one that no device renews
  # goes away by itself. DynamoDB deletes within a few days of expiresAt.
  ttl {
    attribute_name = "expiresAt"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.device_tokens.arn
  }
}

resource "aws_kms_key" "device_tokens" {
  description         = "Encrypts the table ${local.table_name}"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.device_tokens_key.json

  # The table can't be restored without its key, so leave the longest time to
  # notice a mistaken deletion.
  deletion_window_in_days = 30
}

resource "aws_kms_alias" "device_tokens" {
  name          = "alias/${local.table_name}"
  target_key_id = aws_kms_key.device_tokens.key_id
}

# The same as KMS's default: IAM policies of this account decide. Written out
# because a key policy that nobody declares can be changed without anybody seeing.
data "aws_iam_policy_document" "device_tokens_key" {
  statement {
    sid       = "AccountDecidesThroughIAM"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}
