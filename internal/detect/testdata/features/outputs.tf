output "queue_urls" {
  value = { for name, queue in module.queue : name => queue.url }
}

output "away_queue_url" {
  value = module.away_queue.url
}

output "replica_topic_arn" {
  value = module.replica.topic_arn
}

output "database_password_arn" {
  value = aws_ssm_parameter.database_password.arn
}
