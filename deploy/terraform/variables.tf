variable "name" {
  description = "Name of all that is made, and the start of names that need a suffix."
  type        = string
  default     = "holdfast"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 32 lower-case letters, digits or hyphens, starting with a letter and not ending with a hyphen."
  }
}

variable "tags" {
  description = "Tags of all that is made."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "runner" {
  description = "Where checks run: `fargate` makes a task and its schedule; `none` makes only topic, role and alarm, for a runner of your own."
  type        = string
  default     = "fargate"
  nullable    = false

  validation {
    condition     = contains(["fargate", "none"], var.runner)
    error_message = "runner must be fargate or none."
  }
}

variable "runner_trust_policy" {
  description = "With runner `none`: the trust policy (JSON) of the role, which says who may be the runner. Condition it: a bare account or identity provider lets all of it in."
  type        = string
  default     = null

  validation {
    condition     = var.runner_trust_policy == null || can(jsondecode(var.runner_trust_policy))
    error_message = "runner_trust_policy must be JSON."
  }
}

variable "enabled" {
  description = "Whether the schedule starts checks. While it does not, the alarm of missing checks acts on nothing."
  type        = bool
  default     = true
  nullable    = false
}

variable "schedule" {
  description = "When to check, as EventBridge Scheduler writes it. At least weekly: an alarm can look back seven days."
  type        = string
  default     = "cron(0 6 ? * MON *)"
  nullable    = false
}

variable "time_zone" {
  description = "Time zone of the schedule, as in `Europe/Berlin`."
  type        = string
  default     = "UTC"
  nullable    = false
}

variable "timeout_minutes" {
  description = "A check that takes longer is ended, and has failed."
  type        = number
  default     = 240
  nullable    = false

  validation {
    condition     = var.timeout_minutes >= 1 && floor(var.timeout_minutes) == var.timeout_minutes
    error_message = "timeout_minutes must be a whole number from 1 on."
  }
}

# What is checked.

variable "repository_url" {
  description = "The git repository to check, as `https://HOST/PATH`, without credentials. Needed with runner `fargate`."
  type        = string
  default     = null

  validation {
    condition     = var.repository_url == null || can(regex("^https://[^@[:space:]]+$", var.repository_url))
    error_message = "repository_url must begin with https:// and hold no credentials; give those in repository_token_secret_arn."
  }
}

variable "repository_branch" {
  description = "Branch or tag to check; the repository's default branch without it."
  type        = string
  default     = null
}

variable "repository_path" {
  description = "Folder of the repository to check, with its holdfast.yaml."
  type        = string
  default     = "."
  nullable    = false

  validation {
    condition     = !startswith(var.repository_path, "/") && !contains(split("/", var.repository_path), "..")
    error_message = "repository_path must be a path below the top of the repository."
  }
}

variable "repository_token_secret_arn" {
  description = "Secret in Secrets Manager with a token that may read the repository, as plain text; none for a public one."
  type        = string
  default     = null
}

variable "repository_username" {
  description = "Name that goes with the token: `x-access-token` for GitHub, `oauth2` for GitLab, `x-token-auth` for Bitbucket."
  type        = string
  default     = "x-access-token"
  nullable    = false
}

variable "check_arguments" {
  description = "More arguments of `holdfast check`, as `[\"--include-dir\", \"live/**\"]`."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "environment" {
  description = "More environment variables of the check, such as TF_VAR_NAME. No secrets: they show in the task definition."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "secrets" {
  description = "More environment variables whose values are secrets: name to the ARN of a secret in Secrets Manager (or of one of its keys)."
  type        = map(string)
  default     = {}
  nullable    = false
}

# The task.

variable "image" {
  description = "The container image, made with deploy/Dockerfile. Name it by digest. Needed with runner `fargate`."
  type        = string
  default     = null
}

variable "image_repository_arn" {
  description = "ARN of the image's repository where that is in ECR, so that the task may pull it; none for a public image."
  type        = string
  default     = null
}

variable "architecture" {
  description = "Processor of the task: `X86_64` or `ARM64`."
  type        = string
  default     = "X86_64"
  nullable    = false

  validation {
    condition     = contains(["X86_64", "ARM64"], var.architecture)
    error_message = "architecture must be X86_64 or ARM64."
  }
}

variable "cpu" {
  description = "CPU units of the task; 1024 is one processor."
  type        = number
  default     = 1024
  nullable    = false
}

variable "memory" {
  description = "Memory of the task in MiB. A provider takes 200 to 300 for each account and region."
  type        = number
  default     = 4096
  nullable    = false
}

variable "vpc_id" {
  description = "VPC of the task. Needed with runner `fargate`."
  type        = string
  default     = null
}

variable "subnet_ids" {
  description = "Subnets of the task, each in another availability zone, with a way to the internet: the git host, the registry of providers and AWS. Needed with runner `fargate`."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "assign_public_ip" {
  description = "Whether the task gets a public address; needed in public subnets, where there is no NAT."
  type        = bool
  default     = false
  nullable    = false
}

variable "egress_ports" {
  description = "TCP ports that the task may connect to anywhere. Add 5432 for a PostgreSQL history."
  type        = set(number)
  default     = [443]
  nullable    = false
}

# The history.

variable "history" {
  description = "Where the history is: `volume`, a file on an encrypted EFS volume that is made; or `postgres`, a database of yours."
  type        = string
  default     = "volume"
  nullable    = false

  validation {
    condition     = contains(["volume", "postgres"], var.history)
    error_message = "history must be volume or postgres."
  }
}

variable "store_secret_arn" {
  description = "With history `postgres`: secret in Secrets Manager with its URL, `postgres://USER:PASSWORD@HOST/DATABASE`."
  type        = string
  default     = null
}

variable "history_backup" {
  description = "Whether AWS Backup keeps copies of the EFS volume."
  type        = bool
  default     = true
  nullable    = false
}

# What the role may do.

variable "read_policy_arns" {
  description = "Managed policies that let the check read the infrastructure; null is AWS's ReadOnlyAccess. With policies of your own, list only what reads."
  type        = list(string)
  default     = null
}

variable "deny_data_reads" {
  description = "Deny what ReadOnlyAccess also allows and a check does not need: contents of objects, tables, queues, streams and logs."
  type        = bool
  default     = true
  nullable    = false
}

variable "state_bucket_arns" {
  description = "Buckets that hold Terraform states; the role may list them and get their objects."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "state_table_arns" {
  description = "DynamoDB tables that hold locks and digests of states; the role may get their items."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "readable_object_arns" {
  description = "More objects that the role may get, as `arn:aws:s3:::BUCKET/PREFIX/*`: logs of CloudTrail, objects that Terraform manages."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "decrypt_key_arns" {
  description = "KMS keys of states, of objects above and of secrets, for the role to decrypt with; none where they are encrypted with AWS's own keys."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "assume_role_arns" {
  description = "Roles that the check may assume: those of provider blocks and of attribution, in this account or others. They must be read-only themselves."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of all roles."
  type        = string
  default     = null
}

# Whom it tells.

variable "subscriptions" {
  description = "Who is told: any name to protocol, endpoint and, if not everything is wanted, a filter policy (JSON). E-mail addresses are asked to confirm."
  type = map(object({
    protocol             = string
    endpoint             = string
    filter_policy        = optional(string)
    filter_policy_scope  = optional(string)
    raw_message_delivery = optional(bool, false)
  }))
  default  = {}
  nullable = false
}

variable "notify_drift" {
  description = "Whether a check that ends with drift is told on the topic, in one line. Turn it off where checks send the alerts of holdfast.yaml there (`--alert` in check_arguments)."
  type        = bool
  default     = true
  nullable    = false
}

variable "create_kms_key" {
  description = "Whether a key is made that encrypts topic, log and history."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key_arn" {
  description = "Without a key that is made: the key to use. Its policy must allow what key.tf does."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "How long the log is kept."
  type        = number
  default     = 90
  nullable    = false
}
