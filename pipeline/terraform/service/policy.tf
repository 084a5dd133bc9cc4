# What `evenkeel deploy` of this service may do. Everything in it is of the service, its family's name and its roles, and
# nothing of the revision: it is not planned anew when the task definition is replaced.

locals {
  # Evenkeel quotes the last lines of a container that failed.
  log_groups = distinct(compact([
    for container in var.containers : try(container.logConfiguration.options["awslogs-group"], null)
  ]))

  deployment = {
    service_arn          = aws_ecs_service.this.arn
    family               = local.family
    role_arns            = distinct(compact([var.execution_role_arn, var.task_role_arn]))
    repositories         = var.repositories
    log_groups           = local.log_groups
    record_parameter_arn = one(aws_ssm_parameter.record[*].arn)
    record_object_arn    = var.record_object_arn
    also                 = local.also
    schedule_role_arns   = distinct([for schedule in var.schedules : schedule.role_arn])
  }
}

module "policy" {
  source = "../policy"

  deployments = [local.deployment]
}
