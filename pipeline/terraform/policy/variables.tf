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
    also                 = optional(list(string), [])
    schedule_role_arns   = optional(list(string), [])
  }))

  validation {
    condition = alltrue([
      for deployment in var.deployments :
      can(regex("^arn:[^:]*:ecs:[^:]*:[0-9]*:service/[^/]+/[^/]+$", deployment.service_arn))
    ])
    error_message = "A service's ARN ends in service/<cluster>/<service>."
  }
  validation {
    condition = alltrue(flatten([
      for deployment in var.deployments : [
        for text in deployment.also :
        can(regex("^(family|rule:[.A-Za-z0-9_-]{1,64}(/[.A-Za-z0-9_-]{1,64})?(@[/.A-Za-z0-9_-]{1,256})?|schedule:([.A-Za-z0-9_-]{1,64}/)?[.A-Za-z0-9_-]{1,64})$", text))
      ]
    ]))
    error_message = "also takes what `evenkeel deploy --also` takes: rule:NAME[/TARGET][@BUS], schedule:[GROUP/]NAME or family."
  }
}
