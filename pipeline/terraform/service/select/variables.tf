variable "service" {
  description = "The service's name. A record of another service is refused."
  type        = string
}

variable "containers" {
  description = "The container definitions, in the members that Amazon ECS gives them."
  type        = any
}

variable "bootstrap_images" {
  description = "The image to begin with of every container whose image the pipeline owns."
  type        = map(string)
}

variable "force_bootstrap" {
  description = "Whether to go back to the bootstrap images."
  type        = bool
  default     = false
}

variable "definition" {
  description = "Everything else of the task definition. A change of it makes a new revision."
  type        = any
  default     = {}
}

variable "record_json" {
  description = "The record of the last deployment, `evenkeel.record/v1`; `{}` before the first one."
  type        = string
}

variable "record_place" {
  description = "Where the record is kept, for messages: what `evenkeel --record` takes."
  type        = string
}

variable "registered_arn" {
  description = "The revision that Terraform registered."
  type        = string
}
