# What starts tasks of the service's revision at given times

variable "schedules" {
  description = "Schedules of EventBridge Scheduler, by name, that start tasks of the revision that the service runs. Network, launch type or capacity providers, platform version and placement are those of the service where a schedule has none of its own. See [schedules](#schedules)."
  type = map(object({
    schedule_expression     = string
    timezone                = optional(string, "UTC")
    role_arn                = string
    enabled                 = optional(bool, true)
    description             = optional(string)
    group_name              = optional(string, "default")
    start_date              = optional(string)
    end_date                = optional(string)
    flexible_window_minutes = optional(number)
    kms_key_arn             = optional(string)

    container_overrides = optional(map(object({
      command            = optional(list(string))
      environment        = optional(map(string), {})
      cpu                = optional(number)
      memory             = optional(number)
      memory_reservation = optional(number)
    })), {})
    input = optional(string)

    task_count              = optional(number, 1)
    propagate_tags          = optional(string)
    enable_ecs_managed_tags = optional(bool)
    enable_execute_command  = optional(bool)
    network_configuration = optional(object({
      subnets          = list(string)
      security_groups  = optional(list(string), [])
      assign_public_ip = optional(bool, false)
    }))
    launch_type = optional(string)
    capacity_provider_strategy = optional(list(object({
      capacity_provider = string
      weight            = optional(number, 0)
      base              = optional(number, 0)
    })))
    platform_version = optional(string)
    placement_strategy = optional(list(object({
      type  = string
      field = optional(string)
    })))
    placement_constraints = optional(list(object({
      type       = string
      expression = optional(string)
    })))

    dead_letter_arn = optional(string)
    retry_policy = optional(object({
      maximum_event_age_in_seconds = optional(number, 86400)
      maximum_retry_attempts       = optional(number, 185)
    }), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for name, schedule in var.schedules :
      can(regex("^[0-9A-Za-z_.-]{1,64}$", name)) && can(regex("^[0-9A-Za-z_.-]{1,64}$", schedule.group_name))
    ])
    error_message = "The name of a schedule and of its group has 1 to 64 letters, digits, hyphens, underscores and dots."
  }
  validation {
    condition     = alltrue([for schedule in var.schedules : can(regex("^(rate|cron|at)[(].+[)]$", schedule.schedule_expression))])
    error_message = "A schedule_expression is rate(…), cron(…) or at(…)."
  }
  validation {
    # Scheduler gives a time back in UTC, and the provider compares texts.
    condition = alltrue(flatten([
      for schedule in var.schedules : [
        for time in [schedule.start_date, schedule.end_date] :
        time == null ? true : can(regex("^[0-9-]{10}T[0-9:]{8}Z$", time))
      ]
    ]))
    error_message = "start_date and end_date are in UTC, as 2030-01-31T12:00:00Z."
  }
  validation {
    condition = alltrue([
      for schedule in var.schedules :
      schedule.flexible_window_minutes == null ? true : schedule.flexible_window_minutes >= 1 && schedule.flexible_window_minutes <= 1440
    ])
    error_message = "flexible_window_minutes is 1 to 1440; without it the schedule starts its tasks at the given time."
  }
  validation {
    condition     = alltrue([for schedule in var.schedules : schedule.input == null || length(schedule.container_overrides) == 0])
    error_message = "A schedule has container_overrides, or the whole of the overrides as JSON in input, not both."
  }
  validation {
    condition = alltrue([
      for schedule in var.schedules :
      schedule.task_count >= 1 && schedule.task_count <= 10 && floor(schedule.task_count) == schedule.task_count
    ])
    error_message = "task_count is 1 to 10."
  }
  validation {
    condition = alltrue([
      for schedule in var.schedules :
      (schedule.propagate_tags == null ? true : schedule.propagate_tags == "TASK_DEFINITION") &&
      (schedule.launch_type == null ? true : contains(["FARGATE", "EC2", "EXTERNAL"], schedule.launch_type))
    ])
    error_message = "A schedule's propagate_tags is TASK_DEFINITION or left out, its launch_type FARGATE, EC2 or EXTERNAL or left out."
  }
  validation {
    condition = alltrue([
      for schedule in var.schedules :
      schedule.retry_policy.maximum_event_age_in_seconds >= 60 && schedule.retry_policy.maximum_event_age_in_seconds <= 86400 &&
      schedule.retry_policy.maximum_retry_attempts >= 0 && schedule.retry_policy.maximum_retry_attempts <= 185
    ])
    error_message = "A retry_policy has 60 to 86400 seconds and 0 to 185 attempts."
  }
}
