variable "region" {
  description = "The Region."
  type        = string
  default     = "eu-central-1"
}

variable "vpc_id" {
  description = "The network of the worker."
  type        = string
}

variable "subnets" {
  description = "Subnets for the service and the worker, with a way to AWS's endpoints."
  type        = list(string)
}

variable "security_groups" {
  description = "The service's security groups."
  type        = list(string)
}

variable "evenkeel_image" {
  description = "Evenkeel's own image."
  type        = string
}

variable "repository" {
  description = "The source at the Git host, as `owner/name`. It has a Dockerfile."
  type        = string
}

variable "branch" {
  description = "The branch that is deployed."
  type        = string
  default     = "main"
}
