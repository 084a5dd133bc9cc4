variable "provider_name" {
  description = "The provider of the custom action, as pipelines name it."
  type        = string
  default     = "Evenkeel"

  validation {
    condition     = can(regex("^[0-9A-Za-z_-]{1,25}$", var.provider_name))
    error_message = "A provider has 1 to 25 letters, digits, hyphens and underscores."
  }
}

variable "action_version" {
  description = "The version of the custom action. An action type cannot be changed, and a version that was deleted cannot be made again: what changes the properties is another version."
  type        = string
  default     = "1"

  validation {
    condition     = can(regex("^[0-9A-Za-z_-]{1,9}$", var.action_version))
    error_message = "A version has 1 to 9 letters, digits, hyphens and underscores."
  }
}

variable "category" {
  description = "The category of the custom action: Build, Deploy, Test or Invoke."
  type        = string
  default     = "Deploy"

  validation {
    condition     = contains(["Build", "Deploy", "Test", "Invoke"], var.category)
    error_message = "The category is Build, Deploy, Test or Invoke."
  }
}

variable "console_region" {
  description = "The Region of the clusters, for the console's links. Default: the one that the console was in last."
  type        = string
  default     = null

  validation {
    condition     = var.console_region == null ? true : can(regex("^[a-z0-9-]+$", var.console_region))
    error_message = "Give a Region such as eu-west-1."
  }
}

variable "tags" {
  description = "Tags of the action type."
  type        = map(string)
  default     = {}
}
