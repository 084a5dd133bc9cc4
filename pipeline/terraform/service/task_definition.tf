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
