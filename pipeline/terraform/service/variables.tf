# Who it is

variable "name" {
  description = "The service's name. Another name is another service, which begins with the bootstrap images."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,255}$", var.name))
    error_message = "A service's name has 1 to 255 letters, digits, hyphens and underscores."
  }
}

variable "cluster" {
  description = "The cluster's name or ARN."
  type        = string

  validation {
    condition     = can(regex("^(arn:.*/)?[A-Za-z0-9_-]{1,255}$", var.cluster))
    error_message = "Give the cluster's name or its ARN."
  }
}

variable "family" {
  description = "The task definition's family. Default: the service's name."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of everything here. A change of them makes a new revision, so that they get to the running tasks."
  type        = map(string)
  default     = {}
}

# What runs

variable "containers" {
  description = "The container definitions, in the members that Amazon ECS gives them (`portMappings`, `healthCheck`), all of them. Leave `image` out where the pipeline owns it."
  type        = any

  validation {
    condition = (
      can([for container in var.containers : container.name]) && try(length(var.containers), 0) > 0 &&
      length(distinct([for container in var.containers : try(container.name, "")])) == try(length(var.containers), 0)
    )
    error_message = "containers is a list of one container or more, each with a name of its own."
  }
}

variable "bootstrap_images" {
  description = "The image to begin with of every container whose image the pipeline owns. Used until the first deployment, and not looked at after it."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for image in values(var.bootstrap_images) : try(length(image) > 0, false)])
    error_message = "Every container in bootstrap_images needs an image."
  }
}

variable "force_bootstrap" {
  description = "Put the service back on the bootstrap images. For as long as it is true every apply takes a deployment back; when it is false again the last deployed images return."
  type        = bool
  default     = false
}

variable "cpu" {
  description = "CPU units of a task: 1024 are a CPU. Needed for FARGATE."
  type        = number
  default     = null

  validation {
    condition     = var.cpu == null ? true : var.cpu > 0 && floor(var.cpu) == var.cpu
    error_message = "CPU units are whole and more than 0: 256 is a quarter of a CPU."
  }
}

variable "memory" {
  description = "Memory of a task in MiB. Needed for FARGATE."
  type        = number
  default     = null

  validation {
    condition     = var.memory == null ? true : var.memory > 0 && floor(var.memory) == var.memory
    error_message = "Memory is a whole number of MiB, more than 0."
  }
}

variable "network_mode" {
  description = "awsvpc, bridge, host or none."
  type        = string
  default     = "awsvpc"

  validation {
    condition     = contains(["awsvpc", "bridge", "host", "none"], var.network_mode)
    error_message = "The network mode is awsvpc, bridge, host or none."
  }
}

variable "requires_compatibilities" {
  description = "What the task definition is checked against: FARGATE, EC2, EXTERNAL, MANAGED_INSTANCES."
  type        = set(string)
  default     = ["FARGATE"]

  validation {
    condition     = length(setsubtract(var.requires_compatibilities, ["EC2", "EXTERNAL", "FARGATE", "MANAGED_INSTANCES"])) == 0
    error_message = "requires_compatibilities takes FARGATE, EC2, EXTERNAL and MANAGED_INSTANCES."
  }
}

variable "execution_role_arn" {
  description = "The role with which ECS pulls images, reads secrets and writes logs."
  type        = string
  default     = null
}

variable "task_role_arn" {
  description = "The role of the containers."
  type        = string
  default     = null
}

variable "runtime_platform" {
  description = "`cpu_architecture` (X86_64, ARM64) and `operating_system_family`. Default: ECS's own."
  type = object({
    cpu_architecture        = optional(string)
    operating_system_family = optional(string)
  })
  default = null
}

variable "ephemeral_storage_gib" {
  description = "The tasks' ephemeral storage in GiB, 21 to 200. Default: ECS's own."
  type        = number
  default     = null

  validation {
    condition     = var.ephemeral_storage_gib == null ? true : var.ephemeral_storage_gib >= 21 && var.ephemeral_storage_gib <= 200
    error_message = "The ephemeral storage is 21 to 200 GiB."
  }
}

