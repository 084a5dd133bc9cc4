variable "deployments" {
  description = "The services that may be deployed: the output `deployment` of the service module, or the like of it."
  type = list(object({
    service_arn          = string
    family               = string
    role_arns            = optional(list(string), [])
    repositories         = optional(list(string), [])
    log_groups           = optional(list(string), [])
    record_parameter_arn = optional(string)
    record_object_arn    = optional(string)
    one_off_tasks        = optional(bool, false)
  }))

  validation {
    condition = alltrue([
      for deployment in var.deployments :
      can(regex("^arn:[^:]*:ecs:[^:]*:[0-9]*:service/[^/]+/[^/]+$", deployment.service_arn))
    ])
    error_message = "A service's ARN ends in service/<cluster>/<service>."
  }
}
