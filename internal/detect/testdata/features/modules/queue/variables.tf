variable "name" {
  type = string
}

variable "visibility" {
  type    = number
  default = 30
}

variable "delay" {
  type    = number
  default = null
}

variable "retention_days" {
  type    = number
  default = 4
}

variable "senders" {
  type    = list(string)
  default = []
}

variable "tags" {
  type    = map(string)
  default = {}
}
