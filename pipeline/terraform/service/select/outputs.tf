output "containers" {
  description = "The container definitions with the images and variables of the pipeline."
  value       = local.rendered
}

output "fingerprint" {
  description = "Changes when something changes that Terraform owns."
  value       = sha256(jsonencode(local.owned))
}

output "task_definition_arn" {
  description = "The revision that the service is to run."
  value       = local.follows_pipeline ? local.record.taskDefinitionArn : var.registered_arn
}

output "follows_pipeline" {
  description = "Whether that is a revision of the pipeline's."
  value       = local.follows_pipeline
}

output "deployed_images" {
  description = "The images of the last deployment, by container; none before the first one."
  value       = local.deployed_images
}

output "images" {
  description = "The images of the containers that the pipeline owns, as Terraform would register them."
  value       = local.images
}

output "variables" {
  description = "The environment variables, secret references and labels that the pipeline owns: a row of container, member, name and value for each. The value is null where the live revision does not have the name."
  value       = local.variables
}

output "owned_variables" {
  description = "All that either owns, as `container member name`."
  value       = [for one in concat(local.terraform_variables, local.variables) : "${one.container} ${one.member} ${one.name}"]
}

output "refusals" {
  description = "Why nothing may be planned; empty if it may."
  value       = local.refusals
}
