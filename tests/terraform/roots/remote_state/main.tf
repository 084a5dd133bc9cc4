# The same service, with its record in a bucket, where Evenkeel writes it as a state of Terraform's.

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

data "terraform_remote_state" "record" {
  backend = "s3"

  config = {
    bucket = "records"
    key    = "${var.cluster}/web.tfstate"
    region = "eu-central-1"
  }
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

  record_json       = data.terraform_remote_state.record.outputs.record_json
  record_object_arn = "arn:aws:s3:::records/${var.cluster}/web.tfstate"
}