variable "volumes" {
  description = "The task's volumes: an empty one, `host_path`, `docker`, `efs` or `fsx_windows`; `configure_at_launch` for `managed_ebs_volume`."
  type = list(object({
    name                = string
    host_path           = optional(string)
    configure_at_launch = optional(bool)
    docker = optional(object({
      autoprovision = optional(bool)
      driver        = optional(string)
      driver_opts   = optional(map(string))
      labels        = optional(map(string))
      scope         = optional(string)
    }))
    efs = optional(object({
      file_system_id          = string
      root_directory          = optional(string)
      transit_encryption      = optional(string, "ENABLED")
      transit_encryption_port = optional(number)
      authorization = optional(object({
        access_point_id = optional(string)
        iam             = optional(string, "ENABLED")
      }))
    }))
    fsx_windows = optional(object({
      file_system_id        = string
      root_directory        = string
      credentials_parameter = string
      domain                = string
    }))
  }))
  default  = []
  nullable = false
}

variable "task_placement_constraints" {
  description = "Placement constraints in the task definition, for EC2."
  type = list(object({
    type       = optional(string, "memberOf")
    expression = string
  }))
  default  = []
  nullable = false
}

variable "proxy_configuration" {
  description = "An App Mesh proxy."
  type = object({
    type           = optional(string, "APPMESH")
    container_name = string
    properties     = optional(map(string))
  })
  default = null
}

variable "pid_mode" {
  description = "The task's process namespace: task or host."
  type        = string
  default     = null
}

variable "ipc_mode" {
  description = "The task's IPC namespace: task, host or none."
  type        = string
  default     = null
}

variable "enable_fault_injection" {
  description = "Whether the tasks accept fault injection."
  type        = bool
  default     = null
}

# Where and how many

variable "desired_count" {
  description = "How many tasks to begin with. Later it is whatever autoscaling or an operator made it."
  type        = number
  default     = 1

  validation {
    condition     = var.desired_count >= 0 && floor(var.desired_count) == var.desired_count
    error_message = "The desired count is a whole number, 0 or more."
  }
}

variable "scheduling_strategy" {
  description = "REPLICA or DAEMON."
  type        = string
  default     = "REPLICA"

  validation {
    condition     = contains(["REPLICA", "DAEMON"], var.scheduling_strategy)
    error_message = "The scheduling strategy is REPLICA or DAEMON."
  }
}

variable "launch_type" {
  description = "FARGATE, EC2 or EXTERNAL; not looked at with `capacity_provider_strategy`."
  type        = string
  default     = "FARGATE"

  validation {
    condition     = contains(["FARGATE", "EC2", "EXTERNAL"], var.launch_type)
    error_message = "The launch type is FARGATE, EC2 or EXTERNAL."
  }
}

variable "capacity_provider_strategy" {
  description = "Capacity providers in the place of a launch type."
  type = list(object({
    capacity_provider = string
    weight            = optional(number)
    base              = optional(number)
  }))
  default  = []
  nullable = false
}

variable "platform_version" {
  description = "The platform version of Fargate. Default: LATEST."
  type        = string
  default     = null
}

variable "network_configuration" {
  description = "Subnets and security groups; needed for the network mode awsvpc."
  type = object({
    subnets          = list(string)
    security_groups  = optional(list(string), [])
    assign_public_ip = optional(bool, false)
  })
  default = null
}

variable "placement_strategy" {
  description = "How tasks are placed on instances, in the order of importance."
  type = list(object({
    type  = string
    field = optional(string)
  }))
  default  = []
  nullable = false
}

variable "placement_constraints" {
  description = "On which instances tasks may be placed: `distinctInstance`, or `memberOf` and an expression."
  type = list(object({
    type       = string
    expression = optional(string)
  }))
  default  = []
  nullable = false
}

