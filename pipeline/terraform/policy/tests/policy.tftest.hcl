# The policy's text, with no provider: `terraform init && terraform test`.

run "one_service" {
  command = plan

  variables {
    deployments = [{
      service_arn          = "arn:aws:ecs:eu-central-1:123456789012:service/prod/web"
      family               = "web"
      role_arns            = ["arn:aws:iam::123456789012:role/execution"]
      record_parameter_arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/evenkeel/prod/web"
    }]
  }

  assert {
    condition = jsonencode({
      for statement in output.statements : statement.Sid => statement.Resource
      }) == jsonencode({
      Service = ["arn:aws:ecs:eu-central-1:123456789012:service/prod/web"]
      Rollout = [
        "arn:aws:ecs:eu-central-1:123456789012:service-deployment/prod/web/*",
        "arn:aws:ecs:eu-central-1:123456789012:service-revision/prod/web/*",
      ]
      TaskDefinition     = ["*"]
      TaskDefinitionTags = ["arn:aws:ecs:eu-central-1:123456789012:task-definition/web:*"]
      StoppedTasks       = ["*"]
      TaskRoles          = ["arn:aws:iam::123456789012:role/execution"]
      RecordInParameter  = ["arn:aws:ssm:eu-central-1:123456789012:parameter/evenkeel/prod/web"]
    })
    error_message = "Everything is scoped that can be."
  }
}

run "several_services" {
  command = plan

  variables {
    deployments = [
      {
        service_arn       = "arn:aws:ecs:eu-central-1:123456789012:service/prod/web"
        family            = "web"
        role_arns         = ["arn:aws:iam::123456789012:role/execution"]
        record_object_arn = "arn:aws:s3:::records/web.tfstate"
      },
      {
        service_arn = "arn:aws:ecs:eu-central-1:123456789012:service/prod/api"
        family      = "api"
        role_arns   = ["arn:aws:iam::123456789012:role/execution"]
      },
    ]
  }

  assert {
    condition = (
      length(output.statements) == 7 && length(output.statements[0].Resource) == 2 &&
      output.statements[4].Condition.ArnEquals["ecs:cluster"] == tolist(["arn:aws:ecs:eu-central-1:123456789012:cluster/prod"]) &&
      output.statements[5].Resource == tolist(["arn:aws:iam::123456789012:role/execution"]) &&
      output.statements[6].Resource == tolist(["arn:aws:s3:::records/web.tfstate"])
    )
    error_message = "They share one statement of each kind, and what they share is named once."
  }
}

run "what_is_no_service" {
  command = plan

  variables {
    deployments = [{ service_arn = "web", family = "web" }]
  }

  expect_failures = [var.deployments]
}
