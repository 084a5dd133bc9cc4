variable "name" {
  description = "The name of the worker's service, and the beginning of everything else's."
  type        = string
  default     = "evenkeel-worker"

  validation {
    condition     = can(regex("^[a-z0-9-]{1,32}$", var.name))
    error_message = "The name has 1 to 32 small letters, digits and hyphens: it is part of a bucket's name."
  }
}

variable "cluster" {
  description = "The cluster that the worker runs on: its name or ARN."
  type        = string
}

variable "image" {
  description = "Evenkeel's image, by its digest or tag."
  type        = string
}

variable "repository_arn" {
  description = "The ARN of the image's repository in Amazon ECR. Null if it is elsewhere and public."
  type        = string
  default     = null
}

variable "vpc_id" {
  description = "The network of the worker's security group. Not looked at if `security_groups` are given."
  type        = string
  default     = null
}

variable "subnets" {
  description = "The worker's subnets. They need a way to AWS's endpoints."
  type        = list(string)
}

variable "security_groups" {
  description = "The worker's security groups. Default: one that lets it out to HTTPS and nobody in."
  type        = list(string)
  default     = []
}

variable "assign_public_ip" {
  description = "Whether the worker has a public address, as it needs in a public subnet."
  type        = bool
  default     = false
}

variable "action_type" {
  description = "The custom action that the worker takes the jobs of: the output `action_type` of the action-type module."
  type = object({
    category = optional(string, "Deploy")
    provider = optional(string, "Evenkeel")
    version  = optional(string, "1")
  })
  default  = {}
  nullable = false
}

variable "deployments" {
  description = "The services that the worker deploys by its own role: the outputs `deployment` of the service modules."
  type = list(object({
    service_arn          = string
    family               = string
    role_arns            = optional(list(string), [])
    repositories         = optional(list(string), [])
    log_groups           = optional(list(string), [])
    record_parameter_arn = optional(string)
    record_object_arn    = optional(string)
    one_off_tasks        = optional(bool, false)
    also                 = optional(list(string), [])
    schedule_role_arns   = optional(list(string), [])
  }))
  default  = []
  nullable = false
}

variable "deploy_role_arns" {
  description = "The roles that actions name by `RoleArn`, for services in other accounts, or too many for one policy."
  type        = list(string)
  default     = []
}

variable "replicas" {
  description = "How many workers run. Two or more lose no time when one is replaced."
  type        = number
  default     = 2

  validation {
    condition     = var.replicas >= 0 && floor(var.replicas) == var.replicas
    error_message = "The number of replicas is whole, 0 or more."
  }
}

variable "concurrency" {
  description = "How many jobs one worker works on at once."
  type        = number
  default     = 50

  validation {
    condition     = var.concurrency >= 1 && floor(var.concurrency) == var.concurrency
    error_message = "The concurrency is whole, 1 or more."
  }
}

variable "cpu" {
  description = "CPU units of a worker."
  type        = number
  default     = 256
}

variable "memory" {
  description = "Memory of a worker in MiB. A thousand jobs take less than 100."
  type        = number
  default     = 512
}

variable "cpu_architecture" {
  description = "What the image is built for: X86_64 or ARM64."
  type        = string
  default     = "X86_64"

  validation {
    condition     = contains(["X86_64", "ARM64"], var.cpu_architecture)
    error_message = "The architecture is X86_64 or ARM64."
  }
}

variable "health_port" {
  description = "The port for /healthz (restart by it), /readyz (alert by it) and /metrics. Null: none; the security group of this module does not open it either way."
  type        = number
  default     = null
}

variable "log_level" {
  description = "How much is logged: error, warn, info, debug or trace."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["error", "warn", "info", "debug", "trace"], var.log_level)
    error_message = "The level is error, warn, info, debug or trace."
  }
}

variable "log_retention_days" {
  description = "For how many days the log is kept."
  type        = number
  default     = 365
}

variable "kms_key_arn" {
  description = "A key of your own for the claims and the log. Its policy has to let CloudWatch Logs use it. Null: AWS's."
  type        = string
  default     = null
}

variable "claims_bucket_name" {
  description = "The name of the bucket that holds the workers' claims. Default: `<name>-claims-<account>-<region>`."
  type        = string
  default     = null
}

variable "alarm_actions" {
  description = "What an alarm starts, and its end: ARNs, as of SNS topics."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of everything here."
  type        = map(string)
  default     = {}
}
