output "topic_arn" {
  description = "Topic of all messages; the one to name in holdfast.yaml for its own alerts."
  value       = aws_sns_topic.this.arn
}

output "kms_key_arn" {
  description = "Key that encrypts topic, log and history."
  value       = local.key_arn
}

output "role_arn" {
  description = "Read-only role of the check; roles in other accounts must trust it."
  value       = aws_iam_role.check.arn
}

output "role_name" {
  description = "Name of that role, to attach further policies to."
  value       = aws_iam_role.check.name
}

output "metric" {
  description = "Metric (namespace and name) that the alarm of missing checks watches; a runner of your own adds 1 to it after each check that ended with 0 or 2."
  value       = { namespace = local.metric_namespace, name = local.metric_name }
}

output "alarm_arns" {
  description = "The alarms."
  value       = concat([aws_cloudwatch_metric_alarm.missing.arn], aws_cloudwatch_metric_alarm.not_started[*].arn)
}

output "cluster_arn" {
  description = "Cluster of the task; null with runner `none`."
  value       = one(aws_ecs_cluster.this[*].arn)
}

output "task_definition_arn" {
  description = "Task definition, to start a check by hand; null with runner `none`."
  value       = one(aws_ecs_task_definition.this[*].arn)
}

output "task_security_group_id" {
  description = "Security group of the task, for a database to let in; null with runner `none`."
  value       = one(aws_security_group.task[*].id)
}

output "log_group_name" {
  description = "Log of the checks; null with runner `none`."
  value       = one(aws_cloudwatch_log_group.this[*].name)
}

output "history_file_system_id" {
  description = "Volume with the history; null where that is in PostgreSQL."
  value       = one(aws_efs_file_system.history[*].id)
}
