# Scheduled tasks of the revision that the service runs: the pipeline's by the record, or Terraform's. A deployment with
# --also moves them itself, and the next plan is empty. Everything that EventBridge Scheduler or the provider would fill in
# is given here, so that nothing is different when it is read back.

locals {
  # arn:aws:ecs:eu-central-1:123456789012:service/prod/web
  ecs_arn     = join(":", slice(split(":", aws_ecs_service.this.arn), 0, 5))
  cluster_arn = startswith(var.cluster, "arn:") ? var.cluster : "${local.ecs_arn}:cluster/${local.cluster_name}"

  also = [for name, schedule in var.schedules : "schedule:${schedule.group_name}/${name}"]

  # What a schedule does not say itself is as in the service. Platform version and placement belong to the capacity: a
  # schedule with a launch type or capacity providers of its own has its own, or none.
  schedules = {
    for name, schedule in var.schedules : name => {
      has_own_capacity = schedule.launch_type != null || schedule.capacity_provider_strategy != null
      capacity_providers = (
        schedule.capacity_provider_strategy != null ? schedule.capacity_provider_strategy
        : schedule.launch_type != null ? []
        : [
          for one in var.capacity_provider_strategy :
          { capacity_provider = one.capacity_provider, weight = coalesce(one.weight, 0), base = coalesce(one.base, 0) }
        ]
      )
      network = schedule.network_configuration != null ? schedule.network_configuration : var.network_configuration
      # Members that are null would be sent as null.
      overrides = [
        for container, override in schedule.container_overrides : merge(
          { name = container },
          { for command in [override.command] : "command" => command if command != null },
          { for number in override.cpu[*] : "cpu" => number },
          { for number in override.memory[*] : "memory" => number },
          { for number in override.memory_reservation[*] : "memoryReservation" => number },
          {
            for entries in [[for key, value in override.environment : { name = key, value = value }]] :
            "environment" => entries if length(entries) > 0
          },
        )
      ]
    }
  }

  schedule_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for statement in [
        {
          # Of any revision: a deployment moves the schedule to another one.
          Sid       = "Run"
          Action    = ["ecs:RunTask"]
          Resource  = ["${local.ecs_arn}:task-definition/${local.family}:*"]
          Condition = { ArnEquals = { "ecs:cluster" = [local.cluster_arn] } }
        },
        {
          Sid       = "Tags"
          Action    = ["ecs:TagResource"]
          Resource  = ["${local.ecs_arn}:task/${local.cluster_name}/*"]
          Condition = { StringEquals = { "ecs:CreateAction" = ["RunTask"] } }
        },
        {
          Sid       = "TaskRoles"
          Action    = ["iam:PassRole"]
          Resource  = local.deployment.role_arns
          Condition = { StringEquals = { "iam:PassedToService" = ["ecs-tasks.amazonaws.com"] } }
        },
        {
          Sid       = "DeadLetters"
          Action    = ["sqs:SendMessage"]
          Resource  = distinct(compact([for schedule in var.schedules : schedule.dead_letter_arn]))
          Condition = {}
        },
      ] :
      merge(
        { Sid = statement.Sid, Effect = "Allow", Action = statement.Action, Resource = statement.Resource },
        { for condition in [statement.Condition] : "Condition" => condition if length(condition) > 0 },
      ) if length(statement.Resource) > 0
    ]
  })
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:A key of one's own is the caller's choice; without it AWS encrypts with a key of its own
  for_each = var.schedules

  name                         = each.key
  group_name                   = each.value.group_name
  description                  = each.value.description
  schedule_expression          = each.value.schedule_expression
  schedule_expression_timezone = each.value.timezone
  state                        = each.value.enabled ? "ENABLED" : "DISABLED"
  start_date                   = each.value.start_date
  end_date                     = each.value.end_date
  kms_key_arn                  = each.value.kms_key_arn

  flexible_time_window {
    mode                      = each.value.flexible_window_minutes == null ? "OFF" : "FLEXIBLE"
    maximum_window_in_minutes = each.value.flexible_window_minutes
  }

  target {
    arn      = local.cluster_arn
    role_arn = each.value.role_arn
    input = (
      each.value.input != null ? each.value.input
      : length(local.schedules[each.key].overrides) > 0 ? jsonencode({ containerOverrides = local.schedules[each.key].overrides })
      : null
    )

    ecs_parameters {
      task_definition_arn = module.select.task_definition_arn
      task_count          = each.value.task_count
      launch_type = (
        length(local.schedules[each.key].capacity_providers) > 0 ? null : coalesce(each.value.launch_type, var.launch_type)
      )
      platform_version = (
        local.schedules[each.key].has_own_capacity || each.value.platform_version != null ? each.value.platform_version
        : var.platform_version
      )
      propagate_tags          = each.value.propagate_tags
      enable_ecs_managed_tags = coalesce(each.value.enable_ecs_managed_tags, var.enable_ecs_managed_tags)
      enable_execute_command  = coalesce(each.value.enable_execute_command, var.enable_execute_command)

      dynamic "capacity_provider_strategy" {
        for_each = local.schedules[each.key].capacity_providers

        content {
          capacity_provider = capacity_provider_strategy.value.capacity_provider
          weight            = capacity_provider_strategy.value.weight
          base              = capacity_provider_strategy.value.base
        }
      }

      dynamic "network_configuration" {
        for_each = local.schedules[each.key].network[*]

        content {
          subnets          = network_configuration.value.subnets
          security_groups  = network_configuration.value.security_groups
          assign_public_ip = network_configuration.value.assign_public_ip
        }
      }

      dynamic "placement_strategy" {
        for_each = (
          each.value.placement_strategy != null ? each.value.placement_strategy
          : local.schedules[each.key].has_own_capacity ? [] : var.placement_strategy
        )

        content {
          type  = placement_strategy.value.type
          field = placement_strategy.value.field
        }
      }

      dynamic "placement_constraints" {
        for_each = (
          each.value.placement_constraints != null ? each.value.placement_constraints
          : local.schedules[each.key].has_own_capacity ? [] : var.placement_constraints
        )

        content {
          type       = placement_constraints.value.type
          expression = placement_constraints.value.expression
        }
      }
    }

    dynamic "dead_letter_config" {
      for_each = each.value.dead_letter_arn[*]

      content {
        arn = dead_letter_config.value
      }
    }

    retry_policy {
      maximum_event_age_in_seconds = each.value.retry_policy.maximum_event_age_in_seconds
      maximum_retry_attempts       = each.value.retry_policy.maximum_retry_attempts
    }
  }

  # A schedule moves when the service has; with wait_for_steady_state, when its rollout has completed.
  depends_on = [aws_ecs_service.this]

  lifecycle {
    precondition {
      condition     = (var.network_mode == "awsvpc") == (local.schedules[each.key].network != null)
      error_message = "The schedule ${each.key} needs network_configuration with the network mode awsvpc, and takes none with another."
    }
    precondition {
      condition = length(setsubtract(
        keys(each.value.container_overrides), [for container in var.containers : container.name]
      )) == 0
      error_message = "The schedule ${each.key} has container_overrides for a container that is not in containers: ${join(", ", setsubtract(keys(each.value.container_overrides), [for container in var.containers : container.name]))}."
    }
    precondition {
      condition     = length(local.schedules[each.key].capacity_providers) <= 6
      error_message = "The schedule ${each.key} has more capacity providers than the 6 that EventBridge Scheduler takes: give it a capacity_provider_strategy of its own."
    }
  }
}
