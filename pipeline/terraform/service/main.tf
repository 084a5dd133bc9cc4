# An Amazon ECS service whose images a pipeline deploys and everything else of which Terraform owns.
#
#     record ──→ select ──→ task definition ──→ select ──→ service
#
# The record of the last deployment says which images Terraform's revision is to have, and whether the live revision
# descends from it. `select` holds all of that logic and needs no provider.

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

resource "aws_ecs_task_definition" "this" {
  #checkov:skip=CKV_AWS_97:Encryption in transit is the caller's choice, volume by volume; it is on by default
  family                   = local.family
  container_definitions    = jsonencode(module.select.containers)
  cpu                      = var.cpu
  memory                   = var.memory
  network_mode             = var.network_mode
  requires_compatibilities = var.requires_compatibilities
  execution_role_arn       = var.execution_role_arn
  task_role_arn            = var.task_role_arn
  pid_mode                 = var.pid_mode
  ipc_mode                 = var.ipc_mode
  enable_fault_injection   = var.enable_fault_injection
  tags                     = var.tags

  # A revision may be what a rollback goes back to.
  skip_destroy = true

  dynamic "runtime_platform" {
    for_each = var.runtime_platform[*]

    content {
      cpu_architecture        = runtime_platform.value.cpu_architecture
      operating_system_family = runtime_platform.value.operating_system_family
    }
  }

  dynamic "ephemeral_storage" {
    for_each = var.ephemeral_storage_gib[*]

    content {
      size_in_gib = ephemeral_storage.value
    }
  }

  dynamic "placement_constraints" {
    for_each = var.task_placement_constraints

    content {
      type       = placement_constraints.value.type
      expression = placement_constraints.value.expression
    }
  }

  dynamic "proxy_configuration" {
    for_each = var.proxy_configuration[*]

    content {
      type           = proxy_configuration.value.type
      container_name = proxy_configuration.value.container_name
      properties     = proxy_configuration.value.properties
    }
  }

  dynamic "volume" {
    for_each = var.volumes

    content {
      name                = volume.value.name
      host_path           = volume.value.host_path
      configure_at_launch = volume.value.configure_at_launch

      dynamic "docker_volume_configuration" {
        for_each = volume.value.docker[*]

        content {
          autoprovision = docker_volume_configuration.value.autoprovision
          driver        = docker_volume_configuration.value.driver
          driver_opts   = docker_volume_configuration.value.driver_opts
          labels        = docker_volume_configuration.value.labels
          scope         = docker_volume_configuration.value.scope
        }
      }

      dynamic "efs_volume_configuration" {
        for_each = volume.value.efs[*]

        content {
          file_system_id          = efs_volume_configuration.value.file_system_id
          root_directory          = efs_volume_configuration.value.root_directory
          transit_encryption      = efs_volume_configuration.value.transit_encryption
          transit_encryption_port = efs_volume_configuration.value.transit_encryption_port

          dynamic "authorization_config" {
            for_each = efs_volume_configuration.value.authorization[*]

            content {
              access_point_id = authorization_config.value.access_point_id
              iam             = authorization_config.value.iam
            }
          }
        }
      }

      dynamic "fsx_windows_file_server_volume_configuration" {
        for_each = volume.value.fsx_windows[*]

        content {
          file_system_id = fsx_windows_file_server_volume_configuration.value.file_system_id
          root_directory = fsx_windows_file_server_volume_configuration.value.root_directory

          authorization_config {
            credentials_parameter = fsx_windows_file_server_volume_configuration.value.credentials_parameter
            domain                = fsx_windows_file_server_volume_configuration.value.domain
          }
        }
      }
    }
  }

  lifecycle {
    create_before_destroy = true
    # An ignored attribute takes its configured value when the resource is replaced: a deployment changes nothing, and
    # a change by Terraform carries the deployed images.
    ignore_changes       = [container_definitions]
    replace_triggered_by = [terraform_data.fingerprint]

    precondition {
      condition = (
        !contains(var.requires_compatibilities, "FARGATE") ||
        (var.cpu != null && var.memory != null && var.network_mode == "awsvpc")
      )
      error_message = "A task definition for FARGATE needs cpu, memory and the network mode awsvpc. Give them, or set requires_compatibilities to [\"EC2\"]."
    }
  }
}