variable "availability_zone_rebalancing" {
  description = "ENABLED or DISABLED. Default: ECS's own."
  type        = string
  default     = null
}

# How it is reached

variable "load_balancers" {
  description = "Target groups, or a Classic Load Balancer by `elb_name`. `advanced_configuration` is for blue/green, canary and linear deployments."
  type = list(object({
    container_name   = string
    container_port   = number
    target_group_arn = optional(string)
    elb_name         = optional(string)
    advanced_configuration = optional(object({
      alternate_target_group_arn = string
      production_listener_rule   = string
      test_listener_rule         = optional(string)
      role_arn                   = string
    }))
  }))
  default  = []
  nullable = false
}

variable "load_balancer_role_arn" {
  description = "The role with which ECS calls the load balancer, where the service-linked role does not do: with a load balancer and another network mode than awsvpc."
  type        = string
  default     = null
}

variable "health_check_grace_period_seconds" {
  description = "For how many seconds after its start a task may fail the load balancer's health checks."
  type        = number
  default     = null
}

variable "service_registry" {
  description = "A service of AWS Cloud Map in which the tasks are registered."
  type = object({
    registry_arn   = string
    container_name = optional(string)
    container_port = optional(number)
    port           = optional(number)
  })
  default = null
}

variable "service_connect" {
  description = "Service Connect: as a client, and, with `services`, as a server."
  type = object({
    enabled   = optional(bool, true)
    namespace = optional(string)
    log_configuration = optional(object({
      log_driver = string
      options    = optional(map(string))
      secret_options = optional(list(object({
        name       = string
        value_from = string
      })), [])
    }))
    services = optional(list(object({
      port_name             = string
      discovery_name        = optional(string)
      ingress_port_override = optional(number)
      client_alias = optional(object({
        port     = number
        dns_name = optional(string)
        test_traffic_headers = optional(list(object({
          name  = string
          exact = string
        })), [])
      }))
      timeout = optional(object({
        idle_timeout_seconds        = optional(number)
        per_request_timeout_seconds = optional(number)
      }))
      tls = optional(object({
        aws_pca_authority_arn = string
        kms_key               = optional(string)
        role_arn              = optional(string)
      }))
    })), [])
  })
  default = null
}

variable "vpc_lattice_configurations" {
  description = "Target groups of VPC Lattice."
  type = list(object({
    port_name        = string
    role_arn         = string
    target_group_arn = string
  }))
  default  = []
  nullable = false
}

variable "managed_ebs_volume" {
  description = "An EBS volume of each task's own, for the volume of this name in `volumes`, which has `configure_at_launch`."
  type = object({
    name                       = string
    role_arn                   = string
    encrypted                  = optional(bool, true)
    kms_key_id                 = optional(string)
    file_system_type           = optional(string)
    size_in_gb                 = optional(number)
    volume_type                = optional(string)
    iops                       = optional(number)
    throughput                 = optional(number)
    snapshot_id                = optional(string)
    volume_initialization_rate = optional(number)
  })
  default = null
}

# How it is deployed. The deployment controller is always ECS: Evenkeel refuses CODE_DEPLOY and EXTERNAL.

variable "deployment_minimum_healthy_percent" {
  description = "How many tasks, in per cent of the desired count, run at least during a deployment."
  type        = number
  default     = 100
}

variable "deployment_maximum_percent" {
  description = "How many tasks, in per cent of the desired count, run at most during a deployment."
  type        = number
  default     = 200
}

variable "deployment_circuit_breaker" {
  description = "ECS's own breaker. Evenkeel understands its rollback, and rolls back itself without it."
  type = object({
    enable   = optional(bool, true)
    rollback = optional(bool, true)
  })
  default  = {}
  nullable = false
}

