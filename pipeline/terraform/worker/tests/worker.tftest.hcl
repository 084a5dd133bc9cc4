# With a provider that only knows the schema: `terraform init && terraform test`, from Terraform 1.7.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

variables {
  cluster = "arn:aws:ecs:eu-central-1:123456789012:cluster/tools"
  image   = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/evenkeel:1"
  subnets = ["subnet-1"]
  vpc_id  = "vpc-1"
}

run "a_worker" {
  assert {
    condition = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].command == [
      "worker", "--category", "Deploy", "--provider", "Evenkeel", "--action-version", "1", "--claims",
      "s3://evenkeel-worker-claims-123456789012-eu-central-1/claims", "--concurrency", "50", "--log", "info",
    ]
    error_message = "It takes the jobs of the action type and keeps its claims in the bucket."
  }
  assert {
    condition = jsonencode({
      for statement in jsondecode(aws_iam_role_policy.task.policy).Statement : statement.Sid => statement.Resource
      if contains(["JobQueue", "Jobs"], statement.Sid)
      }) == jsonencode({
      JobQueue = ["arn:aws:codepipeline:eu-central-1:123456789012:actiontype:Custom/Deploy/Evenkeel/1"]
      Jobs     = ["*"]
    })
    error_message = "It may take the jobs of that action type only, as far as IAM can say so."
  }
  assert {
    condition     = length([for statement in jsondecode(aws_iam_role_policy.task.policy).Statement : statement if statement.Sid == "Services"]) == 0
    error_message = "It may deploy nothing that it was not told of."
  }
  assert {
    condition     = length(aws_security_group.this) == 1 && aws_vpc_security_group_egress_rule.https[0].to_port == 443
    error_message = "It gets out to HTTPS."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.absent[0].dimensions == tomap({ ClusterName = "tools", ServiceName = "evenkeel-worker" })
    error_message = "It is missed when it is gone."
  }
}

run "that_may_deploy" {
  variables {
    deployments = [{
      service_arn          = "arn:aws:ecs:eu-central-1:123456789012:service/prod/web"
      family               = "web"
      role_arns            = ["arn:aws:iam::123456789012:role/execution"]
      record_parameter_arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/evenkeel/prod/web"
    }]
    deploy_role_arns = ["arn:aws:iam::210987654321:role/deploy"]
    kms_key_arn      = "arn:aws:kms:eu-central-1:123456789012:key/1"
    repository_arn   = "arn:aws:ecr:eu-central-1:123456789012:repository/evenkeel"
    security_groups  = ["sg-1"]
    health_port      = 8080
    replicas         = 0
  }

  assert {
    condition = [for statement in jsondecode(aws_iam_role_policy.task.policy).Statement : statement.Sid] == [
      "JobQueue", "Jobs", "Claims", "ClaimsBucket", "ClaimsKey", "DeployRoles", "Services", "ServiceDeployments",
      "ReadTaskDefinitions", "TaskDefinitions", "Tags", "TaskRoles", "StoppedTasksList", "StoppedTasksListOfCluster",
      "StoppedTasks", "RecordParameter",
    ]
    error_message = "It may do what each of these needs."
  }
  assert {
    condition     = length(aws_security_group.this) == 0 && length(aws_cloudwatch_metric_alarm.absent) == 0
    error_message = "What was given is not made, and nobody misses a worker that is not meant to run."
  }
}

run "without_a_network" {
  command = plan

  variables {
    vpc_id = null
  }

  expect_failures = [aws_security_group.this]
}

run "words_that_nobody_knows" {
  command = plan

  variables {
    name             = "The Worker"
    replicas         = -1
    concurrency      = 0
    cpu_architecture = "RISCV"
    log_level        = "loud"
  }

  expect_failures = [var.name, var.replicas, var.concurrency, var.cpu_architecture, var.log_level]
}
