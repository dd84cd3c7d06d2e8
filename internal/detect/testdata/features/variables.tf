variable "project" {
  type    = string
  default = "atlas"
}

variable "environment" {
  type        = string
  description = "Set in terraform.tfvars."
}

variable "owner" {
  type        = string
  description = "Set in terraform.tfvars, and again in team.auto.tfvars, which wins."
  default     = "nobody"
}

variable "region" {
  type    = string
  default = "us-east-1"
}

variable "away_region" {
  type    = string
  default = "us-west-2"
}

variable "api_retries" {
  type    = number
  default = 2
}

variable "vpc_cidr" {
  type    = string
  default = "10.20.0.0/16"

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0))
    error_message = "The VPC's range must be a CIDR block."
  }
}

variable "subnets" {
  description = "Subnets by name; an index into the VPC's /24 ranges."
  type = map(object({
    index  = number
    zone   = string
    public = optional(bool, false)
    tags   = optional(map(string), {})
  }))
}

variable "web_rules" {
  description = "What may reach the web tier; each becomes an ingress block."
  type = list(object({
    port        = number
    cidrs       = optional(list(string), ["0.0.0.0/0"])
    description = optional(string)
  }))
}

variable "queues" {
  type = map(object({
    visibility     = optional(number, 30)
    delay          = optional(number)
    retention_days = optional(number, 4)
    labels         = optional(map(string), {})
  }))
}

variable "settings" {
  description = "Plain parameters of the application."
  type        = map(string)
  default     = {}
}

variable "operators" {
  type    = list(string)
  default = ["ada", "grace"]
}

variable "worker_count" {
  type    = number
  default = 2
}

variable "keep_workers" {
  description = "Set in no file: null, which leaves the provider's choice."
  type        = bool
  default     = null
}

variable "session_minutes" {
  description = "Set in no file: null."
  type        = number
  default     = null
}

variable "old_version_days" {
  description = "Empty here, so that the dynamic block over it produces nothing."
  type        = list(number)
  default     = []
}

variable "remembered_devices" {
  description = "Empty in terraform.tfvars; \"ask\" would remember a device when its user says so."
  type        = set(string)
}

variable "log_retention_days" {
  description = "terraform.tfvars says 7, team.auto.tfvars says 14: 14 it is."
  type        = number
}

variable "database_password" {
  type      = string
  sensitive = true
}

variable "api_token" {
  type      = string
  sensitive = true
  default   = "not-a-real-token-0001"
}
