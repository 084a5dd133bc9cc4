# The smallest policy for `evenkeel deploy`. Nothing has the resource "*" that IAM can scope.

locals {
  services = [
    for deployment in var.deployments : {
      arn = deployment.service_arn
      # arn:aws:ecs:eu-central-1:123456789012
      ecs = join(":", slice(split(":", deployment.service_arn), 0, 5))
      # prod/web
      path    = trimprefix(split(":", deployment.service_arn)[5], "service/")
      cluster = split("/", deployment.service_arn)[1]
    }
  ]
  roles      = distinct(flatten(var.deployments[*].role_arns))
  parameters = distinct(compact(var.deployments[*].record_parameter_arn))
  objects    = distinct(compact(var.deployments[*].record_object_arn))

  all = concat(
    [
      {
        Sid      = "Service"
        Effect   = "Allow"
        Action   = ["ecs:DescribeServices", "ecs:ListServiceDeployments", "ecs:UpdateService"]
        Resource = distinct(local.services[*].arn)
      },
      {
        Sid    = "Rollout"
        Effect = "Allow"
        Action = ["ecs:DescribeServiceDeployments", "ecs:DescribeServiceRevisions"]
        Resource = distinct(flatten([
          for service in local.services : [
            "${service.ecs}:service-deployment/${service.path}/*", "${service.ecs}:service-revision/${service.path}/*",
          ]
        ]))
      },
      {
        # Neither can be scoped.
        Sid      = "TaskDefinition"
        Effect   = "Allow"
        Action   = ["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"]
        Resource = ["*"]
      },
      {
        Sid    = "TaskDefinitionTags"
        Effect = "Allow"
        Action = ["ecs:TagResource"]
        Resource = distinct([
          for index, deployment in var.deployments : "${local.services[index].ecs}:task-definition/${deployment.family}:*"
        ])
        Condition = { StringEquals = { "ecs:CreateAction" = "RegisterTaskDefinition" } }
      },
      {
        Sid       = "StoppedTasks"
        Effect    = "Allow"
        Action    = ["ecs:DescribeTasks", "ecs:ListTasks"]
        Resource  = ["*"]
        Condition = { ArnEquals = { "ecs:cluster" = distinct([for service in local.services : "${service.ecs}:cluster/${service.cluster}"]) } }
      },
    ],
    [
      for roles in [local.roles] : {
        Sid       = "TaskRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = roles
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      } if length(roles) > 0
    ],
    [
      for parameters in [local.parameters] : {
        Sid      = "RecordInParameter"
        Effect   = "Allow"
        Action   = ["ssm:GetParameter", "ssm:PutParameter"]
        Resource = parameters
      } if length(parameters) > 0
    ],
    [
      for objects in [local.objects] : {
        Sid      = "RecordInBucket"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = objects
      } if length(objects) > 0
    ],
  )

  statements = [for statement in local.all : statement if length(var.deployments) > 0]
}
