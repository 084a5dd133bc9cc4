# The outputs in the second group change with every deployment. A root module that hands one of them out again has a
# changed output to plan after every deployment, and `terraform plan -detailed-exitcode` says 2.

output "service_arn" {
  description = "The service's ARN."
  value       = aws_ecs_service.this.arn
}

output "service_name" {
  description = "The service's name."
  value       = aws_ecs_service.this.name
}

output "family" {
  description = "The task definition's family."
  value       = aws_ecs_task_definition.this.family
}

output "record_place" {
  description = "Where the pipeline is to keep the record: the argument of `evenkeel deploy --record` and the custom action's property `Record`. Null with `record_json`."
  value       = local.has_parameter ? local.record_place : null
}

output "record_parameter_arn" {
  description = "The ARN of the parameter that keeps the record. Null with `record_json`."
  value       = one(aws_ssm_parameter.record[*].arn)
}

output "deployment" {
  description = "What a deployer needs to know of the service to be allowed to deploy it; the worker module takes a list of these."
  value       = local.deployment
}

output "deploy_policy_json" {
  description = "The smallest IAM policy for `evenkeel deploy` of this service with this record."
  value       = module.policy.json
}

output "schedule_arns" {
  description = "The ARNs of the schedules, by their names."
  value       = { for name, schedule in aws_scheduler_schedule.this : name => schedule.arn }
}

output "also" {
  description = "The arguments of `evenkeel deploy --also` with which the schedules move to the new revision together with the service."
  value       = local.also
}

output "schedule_role_policy_json" {
  description = "The smallest IAM policy for the roles of the schedules: to run tasks of any revision of the family in the cluster, to pass on the roles of the task definition, and to write to the dead-letter queues."
  value       = local.schedule_role_policy
}

output "registered_task_definition_arn" {
  description = "The revision that Terraform registered. It changes when Terraform changes the task definition."
  value       = aws_ecs_task_definition.this.arn
}

# Not to be handed out by a root module.

output "task_definition_arn" {
  description = "The revision that the service is to run: the pipeline's, or Terraform's. Changes with every deployment."
  value       = module.select.task_definition_arn
}

output "deployed_images" {
  description = "The images that were last deployed, by container. Changes with every deployment."
  value       = module.select.deployed_images
}

output "pipeline_variables" {
  description = "The environment variables, secret references and labels that the pipeline owns: a row of container, member, name and value for each. Changes with every deployment that changes one."
  value       = module.select.variables
}
