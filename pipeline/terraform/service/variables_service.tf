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
