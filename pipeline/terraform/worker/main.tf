# `evenkeel worker` as a service of Amazon ECS on Fargate. Workers are alike and keep nothing: any of them may be stopped
# at any moment, and another goes on with its jobs.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  cluster_name   = reverse(split("/", var.cluster))[0]
  claims_bucket  = coalesce(var.claims_bucket_name, "${var.name}-claims-${local.account}-${local.region}")
  claims_arn     = "arn:${local.partition}:s3:::${local.claims_bucket}"
  claims_prefix  = "claims"
  claims_place   = "s3://${local.claims_bucket}/${local.claims_prefix}"
  security_group = one(aws_security_group.this[*].id)

  command = concat(
    [
      "worker",
      "--category", var.action_type.category,
      "--provider", var.action_type.provider,
      "--action-version", var.action_type.version,
      "--claims", local.claims_place,
      "--concurrency", tostring(var.concurrency),
      "--log", var.log_level,
    ],
    var.health_port == null ? [] : ["--health", "0.0.0.0:${coalesce(var.health_port, 0)}"],
  )
}

resource "aws_ecs_task_definition" "this" {
  family                   = var.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  tags                     = var.tags

  runtime_platform {
    cpu_architecture        = var.cpu_architecture
    operating_system_family = "LINUX"
  }

  container_definitions = jsonencode([{
    name                   = "worker"
    image                  = var.image
    command                = local.command
    essential              = true
    readonlyRootFilesystem = true
    environment            = [{ name = "AWS_REGION", value = local.region }]
    portMappings           = var.health_port == null ? [] : [{ containerPort = var.health_port, protocol = "tcp" }]
    # At SIGTERM the worker hands every job back, which takes a few calls; this is the longest that Fargate waits.
    stopTimeout = 120
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = local.region
        awslogs-stream-prefix = "worker"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  name                    = var.name
  cluster                 = var.cluster
  task_definition         = aws_ecs_task_definition.this.arn
  desired_count           = var.replicas
  launch_type             = "FARGATE"
  enable_ecs_managed_tags = true
  propagate_tags          = "SERVICE"
  tags                    = var.tags

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnets
    security_groups  = length(var.security_groups) > 0 ? var.security_groups : [local.security_group]
    assign_public_ip = var.assign_public_ip
  }

  # A worker that may not do anything yet would fail its first jobs.
  depends_on = [aws_iam_role_policy.task, aws_iam_role_policy.execution, aws_s3_bucket.claims]
}

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5:It is attached to the service above, unless others were given
  count = length(var.security_groups) == 0 ? 1 : 0

  name_prefix = "${var.name}-"
  description = "Workers of Evenkeel, out to AWS and nobody in"
  vpc_id      = var.vpc_id
  tags        = var.tags

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = var.vpc_id != null
      error_message = "Give vpc_id, the network of the worker's security group, or security_groups of your own."
    }
  }
}

resource "aws_vpc_security_group_egress_rule" "https" {
  count = length(var.security_groups) == 0 ? 1 : 0

  security_group_id = local.security_group
  description       = "Endpoints of AWS"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
  tags              = var.tags
}
