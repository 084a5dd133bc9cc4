output "statements" {
  description = "The statements, to go beside others in one policy."
  value       = local.statements
}

output "json" {
  description = "The whole policy."
  value       = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