variable "deployment_configuration" {
  description = "The strategy, ROLLING, BLUE_GREEN, CANARY or LINEAR, with its bake time in minutes and lifecycle hooks."
  type = object({
    strategy             = optional(string, "ROLLING")
    bake_time_in_minutes = optional(number)
    lifecycle_hooks = optional(list(object({
      hook_target_arn  = string
      role_arn         = string
      lifecycle_stages = list(string)
      hook_details     = optional(string)
    })), [])
    canary = optional(object({
      percent              = optional(number)
      bake_time_in_minutes = optional(number)
    }))
    linear = optional(object({
      step_percent              = optional(number)
      step_bake_time_in_minutes = optional(number)
    }))
  })
  default = null

  validation {
    condition     = var.deployment_configuration == null ? true : contains(["ROLLING", "BLUE_GREEN", "CANARY", "LINEAR"], var.deployment_configuration.strategy)
    error_message = "The strategy is ROLLING, BLUE_GREEN, CANARY or LINEAR."
  }
  validation {
    condition = alltrue([
      for stage in try(flatten(var.deployment_configuration.lifecycle_hooks[*].lifecycle_stages), []) :
      contains([
        "RECONCILE_SERVICE", "PRE_SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT",
        "PRE_PRODUCTION_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT",
      ], stage)
    ])
    error_message = "A lifecycle stage is RECONCILE_SERVICE, PRE_SCALE_UP, POST_SCALE_UP, TEST_TRAFFIC_SHIFT, POST_TEST_TRAFFIC_SHIFT, PRE_PRODUCTION_TRAFFIC_SHIFT, PRODUCTION_TRAFFIC_SHIFT or POST_PRODUCTION_TRAFFIC_SHIFT."
  }
}

variable "deployment_alarms" {
  description = "CloudWatch alarms that fail a deployment."
  type = object({
    alarm_names = list(string)
    enable      = optional(bool, true)
    rollback    = optional(bool, true)
  })
  default = null
}

variable "wait_for_steady_state" {
  description = "Whether an apply waits until the service is steady."
  type        = bool
  default     = false
}

variable "timeouts" {
  description = "How long Terraform waits for the service to be created, updated and deleted."
  type = object({
    create = optional(string)
    update = optional(string)
    delete = optional(string)
  })
  default = null
}

# What else

variable "enable_execute_command" {
  description = "Whether ECS Exec may run commands in the containers."
  type        = bool
  default     = false
}

variable "enable_ecs_managed_tags" {
  description = "Whether ECS tags the tasks with the cluster's and the service's name."
  type        = bool
  default     = true
}

variable "propagate_tags" {
  description = "Whose tags the tasks get: SERVICE, TASK_DEFINITION or NONE."
  type        = string
  default     = "SERVICE"

  validation {
    condition     = contains(["SERVICE", "TASK_DEFINITION", "NONE"], var.propagate_tags)
    error_message = "Tags are propagated from SERVICE, TASK_DEFINITION or NONE."
  }
}

variable "force_delete" {
  description = "Whether the service may be deleted while it runs tasks."
  type        = bool
  default     = false
}

# The record

variable "record_parameter_name" {
  description = "The parameter that keeps the record. Default: `/evenkeel/<cluster>/<name>`."
  type        = string
  default     = null

  validation {
    condition     = var.record_parameter_name == null ? true : can(regex("^/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", var.record_parameter_name))
    error_message = "A parameter's name begins with a slash and has parts of letters, digits, dots, hyphens and underscores, separated by slashes."
  }
}

variable "record_json" {
  description = "The record's text, where it is not kept in a parameter: from `terraform_remote_state`, an S3 object or a tfvars file that Evenkeel wrote; `{}` before the first deployment. It has to be known when it is planned. Null: it is kept in a parameter."
  type        = string
  default     = null
}

variable "repositories" {
  description = "The names of the repositories in Amazon ECR, in this account and Region, that hold the pipeline's images, for the deploy policy: Evenkeel looks whether an image is there before it deploys it."
  type        = list(string)
  default     = []
}

variable "record_object_arn" {
  description = "The ARN of the S3 object in which Evenkeel keeps the record (`s3:`, `tfstate:s3:`), for the deploy policy."
  type        = string
  default     = null
}
