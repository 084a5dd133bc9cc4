# What moves schedules and the targets of rules to a new revision: `evenkeel deploy --also`.

locals {
  also = flatten([
    for index, deployment in var.deployments : [
      for text in deployment.also : {
        service  = local.services[index]
        family   = text == "family"
        rule     = try(regex("^rule:([^/@]+)(?:/[^@]+)?(?:@(.+))?$", text), null)
        schedule = try(regex("^schedule:(?:([^/]+)/)?([^/]+)$", text), null)
      }
    ]
  ])
  # With `family` any rule and schedule may start the family, so all of them are read.
  also_family = [for one in local.also : one.service if one.family]

  also_statements = [
    {
      Sid    = "ScheduledRules"
      Action = ["events:DescribeRule", "events:ListTargetsByRule", "events:PutTargets"]
      Resource = distinct(concat(
        [
          for one in local.also :
          # A rule of the default bus has no bus in its ARN.
          "arn:${one.service.part}:events:${one.service.place}:rule/${coalesce(one.rule[1], "default") == "default" ? "" : "${one.rule[1]}/"}${one.rule[0]}"
          if one.rule != null
        ],
        [for service in local.also_family : "arn:${service.part}:events:${service.place}:rule/*"],
      ))
      Condition = {}
    },
    {
      # They cannot be scoped.
      Sid       = "ScheduledRulesFind"
      Action    = ["events:ListEventBuses", "events:ListRuleNamesByTarget"]
      Resource  = length(local.also_family) > 0 ? ["*"] : []
      Condition = {}
    },
    {
      Sid    = "Schedules"
      Action = ["scheduler:GetSchedule", "scheduler:UpdateSchedule"]
      Resource = distinct(concat(
        [
          for one in local.also :
          "arn:${one.service.part}:scheduler:${one.service.place}:schedule/${coalesce(one.schedule[0], "default")}/${one.schedule[1]}"
          if one.schedule != null
        ],
        [for service in local.also_family : "arn:${service.part}:scheduler:${service.place}:schedule/*/*"],
      ))
      Condition = {}
    },
    {
      # It cannot be scoped.
      Sid       = "SchedulesFind"
      Action    = ["scheduler:ListSchedules"]
      Resource  = length(local.also_family) > 0 ? ["*"] : []
      Condition = {}
    },
    {
      # Both replace the whole, the role included, which is passed on although it stays the same.
      Sid       = "ScheduleRoles"
      Action    = ["iam:PassRole"]
      Resource  = distinct(flatten([for deployment in var.deployments : deployment.schedule_role_arns if length(deployment.also) > 0]))
      Condition = { StringEquals = { "iam:PassedToService" = ["events.amazonaws.com", "scheduler.amazonaws.com"] } }
    },
  ]
}
