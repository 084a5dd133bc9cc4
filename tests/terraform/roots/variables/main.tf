# The same service, with its record in a file of variables that Evenkeel writes beside this one.

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

variable "evenkeel_record" {
  type    = any
  default = {}
}

module "web" {
  source = "../../../../pipeline/terraform/service"

  name    = "web"
  cluster = var.cluster
  family  = var.cluster
  cpu     = 256
  memory  = 512

  containers       = [{ name = "app", environment = [{ name = "A", value = var.a }] }]
  bootstrap_images = { app = "registry.example.com/app:boot" }

  network_configuration = { subnets = [var.subnet] }

  record_json = jsonencode(var.evenkeel_record)
}
