resource "aws_iam_group" "operators" {
  name = "${local.prefix}-operators"
}

resource "aws_iam_user" "operator" {
  for_each = local.operators

  name          = "${local.prefix}-${each.value}"
  path          = "/operators/"
  force_destroy = true

  tags = {
    login = each.key
  }
}

resource "aws_iam_group_membership" "operators" {
  name  = "${local.prefix}-operators"
  group = aws_iam_group.operators.name
  users = [for user in aws_iam_user.operator : user.name]
}

resource "aws_cognito_user_pool" "customers" {
  name                     = "${local.prefix}-customers"
  auto_verified_attributes = ["email"]
  mfa_configuration        = "OFF"

  password_policy {
    minimum_length                   = 12
    require_lowercase                = true
    require_numbers                  = true
    require_symbols                  = false
    require_uppercase                = true
    temporary_password_validity_days = 7
  }

  dynamic "device_configuration" {
    for_each = var.remembered_devices

    content {
      challenge_required_on_new_device      = true
      device_only_remembered_on_user_prompt = device_configuration.key == "ask"
    }
  }
}

resource "aws_cognito_user_pool_client" "site" {
  name                  = "${local.prefix}-site"
  user_pool_id          = aws_cognito_user_pool.customers.id
  explicit_auth_flows   = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]
  access_token_validity = 60

  token_validity_units {
    access_token  = "minutes"
    id_token      = "minutes"
    refresh_token = "days"
  }
}

resource "aws_ssm_parameter" "setting" {
  for_each = var.settings

  name        = "/${local.prefix}/${each.key}"
  description = "Setting ${title(replace(each.key, "_", " "))}"
  type        = "String"
  value       = each.value
}

resource "aws_ssm_parameter" "database_password" {
  name  = "/${local.prefix}/database-password"
  type  = "SecureString"
  value = var.database_password
}

# Write-only: sent to the provider, never stored in the state.
resource "aws_ssm_parameter" "session_key" {
  name             = "/${local.prefix}/session-key"
  type             = "SecureString"
  value_wo         = var.api_token
  value_wo_version = 1
}

# Created here, kept by somebody else from then on.
resource "aws_ssm_parameter" "handover" {
  name  = "/${local.prefix}/handover"
  type  = "String"
  value = "initial"

  lifecycle {
    ignore_changes = all
  }
}

resource "aws_secretsmanager_secret" "api" {
  name                    = "${local.prefix}/api"
  description             = "Token of the partner's API"
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "api" {
  secret_id     = aws_secretsmanager_secret.api.id
  secret_string = jsonencode({ token = var.api_token, issued_to = var.owner })
}

resource "terraform_data" "release" {
  input            = { title = local.page_title, operators = local.operators }
  triggers_replace = [local.prefix]
}
