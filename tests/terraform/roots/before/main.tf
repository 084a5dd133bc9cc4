# What people come from: Terraform registers a task definition that the service left with the first deployment.

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

resource "aws_ecs_task_definition" "web" {
  family                   = var.cluster
  cpu                      = 256
  memory                   = 512
  network_mode             = "awsvpc"
  requires_compatibilities = ["FARGATE"]
  container_definitions = jsonencode([
    { name = "app", image = "registry.example.com/app:1", environment = [{ name = "A", value = "1" }] },
  ])
}

resource "aws_ecs_service" "web" {
  name            = "web"
  cluster         = var.cluster
  task_definition = aws_ecs_task_definition.web.arn
  desired_count   = 1
  launch_type     = "FARGATE"

  network_configuration {
    subnets = [var.subnet]
  }

  lifecycle {
    ignore_changes = [task_definition]
  }
}
