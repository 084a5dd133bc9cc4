# A pipeline from a commit to a service that Terraform owns: source → build → Evenkeel's action, with the worker that
# takes its jobs. The service begins with a bootstrap image and gets every later one from the pipeline; no apply is
# needed for a deployment, and none takes one back.

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

data "aws_caller_identity" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
}

# What is deployed

resource "aws_ecs_cluster" "this" {
  name = "shop"

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

module "web" {
  source = "../../service"

  name    = "web"
  cluster = aws_ecs_cluster.this.name
  cpu     = 256
  memory  = 512

  containers = [{
    name         = "app"
    portMappings = [{ containerPort = 80 }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this["web"].name
        awslogs-region        = var.region
        awslogs-stream-prefix = "web"
      }
    }
  }]
  bootstrap_images = { app = "public.ecr.aws/docker/library/nginx:stable" }

  execution_role_arn    = aws_iam_role.this["execution"].arn
  network_configuration = { subnets = var.subnets, security_groups = var.security_groups }
  repositories          = [aws_ecr_repository.web.name]
}

resource "aws_ecr_repository" "web" {
  #checkov:skip=CKV_AWS_136:An example; give it a key of your own if your rules want one
  name                 = "shop/web"
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }
}

# Who deploys it

module "action_type" {
  source = "../../action-type"

  console_region = var.region
}

module "worker" {
  source = "../../worker"

  cluster     = aws_ecs_cluster.this.name
  image       = var.evenkeel_image
  vpc_id      = var.vpc_id
  subnets     = var.subnets
  action_type = module.action_type.action_type
  deployments = [module.web.deployment]
}

# The pipeline

resource "aws_codepipeline" "this" {
  name           = "shop-web"
  role_arn       = aws_iam_role.this["pipeline"].arn
  pipeline_type  = "V2"
  execution_mode = "QUEUED"

  artifact_store {
    type     = "S3"
    location = aws_s3_bucket.artifacts.bucket

    encryption_key {
      type = "KMS"
      id   = aws_kms_key.artifacts.arn
    }
  }

  stage {
    name = "Source"

    action {
      name             = "Source"
      category         = "Source"
      owner            = "AWS"
      provider         = "CodeStarSourceConnection"
      version          = "1"
      output_artifacts = ["source"]
      configuration = {
        ConnectionArn    = aws_codestarconnections_connection.this.arn
        FullRepositoryId = var.repository
        BranchName       = var.branch
      }
    }
  }

  stage {
    name = "Build"

    action {
      name             = "Build"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      input_artifacts  = ["source"]
      output_artifacts = ["images"]
      configuration    = { ProjectName = aws_codebuild_project.this.name }
    }
  }

  stage {
    name = "Deploy"

    # AWS's own action moves over by these two: owner and provider. `Record` is what keeps the next plan empty.
    action {
      name             = "Deploy"
      category         = module.action_type.action_type.category
      owner            = module.action_type.action_type.owner
      provider         = module.action_type.action_type.provider
      version          = module.action_type.action_type.version
      input_artifacts  = ["images"]
      output_artifacts = ["deployment"]
      namespace        = "deployment"
      configuration = {
        ClusterName       = aws_ecs_cluster.this.name
        ServiceName       = module.web.service_name
        DeploymentTimeout = "20"
        Record            = module.web.record_place
      }
    }
  }
}

resource "aws_codestarconnections_connection" "this" {
  name          = "shop"
  provider_type = "GitHub"
}

resource "aws_codebuild_project" "this" {
  name           = "shop-web"
  service_role   = aws_iam_role.this["build"].arn
  encryption_key = aws_kms_key.artifacts.arn

  source {
    type      = "CODEPIPELINE"
    buildspec = <<-YAML
      version: 0.2
      phases:
        build:
          commands:
            - aws ecr get-login-password | docker login --username AWS --password-stdin "$${REPOSITORY%%/*}"
            - docker build --tag "$REPOSITORY:$CODEBUILD_RESOLVED_SOURCE_VERSION" .
            - docker push "$REPOSITORY:$CODEBUILD_RESOLVED_SOURCE_VERSION"
            - printf '[{"name":"app","imageUri":"%s"}]' "$REPOSITORY:$CODEBUILD_RESOLVED_SOURCE_VERSION" >imagedefinitions.json
      artifacts:
        files: [imagedefinitions.json]
    YAML
  }

  artifacts {
    type = "CODEPIPELINE"
  }

  environment {
    #checkov:skip=CKV_AWS_316:Docker needs it to build the image
    type            = "LINUX_CONTAINER"
    compute_type    = "BUILD_GENERAL1_SMALL"
    image           = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
    privileged_mode = true

    environment_variable {
      name  = "REPOSITORY"
      value = aws_ecr_repository.web.repository_url
    }
  }

  logs_config {
    cloudwatch_logs {
      group_name = aws_cloudwatch_log_group.this["build"].name
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:An example; give it a key of your own if your rules want one
  #checkov:skip=CKV_AWS_338:An example; keep it for as long as your rules want
  for_each = { web = "/ecs/shop/web", build = "/aws/codebuild/shop-web" }

  name              = each.value
  retention_in_days = 30
}
