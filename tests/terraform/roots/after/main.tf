# The same service, moved to the module as pipeline/terraform/README.md tells.

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

module "web" {
  source = "../../../../pipeline/terraform/service"

  name    = "web"
  cluster = var.cluster
  family  = var.cluster
  cpu     = 256
  memory  = 512

  containers       = [{ name = "app", environment = [{ name = "A", value = var.a }] }]
  bootstrap_images = { app = "registry.example.com/app:3" }

  network_configuration = { subnets = [var.subnet] }
}

moved {
  from = aws_ecs_service.web
  to   = module.web.aws_ecs_service.this
}

removed {
  from = aws_ecs_task_definition.web

  lifecycle {
    destroy = false
  }
}

import {
  to = module.web.aws_ecs_task_definition.this
  id = "arn:aws:ecs:eu-central-1:000000000000:task-definition/${var.cluster}:3"
}
