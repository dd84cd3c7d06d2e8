variable "project" {
  description = "First part of every name, and the Project tag."
  type        = string
  default     = "photoeditor"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}[a-z0-9]$", var.project))
    error_message = "project must be 3 to 22 lower-case letters, digits or hyphens, starting with a letter and not ending with a hyphen."
  }
}

variable "environment" {
  description = "Second part of every name, the Environment tag, and the API's stage name."
  type        = string
  default     = "dev"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.environment))
    error_message = "environment must be 2 to 10 lower-case letters or digits, starting with a letter."
  }
}

variable "region" {
  # Not taken from AWS_REGION: a stack whose region depends on the shell that
  # runs it looks wholly deleted from any other shell.
  description = "AWS region of the whole stack."
  type        = string
  default     = "us-east-1"
  nullable    = false
}

variable "endpoint" {
  description = "URL of an AWS API emulator for every service used here. Null: AWS itself, or whatever AWS_ENDPOINT_URL says."
  type        = string
  default     = null

  validation {
    condition     = var.endpoint == null || can(regex("^https?://[^/]+/?$", var.endpoint))
    error_message = "endpoint must be an http or https URL without a path, such as http://127.0.0.1:5000."
  }
}

variable "cognito_user_pool_arns" {
  description = "Cognito user pools whose ID tokens the API accepts. Empty: requests are signed (AWS_IAM) with credentials of a Cognito identity pool."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "lambda_runtime" {
  description = "Runtime of the function. The handler also runs on later Node.js runtimes."
  type        = string
  default     = "nodejs20.x"
  nullable    = false

  validation {
    condition     = can(regex("^nodejs(2[0-9]|[3-9][0-9])\\.x$", var.lambda_runtime))
    error_message = "lambda_runtime must be nodejs20.x or later: the handler is an ES module and uses the AWS SDK that those runtimes carry."
  }
}

variable "token_lifetime_days" {
  description = "Days after which a token that was not renewed expires (expiresAt)."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.token_lifetime_days == floor(var.token_lifetime_days) && var.token_lifetime_days >= 1 && var.token_lifetime_days <= 3650
    error_message = "token_lifetime_days must be a whole number from 1 to 3650."
  }
}

variable "log_retention_days" {
  description = "Days the function's log is kept. One of the values CloudWatch Logs allows."
  type        = number
  default     = 30
  nullable    = false
}

variable "alarm_actions" {
  description = "ARNs, usually of SNS topics, told when an alarm goes off and when it is over."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "tags" {
  description = "Further tags for every resource."
  type        = map(string)
  default     = {}
  nullable    = false
}
