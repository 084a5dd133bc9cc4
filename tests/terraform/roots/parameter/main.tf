# The service of the table, with its record in a parameter.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

variable "cluster" {
  type = string
}

variable "subnet" {
  type = string
}

variable "a" {
  type    = string
  default = "1"
}

variable "secret" {
  type      = string
  default   = "hidden"
  sensitive = true
}

variable "bootstrap_image" {
  type    = string
  default = "registry.example.com/app:boot"
}

variable "force_bootstrap" {
  type    = bool
  default = false
}

variable "memory" {
  type    = string
  default = "512"
}

variable "task_role_arn" {
  type    = string
  default = null
}

variable "volumes" {
  type    = list(object({ name = string }))
  default = []
}

variable "health_check" {
  type    = list(string)
  default = null
}

variable "tags" {
  type    = map(string)
  default = {}
}

# What Terraform gives the container besides.

variable "environment" {
  type    = map(string)
  default = {}
}

variable "secrets" {
  type    = map(string)
  default = {}
}

variable "schedules" {
  type    = any
  default = {}
}

module "web" {
  source = "../../../../pipeline/terraform/service"

  name    = "web"
  cluster = var.cluster
  family  = var.cluster
  cpu     = 256
  memory  = var.memory
  tags    = var.tags

  containers = [
    merge(
      {
        name         = "app"
        portMappings = [{ containerPort = 8080 }]
        environment = concat(
          [{ name = "SECRET", value = var.secret }],
          [for name, value in merge({ A = var.a }, var.environment) : { name = name, value = value } if value != ""],
        )
      },
      length(var.secrets) == 0 ? {} : {
        secrets = [for name, parameter in var.secrets : { name = name, valueFrom = parameter }]
      },
      var.health_check == null ? {} : { healthCheck = { command = var.health_check } },
    ),
    { name = "proxy", image = "registry.example.com/proxy:1", essential = false },
  ]
  bootstrap_images = { app = var.bootstrap_image }
  force_bootstrap  = var.force_bootstrap

  task_role_arn         = var.task_role_arn
  volumes               = var.volumes
  network_configuration = { subnets = [var.subnet] }
  schedules             = var.schedules
}
