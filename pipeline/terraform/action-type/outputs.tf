output "action_type" {
  description = "Its name: for the action of a pipeline, and for the worker module."
  value = {
    owner    = "Custom"
    category = aws_codepipeline_custom_action_type.this.category
    provider = aws_codepipeline_custom_action_type.this.provider_name
    version  = aws_codepipeline_custom_action_type.this.version
  }
}

output "arn" {
  description = "Its ARN."
  value       = aws_codepipeline_custom_action_type.this.arn
}
