environment        = "test"
owner              = "platform"
log_retention_days = 7
remembered_devices = []

subnets = {
  front = {
    index  = 1
    zone   = "a"
    public = true
  }
  back = {
    index = 2
    zone  = "b"
    tags  = { tier = "data" }
  }
}

web_rules = [
  { port = 80 },
  {
    port        = 443
    cidrs       = ["10.0.0.0/8", "192.168.0.0/16"]
    description = "TLS from inside"
  },
]

database_password = "not-a-real-password-0001"
