# An Amazon ECS service whose images a pipeline deploys and everything else of which Terraform owns.
#
#     record ──→ select ──→ task definition ──→ select ──→ service ──→ schedules
#
# The record of the last deployment says which images and variables Terraform's revision is to have, and whether the live
# revision descends from it. `select` holds all of that logic and needs no provider.

locals {
  cluster_name   = reverse(split("/", var.cluster))[0]
  family         = coalesce(var.family, var.name)
  parameter_name = coalesce(var.record_parameter_name, "/evenkeel/${local.cluster_name}/${var.name}")
  has_parameter  = var.record_json == null
  record_place   = local.has_parameter ? "ssm:${local.parameter_name}" : "record_json"

  # The provider tells a parameter that was imported as `value`, which is sensitive, and one that it made as it was made.
  parameter_value = local.has_parameter ? coalesce(
    aws_ssm_parameter.record[0].insecure_value, aws_ssm_parameter.record[0].value
  ) : null
  # Some versions refuse to reveal what is not sensitive.
  record_json = local.has_parameter ? try(nonsensitive(local.parameter_value), local.parameter_value) : var.record_json

  # Everything of the task definition but the containers. Tags count as well: the provider would change them in place on
  # Terraform's revision, and the live one, a copy, would never get them.
  definition = {
    family                   = local.family
    cpu                      = var.cpu
    memory                   = var.memory
    network_mode             = var.network_mode
    requires_compatibilities = sort(var.requires_compatibilities)
    execution_role_arn       = var.execution_role_arn
    task_role_arn            = var.task_role_arn
    runtime_platform         = var.runtime_platform
    ephemeral_storage_gib    = var.ephemeral_storage_gib
    volumes                  = var.volumes
    placement_constraints    = var.task_placement_constraints
    proxy_configuration      = var.proxy_configuration
    pid_mode                 = var.pid_mode
    ipc_mode                 = var.ipc_mode
    enable_fault_injection   = var.enable_fault_injection
    tags                     = var.tags
  }
}

module "select" {
  source = "./select"

  service          = var.name
  containers       = var.containers
  bootstrap_images = var.bootstrap_images
  force_bootstrap  = var.force_bootstrap
  definition       = local.definition
  record_json      = local.record_json
  record_place     = local.record_place
  registered_arn   = aws_ecs_task_definition.this.arn
}

# A resource and no data source: it is there before the first deployment, and what the pipeline writes is read by the
# refresh of every plan.
resource "aws_ssm_parameter" "record" {
  #checkov:skip=CKV2_AWS_34:A record names revisions and images, no secret; encrypted it would be hidden in every plan
  count = local.has_parameter ? 1 : 0

  name = local.parameter_name
  # A change of anything but the tags would make the provider write its value as well, which may be out of date.
  description    = "What was last deployed to ${var.name}, written by Evenkeel"
  type           = "String"
  insecure_value = "{}"
  tags           = var.tags

  lifecycle {
    ignore_changes = [insecure_value]
  }
}

# Changes when something changes that Terraform owns, and never because of a deployment.
resource "terraform_data" "fingerprint" {
  input = module.select.fingerprint

  lifecycle {
    # All else depends on this, so when it is refused nothing is planned.
    precondition {
      condition     = length(module.select.refusals) == 0
      error_message = join("\n\n", module.select.refusals)
    }
  }
}

# Terraform's revision has the images and variables of its time. They are out of date when the service comes back to it
# after something that Terraform did not see coming: a plan that was applied later than it was made, a revision from the
# console.
locals {
  # By container; unknown only if the container definitions are.
  registered_containers = {
    for container in try(jsondecode(aws_ecs_task_definition.this.container_definitions), []) : container.name => {
      image        = container.image
      environment  = try({ for entry in container.environment : entry.name => entry.value }, {})
      secrets      = try({ for entry in container.secrets : entry.name => entry.valueFrom }, {})
      dockerLabels = try({ for name, value in container.dockerLabels : name => value }, {})
    }
  }

  # A change by Terraform put the pipeline's variables into Terraform's revision. What the pipeline gives back after that is
  # in it for as long as Terraform changes nothing. Names are no secrets, also where values are.
  left_variables = try(nonsensitive(local.found_left), local.found_left)
  found_left = flatten([
    for name, container in local.registered_containers : [
      for member in ["environment", "secrets", "dockerLabels"] : [
        for key in keys(container[member]) : "${key} of ${name}"
        if !contains(module.select.owned_variables, "${name} ${member} ${key}")
      ]
    ]
  ])
}

check "terraform_revision_has_what_was_last_deployed" {
  assert {
    # In this order, so that it is known also while the revision is being replaced.
    condition = length(module.select.deployed_images) + length(module.select.variables) == 0 || var.force_bootstrap ? true : alltrue(concat(
      [
        for name, container in local.registered_containers :
        container.image == lookup(module.select.images, name, container.image)
      ],
      [
        # Without a value, the name is not to be there.
        for one in module.select.variables :
        try(local.registered_containers[one.container][one.member][one.name], null) == one.value
      ],
    )) ? true : module.select.follows_pipeline
    error_message = "Terraform's own revision, which ${var.name} runs or will run, has another image or variable than was last deployed. Register it anew with what was deployed, by the option -replace with the address of this module's aws_ecs_task_definition.this, or deploy again."
  }
}

check "terraform_revision_has_no_variable_of_nobody" {
  assert {
    condition     = length(module.select.refusals) > 0 ? true : length(local.left_variables) == 0
    error_message = "Terraform's own revision has variables that are not in containers and that the pipeline does not own any more: ${join(", ", local.left_variables)}. The next change by Terraform removes them; the option -replace with the address of this module's aws_ecs_task_definition.this removes them now."
  }
}
