output "service_arn" {
  description = "The worker's service."
  value       = aws_ecs_service.this.arn
}

output "task_role_arn" {
  description = "The workers' role: let the deploy roles of other accounts trust it."
  value       = aws_iam_role.task.arn
}

output "task_role_name" {
  description = "The name of that role, to attach more policies to it."
  value       = aws_iam_role.task.name
}

output "claims_place" {
  description = "Where the claims are: the argument of `evenkeel worker --claims`."
  value       = local.claims_place
}

output "log_group_name" {
  description = "The workers' log."
  value       = aws_cloudwatch_log_group.this.name
}

output "security_group_id" {
  description = "The workers' security group. Null if others were given."
  value       = local.security_group
}
