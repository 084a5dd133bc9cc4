# One service on Fargate: Terraform owns it, a pipeline deploys the image of its container `app`. A schedule starts a task
# of the same revision every night.
#
#     terraform apply -var cluster=prod -var 'subnets=["subnet-…"]' -var 'security_groups=["sg-…"]'
#     evenkeel deploy --cluster prod --service web --image app=…/web:2 --record ssm:/evenkeel/prod/web \
#       --also schedule:default/web-nightly
#     terraform plan        # No changes.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.25"
    }
  }
}

provider "aws" {
  region = var.region
}

variable "region" {
  description = "The Region."
  type        = string
  default     = "eu-central-1"
}

variable "cluster" {
  description = "The cluster, which exists."
  type        = string
}

variable "subnets" {
  description = "The service's subnets."
  type        = list(string)
}

variable "security_groups" {
  description = "The service's security groups."
  type        = list(string)
}

module "web" {
  source = "../../service"

  name    = "web"
  cluster = var.cluster
  cpu     = 256
  memory  = 512

  containers = [
    {
      name         = "app"
      portMappings = [{ containerPort = 80, name = "http" }]
      environment  = [{ name = "LOG_LEVEL", value = "info" }]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.web.name
          awslogs-region        = var.region
          awslogs-stream-prefix = "web"
        }
      }
    },
    # Its image is Terraform's: it changes by an apply.
    { name = "xray", image = "public.ecr.aws/xray/aws-xray-daemon:3.x", essential = false },
  ]
  bootstrap_images = { app = "public.ecr.aws/docker/library/nginx:stable" }

  execution_role_arn    = aws_iam_role.execution.arn
  network_configuration = { subnets = var.subnets, security_groups = var.security_groups }

  # In the service's network and with its launch type.
  schedules = {
    web-nightly = {
      schedule_expression = "cron(0 2 * * ? *)"
      role_arn            = aws_iam_role.schedule.arn
      container_overrides = { app = { command = ["bin/clean-up"] } }
    }
  }
}

resource "aws_iam_role" "schedule" {
  name_prefix = "web-schedule-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

# Any revision of the family: one that names a single revision would stop the schedule at the next deployment.
resource "aws_iam_role_policy" "schedule" {
  name   = "run"
  role   = aws_iam_role.schedule.id
  policy = module.web.schedule_role_policy_json
}

resource "aws_cloudwatch_log_group" "web" {
  #checkov:skip=CKV_AWS_158:An example; give it a key of your own if your rules want one
  #checkov:skip=CKV_AWS_338:An example; keep it for as long as your rules want
  name              = "/ecs/web"
  retention_in_days = 30
}

resource "aws_iam_role" "execution" {
  name_prefix = "web-execution-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "execution" {
  name = "logs"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.web.arn}:*"]
    }]
  })
}

# Who deploys: attach this to the role of the CodeBuild project, the GitHub action or the person. The revision and the
# images are no outputs here: they change with every deployment, and with them `terraform plan -detailed-exitcode`.

output "deploy_policy_json" {
  description = "What `evenkeel deploy` needs to be allowed."
  value       = module.web.deploy_policy_json
}

output "record_place" {
  description = "The argument of `evenkeel deploy --record`."
  value       = module.web.record_place
}
