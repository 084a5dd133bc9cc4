# What moves schedules and the targets of rules to a new revision: `evenkeel deploy --also`.

locals {
  also = flatten([
    for index, deployment in var.deployments : [
      for text in deployment.also : {
        service   = local.services[index]
        is_family = text == "family"
        rule      = try(regex("^rule:([^/@]+)(?:/[^@]+)?(?:@(.+))?$", text), null)
        schedule  = try(regex("^schedule:(?:([^/]+)/)?([^/]+)$", text), null)
      }
    ]
  ])
  # With `family` any rule and schedule may start the family: they are found first, and all of them read.
  also_family = distinct([for one in local.also : one.service.place if one.is_family])

  rules = concat(
    [for one in local.also : "arn:${one.service.part}:events:${one.service.place}:rule/*" if one.is_family],
    [
      for one in local.also :
      # A rule of the default bus has no bus in its ARN.
      "arn:${one.service.part}:events:${one.service.place}:rule/${coalesce(one.rule[1], "default") == "default" ? "" : "${one.rule[1]}/"}${one.rule[0]}"
      if one.rule != null && !contains(local.also_family, one.service.place)
    ],
  )
  schedules = concat(
    [for one in local.also : "arn:${one.service.part}:scheduler:${one.service.place}:schedule/*/*" if one.is_family],
    [
      for one in local.also :
      "arn:${one.service.part}:scheduler:${one.service.place}:schedule/${coalesce(one.schedule[0], "default")}/${one.schedule[1]}"
      if one.schedule != null && !contains(local.also_family, one.service.place)
    ],
  )

  also_statements = [
    {
      Sid       = "Rules"
      Action    = ["events:DescribeRule", "events:ListTargetsByRule", "events:PutTargets"]
      Resource  = distinct(local.rules)
      Condition = {}
    },
    {
      Sid       = "Schedules"
      Action    = ["scheduler:GetSchedule", "scheduler:UpdateSchedule"]
      Resource  = distinct(local.schedules)
      Condition = {}
    },
    {
      # They cannot be scoped.
      Sid       = "FindRulesAndSchedules"
      Action    = ["events:ListEventBuses", "events:ListRuleNamesByTarget", "scheduler:ListSchedules"]
      Resource  = length(local.also_family) > 0 ? ["*"] : []
      Condition = {}
    },
    {
      # A target and a schedule are replaced as a whole: the role is passed on although it stays the same.
      Sid      = "ScheduleRoles"
      Action   = ["iam:PassRole"]
      Resource = distinct(flatten([for deployment in var.deployments : deployment.schedule_role_arns if length(deployment.also) > 0]))
      Condition = {
        StringEquals = {
          "iam:PassedToService" = concat(
            length(local.rules) > 0 ? ["events.amazonaws.com"] : [], length(local.schedules) > 0 ? ["scheduler.amazonaws.com"] : [],
          )
        }
      }
    },
  ]
}
