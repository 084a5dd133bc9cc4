# The smallest policy for `evenkeel deploy`, statement by statement what `evenkeel policy --for deploy` prints. What has
# the resource "*" is evaluated on "*", in AWS's own pages or in denials that were seen.

locals {
  services = [
    for deployment in var.deployments : {
      # arn:aws:ecs:eu-central-1:123456789012:service/prod/web
      arn     = deployment.service_arn
      place   = join(":", slice(split(":", deployment.service_arn), 3, 5))
      ecs     = join(":", slice(split(":", deployment.service_arn), 0, 5))
      part    = split(":", deployment.service_arn)[1]
      path    = trimprefix(split(":", deployment.service_arn)[5], "service/")
      cluster = split("/", deployment.service_arn)[1]
    }
  ]
  revisions = distinct([
    for index, deployment in var.deployments : "${local.services[index].ecs}:task-definition/${deployment.family}:*"
  ])
  objects = distinct(compact(var.deployments[*].record_object_arn))
  # Those with tasks before the update or after the rollout.
  tasks         = [for index, service in local.services : merge(service, { family = var.deployments[index].family }) if var.deployments[index].one_off_tasks]
  task_clusters = { ArnEquals = { "ecs:cluster" = distinct([for service in local.tasks : "${service.ecs}:cluster/${service.cluster}"]) } }

  all = [
    {
      Sid       = "Services"
      Action    = ["ecs:DescribeServices", "ecs:ListServiceDeployments", "ecs:UpdateService"]
      Resource  = distinct(local.services[*].arn)
      Condition = {}
    },
    {
      # These ask for the service as well as for what is described.
      Sid    = "ServiceDeployments"
      Action = ["ecs:DescribeServiceDeployments", "ecs:DescribeServiceRevisions", "ecs:StopServiceDeployment"]
      Resource = distinct(concat(
        local.services[*].arn,
        [for service in local.services : "${service.ecs}:service-deployment/${service.path}/*"],
        [for service in local.services : "${service.ecs}:service-revision/${service.path}/*"],
      ))
      Condition = {}
    },
    {
      # It cannot be scoped.
      Sid       = "ReadTaskDefinitions"
      Action    = ["ecs:DescribeTaskDefinition"]
      Resource  = ["*"]
      Condition = {}
    },
    {
      # AWS's own policy for its ECS action says "*", and every denial that was seen is on "*". The roles below bound it.
      Sid       = "TaskDefinitions"
      Action    = ["ecs:RegisterTaskDefinition"]
      Resource  = ["*"]
      Condition = {}
    },
    {
      Sid       = "Tags"
      Action    = ["ecs:TagResource"]
      Resource  = local.revisions
      Condition = { StringEquals = { "ecs:CreateAction" = ["RegisterTaskDefinition"] } }
    },
    {
      # UpdateService evaluates it as well: a rollback passes the former revision's roles.
      Sid       = "TaskRoles"
      Action    = ["iam:PassRole"]
      Resource  = distinct(flatten(var.deployments[*].role_arns))
      Condition = { StringEquals = { "iam:PassedToService" = ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"] } }
    },
    {
      Sid       = "StoppedTasksList"
      Action    = ["ecs:ListTasks"]
      Resource  = distinct([for service in local.services : "${service.ecs}:container-instance/${service.cluster}/*"])
      Condition = {}
    },
    {
      # Some accounts evaluate the call on container instances, others on "*".
      Sid       = "StoppedTasksListOfCluster"
      Action    = ["ecs:ListTasks"]
      Resource  = ["*"]
      Condition = { ArnEquals = { "ecs:cluster" = distinct([for service in local.services : "${service.ecs}:cluster/${service.cluster}"]) } }
    },
    {
      Sid       = "StoppedTasks"
      Action    = ["ecs:DescribeTasks"]
      Resource  = distinct([for service in local.services : "${service.ecs}:task/${service.cluster}/*"])
      Condition = {}
    },
    {
      Sid    = "Logs"
      Action = ["logs:GetLogEvents"]
      Resource = distinct(flatten([
        for index, service in local.services : [
          for group in var.deployments[index].log_groups :
          "arn:${service.part}:logs:${service.place}:log-group:${group}:log-stream:*"
        ]
      ]))
      Condition = {}
    },
    {
      # IAM evaluates it on the task definition.
      Sid       = "OneOffTasks"
      Action    = ["ecs:RunTask"]
      Resource  = distinct([for service in local.tasks : "${service.ecs}:task-definition/${service.family}:*"])
      Condition = local.task_clusters
    },
    {
      Sid       = "OneOffTasksStop"
      Action    = ["ecs:StopTask"]
      Resource  = distinct([for service in local.tasks : "${service.ecs}:task/${service.cluster}/*"])
      Condition = local.task_clusters
    },
    {
      # The tags that a service passes on to its tasks.
      Sid       = "OneOffTasksTags"
      Action    = ["ecs:TagResource"]
      Resource  = distinct([for service in local.tasks : "${service.ecs}:task/${service.cluster}/*"])
      Condition = { StringEquals = { "ecs:CreateAction" = ["RunTask"] } }
    },
    {
      Sid    = "Images"
      Action = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      Resource = distinct(flatten([
        for index, service in local.services : [
          for repository in var.deployments[index].repositories :
          "arn:${service.part}:ecr:${service.place}:repository/${repository}"
        ]
      ]))
      Condition = {}
    },
    {
      # IAM cannot scope it.
      Sid       = "ImageUpstreams"
      Action    = ["ecr:DescribePullThroughCacheRules"]
      Resource  = anytrue([for deployment in var.deployments : length(deployment.repositories) > 0]) ? ["*"] : []
      Condition = {}
    },
    {
      Sid       = "RecordParameter"
      Action    = ["ssm:GetParameter", "ssm:PutParameter"]
      Resource  = distinct(compact(var.deployments[*].record_parameter_arn))
      Condition = {}
    },
    {
      Sid       = "RecordObject"
      Action    = ["s3:GetObject", "s3:PutObject"]
      Resource  = local.objects
      Condition = {}
    },
    {
      # Who may not list the bucket is told of a missing object that access is denied.
      Sid      = "RecordBucket"
      Action   = ["s3:ListBucket"]
      Resource = distinct([for object in local.objects : split("/", object)[0]])
      Condition = {
        StringEqualsIfExists = { "s3:prefix" = [for object in local.objects : join("/", slice(split("/", object), 1, length(split("/", object))))] }
      }
    },
  ]

  statements = [
    for statement in concat(local.all, local.also_statements) : merge(
      { Sid = statement.Sid, Effect = "Allow", Action = statement.Action, Resource = statement.Resource },
      { for name, value in { Condition = statement.Condition } : name => value if length(value) > 0 },
    ) if length(var.deployments) > 0 && length(statement.Resource) > 0
  ]
}
