owner              = "delivery"
log_retention_days = 14

queues = {
  orders = {
    visibility = 60
    labels     = { criticality = "high" }
  }
  mail = {
    delay          = 5
    retention_days = 7
  }
}

settings = {
  log_level = "info"
  page_size = "50"
}
