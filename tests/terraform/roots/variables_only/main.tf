# The same service, of which the pipeline owns variables and no image.

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

variable "image" {
  type    = string
  default = "registry.example.com/app:1"
}

module "web" {
  source = "../../../../pipeline/terraform/service"

  name    = "web"
  cluster = var.cluster
  family  = var.cluster
  cpu     = 256
  memory  = 512

  containers = [{ name = "app", image = var.image }]

  network_configuration = { subnets = [var.subnet] }
}
