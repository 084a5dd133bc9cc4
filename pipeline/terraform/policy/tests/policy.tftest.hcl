# The policy's text, with no provider: `terraform init && terraform test`.

run "one_service" {
  command = plan

  variables {
    deployments = [{
      service_arn          = "arn:aws:ecs:eu-central-1:123456789012:service/prod/web"
      family               = "web"
      role_arns            = ["arn:aws:iam::123456789012:role/execution"]
      repositories         = ["shop/web"]
      log_groups           = ["/ecs/web"]
      record_parameter_arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/evenkeel/prod/web"
    }]
  }

  assert {
    condition = jsonencode({
      for statement in output.statements : statement.Sid => statement.Resource
      }) == jsonencode({
      Services = ["arn:aws:ecs:eu-central-1:123456789012:service/prod/web"]
      ServiceDeployments = [
        "arn:aws:ecs:eu-central-1:123456789012:service/prod/web",
        "arn:aws:ecs:eu-central-1:123456789012:service-deployment/prod/web/*",
        "arn:aws:ecs:eu-central-1:123456789012:service-revision/prod/web/*",
      ]
      ReadTaskDefinitions       = ["*"]
      TaskDefinitions           = ["*"]
      Tags                      = ["arn:aws:ecs:eu-central-1:123456789012:task-definition/web:*"]
      TaskRoles                 = ["arn:aws:iam::123456789012:role/execution"]
      StoppedTasksList          = ["arn:aws:ecs:eu-central-1:123456789012:container-instance/prod/*"]
      StoppedTasksListOfCluster = ["*"]
      StoppedTasks              = ["arn:aws:ecs:eu-central-1:123456789012:task/prod/*"]
      Logs                      = ["arn:aws:logs:eu-central-1:123456789012:log-group:/ecs/web:log-stream:*"]
      Images                    = ["arn:aws:ecr:eu-central-1:123456789012:repository/shop/web"]
      ImageUpstreams            = ["*"]
      RecordParameter           = ["arn:aws:ssm:eu-central-1:123456789012:parameter/evenkeel/prod/web"]
    })
    error_message = "Everything is scoped that can be."
  }

  assert {
    condition = jsonencode({
      for statement in output.statements : statement.Sid => statement.Condition if can(statement.Condition)
      }) == jsonencode({
      Tags                      = { StringEquals = { "ecs:CreateAction" = ["RegisterTaskDefinition"] } }
      TaskRoles                 = { StringEquals = { "iam:PassedToService" = ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"] } }
      StoppedTasksListOfCluster = { ArnEquals = { "ecs:cluster" = ["arn:aws:ecs:eu-central-1:123456789012:cluster/prod"] } }
    })
    error_message = "What cannot be scoped by its resource is bounded by a condition."
  }
}

run "one_off_tasks" {
  command = plan

  variables {
    deployments = [
      {
        service_arn   = "arn:aws:ecs:eu-central-1:123456789012:service/prod/web"
        family        = "web"
        one_off_tasks = true
      },
      {
        service_arn = "arn:aws:ecs:eu-central-1:123456789012:service/other/api"
        family      = "api"
      },
    ]
  }

  assert {
    condition = jsonencode({
      for statement in output.statements : statement.Sid => {
        resource = statement.Resource, condition = statement.Condition
      } if startswith(statement.Sid, "OneOffTasks")
      }) == jsonencode({
      OneOffTasks = {
        resource  = ["arn:aws:ecs:eu-central-1:123456789012:task-definition/web:*"],
        condition = { ArnEquals = { "ecs:cluster" = ["arn:aws:ecs:eu-central-1:123456789012:cluster/prod"] } }
      }
      OneOffTasksStop = {
        resource  = ["arn:aws:ecs:eu-central-1:123456789012:task/prod/*"],
        condition = { ArnEquals = { "ecs:cluster" = ["arn:aws:ecs:eu-central-1:123456789012:cluster/prod"] } }
      }
      OneOffTasksTags = {
        resource  = ["arn:aws:ecs:eu-central-1:123456789012:task/prod/*"],
        condition = { StringEquals = { "ecs:CreateAction" = ["RunTask"] } }
      }
    })
    error_message = "Tasks run in the cluster and of the family of the service that has them, and nowhere else."
  }
}

run "scheduled_tasks" {
  command = plan

  variables {
    deployments = [
      {
        service_arn        = "arn:aws:ecs:eu-central-1:123456789012:service/prod/web"
        family             = "web"
        also               = ["rule:nightly", "rule:hourly/app@default", "rule:orders/app@shop/bus", "schedule:nightly", "schedule:shop/report"]
        schedule_role_arns = ["arn:aws:iam::123456789012:role/schedule"]
      },
      {
        service_arn        = "arn:aws:ecs:eu-central-1:123456789012:service/prod/api"
        family             = "api"
        schedule_role_arns = ["arn:aws:iam::123456789012:role/nobody"]
      },
    ]
  }

  assert {
    condition = jsonencode({
      for statement in output.statements : statement.Sid => {
        resource = statement.Resource, condition = try(statement.Condition, null)
      } if can(regex("Rules|Schedule", statement.Sid))
      }) == jsonencode({
      Rules = {
        resource = [
          "arn:aws:events:eu-central-1:123456789012:rule/nightly", "arn:aws:events:eu-central-1:123456789012:rule/hourly",
          "arn:aws:events:eu-central-1:123456789012:rule/shop/bus/orders",
        ], condition = null
      }
      Schedules = {
        resource = [
          "arn:aws:scheduler:eu-central-1:123456789012:schedule/default/nightly",
          "arn:aws:scheduler:eu-central-1:123456789012:schedule/shop/report",
        ], condition = null
      }
      ScheduleRoles = {
        resource  = ["arn:aws:iam::123456789012:role/schedule"],
        condition = { StringEquals = { "iam:PassedToService" = ["events.amazonaws.com", "scheduler.amazonaws.com"] } }
      }
    })
    error_message = "Each rule and schedule that a deployment moves, and no other; a role is passed on for those only."
  }
}

run "scheduled_tasks_of_the_family" {
  command = plan

  variables {
    deployments = [{
      service_arn = "arn:aws:ecs:eu-central-1:123456789012:service/prod/web"
      family      = "web"
      also        = ["schedule:nightly", "family"]
    }]
  }

  assert {
    condition = jsonencode({
      for statement in output.statements : statement.Sid => statement.Resource if can(regex("Rules|Schedule", statement.Sid))
      }) == jsonencode({
      Rules                 = ["arn:aws:events:eu-central-1:123456789012:rule/*"]
      Schedules             = ["arn:aws:scheduler:eu-central-1:123456789012:schedule/*/*"]
      FindRulesAndSchedules = ["*"]
    })
    error_message = "All rules and schedules are looked through for those of the family."
  }
}

run "a_schedule_and_no_rule" {
  command = plan

  variables {
    deployments = [{
      service_arn        = "arn:aws:ecs:eu-central-1:123456789012:service/prod/web"
      family             = "web"
      also               = ["schedule:nightly"]
      schedule_role_arns = ["arn:aws:iam::123456789012:role/schedule"]
    }]
  }

  assert {
    condition = jsonencode([
      for statement in output.statements : statement.Condition.StringEquals["iam:PassedToService"] if statement.Sid == "ScheduleRoles"
    ]) == jsonencode([["scheduler.amazonaws.com"]])
    error_message = "The role is passed on to EventBridge Scheduler alone."
  }
}

run "also_that_is_not_understood" {
  command = plan

  variables {
    deployments = [{ service_arn = "arn:aws:ecs:eu-central-1:123456789012:service/prod/web", family = "web", also = ["nightly"] }]
  }

  expect_failures = [var.deployments]
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
    condition = jsonencode({
      for statement in output.statements : statement.Sid => length(statement.Resource)
      }) == jsonencode({
      Services         = 2, ServiceDeployments = 6, ReadTaskDefinitions = 1, TaskDefinitions = 1, Tags = 2, TaskRoles = 1,
      StoppedTasksList = 1, StoppedTasksListOfCluster = 1, StoppedTasks = 1, RecordObject = 1, RecordBucket = 1,
    })
    error_message = "They share one statement of each kind, what they share is named once, and what they do not need is left out."
  }
}

run "none" {
  command = plan

  variables {
    deployments = []
  }

  assert {
    condition     = length(output.statements) == 0
    error_message = "Then nothing is allowed."
  }
}

run "what_is_no_service" {
  command = plan

  variables {
    deployments = [{ service_arn = "web", family = "web" }]
  }

  expect_failures = [var.deployments]
}
