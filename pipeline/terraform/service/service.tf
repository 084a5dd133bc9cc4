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
