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