resource "aws_ecs_service" "this" {
  #checkov:skip=CKV_AWS_332:It is the latest one by default, and the caller's choice
  name            = var.name
  cluster         = var.cluster
  task_definition = module.select.task_definition_arn

  launch_type                       = length(var.capacity_provider_strategy) > 0 ? null : var.launch_type
  platform_version                  = var.platform_version
  scheduling_strategy               = var.scheduling_strategy
  desired_count                     = var.scheduling_strategy == "DAEMON" ? null : var.desired_count
  availability_zone_rebalancing     = var.availability_zone_rebalancing
  health_check_grace_period_seconds = var.health_check_grace_period_seconds
  enable_execute_command            = var.enable_execute_command
  enable_ecs_managed_tags           = var.enable_ecs_managed_tags
  propagate_tags                    = var.propagate_tags
  iam_role                          = var.load_balancer_role_arn
  wait_for_steady_state             = var.wait_for_steady_state
  force_delete                      = var.force_delete
  tags                              = var.tags

  deployment_minimum_healthy_percent = var.deployment_minimum_healthy_percent
  deployment_maximum_percent         = var.deployment_maximum_percent

  deployment_circuit_breaker {
    enable   = var.deployment_circuit_breaker.enable
    rollback = var.deployment_circuit_breaker.rollback
  }

  dynamic "deployment_configuration" {
    for_each = var.deployment_configuration[*]

    content {
      strategy             = deployment_configuration.value.strategy
      bake_time_in_minutes = deployment_configuration.value.bake_time_in_minutes

      dynamic "lifecycle_hook" {
        for_each = deployment_configuration.value.lifecycle_hooks

        content {
          hook_target_arn  = lifecycle_hook.value.hook_target_arn
          role_arn         = lifecycle_hook.value.role_arn
          lifecycle_stages = lifecycle_hook.value.lifecycle_stages
          hook_details     = lifecycle_hook.value.hook_details
        }
      }

      dynamic "canary_configuration" {
        for_each = deployment_configuration.value.canary[*]

        content {
          canary_percent              = canary_configuration.value.percent
          canary_bake_time_in_minutes = canary_configuration.value.bake_time_in_minutes
        }
      }

      dynamic "linear_configuration" {
        for_each = deployment_configuration.value.linear[*]

        content {
          step_percent              = linear_configuration.value.step_percent
          step_bake_time_in_minutes = linear_configuration.value.step_bake_time_in_minutes
        }
      }
    }
  }

  dynamic "alarms" {
    for_each = var.deployment_alarms[*]

    content {
      alarm_names = alarms.value.alarm_names
      enable      = alarms.value.enable
      rollback    = alarms.value.rollback
    }
  }

  dynamic "capacity_provider_strategy" {
    for_each = var.capacity_provider_strategy

    content {
      capacity_provider = capacity_provider_strategy.value.capacity_provider
      weight            = capacity_provider_strategy.value.weight
      base              = capacity_provider_strategy.value.base
    }
  }

  dynamic "network_configuration" {
    for_each = var.network_configuration[*]

    content {
      subnets          = network_configuration.value.subnets
      security_groups  = network_configuration.value.security_groups
      assign_public_ip = network_configuration.value.assign_public_ip
    }
  }

  dynamic "load_balancer" {
    for_each = var.load_balancers

    content {
      container_name   = load_balancer.value.container_name
      container_port   = load_balancer.value.container_port
      target_group_arn = load_balancer.value.target_group_arn
      elb_name         = load_balancer.value.elb_name

      dynamic "advanced_configuration" {
        for_each = load_balancer.value.advanced_configuration[*]

        content {
          alternate_target_group_arn = advanced_configuration.value.alternate_target_group_arn
          production_listener_rule   = advanced_configuration.value.production_listener_rule
          test_listener_rule         = advanced_configuration.value.test_listener_rule
          role_arn                   = advanced_configuration.value.role_arn
        }
      }
    }
  }

  dynamic "service_registries" {
    for_each = var.service_registry[*]

    content {
      registry_arn   = service_registries.value.registry_arn
      container_name = service_registries.value.container_name
      container_port = service_registries.value.container_port
      port           = service_registries.value.port
    }
  }

  dynamic "service_connect_configuration" {
    for_each = var.service_connect[*]

    content {
      enabled   = service_connect_configuration.value.enabled
      namespace = service_connect_configuration.value.namespace

      dynamic "log_configuration" {
        for_each = service_connect_configuration.value.log_configuration[*]

        content {
          log_driver = log_configuration.value.log_driver
          options    = log_configuration.value.options

          dynamic "secret_option" {
            for_each = log_configuration.value.secret_options

            content {
              name       = secret_option.value.name
              value_from = secret_option.value.value_from
            }
          }
        }
      }

      dynamic "service" {
        for_each = service_connect_configuration.value.services

        content {
          port_name             = service.value.port_name
          discovery_name        = service.value.discovery_name
          ingress_port_override = service.value.ingress_port_override

          dynamic "client_alias" {
            for_each = service.value.client_alias[*]

            content {
              port     = client_alias.value.port
              dns_name = client_alias.value.dns_name

              dynamic "test_traffic_rules" {
                for_each = client_alias.value.test_traffic_headers

                content {
                  header {
                    name = test_traffic_rules.value.name

                    value {
                      exact = test_traffic_rules.value.exact
                    }
                  }
                }
              }
            }
          }

          dynamic "timeout" {
            for_each = service.value.timeout[*]

            content {
              idle_timeout_seconds        = timeout.value.idle_timeout_seconds
              per_request_timeout_seconds = timeout.value.per_request_timeout_seconds
            }
          }

          dynamic "tls" {
            for_each = service.value.tls[*]

            content {
              kms_key  = tls.value.kms_key
              role_arn = tls.value.role_arn

              issuer_cert_authority {
                aws_pca_authority_arn = tls.value.aws_pca_authority_arn
              }
            }
          }
        }
      }
    }
  }

  dynamic "volume_configuration" {
    for_each = var.managed_ebs_volume[*]

    content {
      name = volume_configuration.value.name

      managed_ebs_volume {
        role_arn                   = volume_configuration.value.role_arn
        encrypted                  = volume_configuration.value.encrypted
        kms_key_id                 = volume_configuration.value.kms_key_id
        file_system_type           = volume_configuration.value.file_system_type
        size_in_gb                 = volume_configuration.value.size_in_gb
        volume_type                = volume_configuration.value.volume_type
        iops                       = volume_configuration.value.iops
        throughput                 = volume_configuration.value.throughput
        snapshot_id                = volume_configuration.value.snapshot_id
        volume_initialization_rate = volume_configuration.value.volume_initialization_rate

        tag_specifications {
          resource_type  = "volume"
          propagate_tags = "SERVICE"
          tags           = var.tags
        }
      }
    }
  }

  dynamic "vpc_lattice_configurations" {
    for_each = var.vpc_lattice_configurations

    content {
      port_name        = vpc_lattice_configurations.value.port_name
      role_arn         = vpc_lattice_configurations.value.role_arn
      target_group_arn = vpc_lattice_configurations.value.target_group_arn
    }
  }

  dynamic "ordered_placement_strategy" {
    for_each = var.placement_strategy

    content {
      type  = ordered_placement_strategy.value.type
      field = ordered_placement_strategy.value.field
    }
  }

  dynamic "placement_constraints" {
    for_each = var.placement_constraints

    content {
      type       = placement_constraints.value.type
      expression = placement_constraints.value.expression
    }
  }

  dynamic "timeouts" {
    for_each = var.timeouts[*]

    content {
      create = timeouts.value.create
      update = timeouts.value.update
      delete = timeouts.value.delete
    }
  }

  lifecycle {
    # Autoscaling owns it, or an operator; Terraform gives the first value.
    ignore_changes = [desired_count]

    precondition {
      condition     = (var.network_mode == "awsvpc") == (var.network_configuration != null)
      error_message = "The network mode awsvpc needs network_configuration, and no other takes it."
    }
    precondition {
      condition     = var.scheduling_strategy != "DAEMON" || var.launch_type != "FARGATE"
      error_message = "A DAEMON service runs on instances: set launch_type to EC2 or EXTERNAL."
    }
    precondition {
      condition = alltrue([
        for balancer in var.load_balancers :
        contains([for container in var.containers : container.name], balancer.container_name)
      ])
      error_message = "load_balancers names a container that is not in containers: ${join(", ", var.load_balancers[*].container_name)}."
    }
  }
}

# Terraform's revision has the image of its time. It is out of date when the service comes back to it after something
# that Terraform did not see coming: a plan that was applied later than it was made, a revision from the console.
check "terraform_revision_has_the_last_deployed_images" {
  assert {
    # In this order, so that it is known also while the revision is being replaced.
    condition = length(module.select.deployed_images) == 0 || var.force_bootstrap ? true : alltrue([
      for container in try(jsondecode(aws_ecs_task_definition.this.container_definitions), []) :
      container.image == lookup(module.select.images, container.name, container.image)
    ]) ? true : module.select.follows_pipeline
    error_message = "Terraform's own revision, on which ${var.name} is or will be, has another image than the one that was last deployed. Register it anew with the deployed one, by the option -replace with the address of this module's aws_ecs_task_definition.this, or deploy again."
  }
}
