# The module by itself, with a provider that only knows the schema: `terraform init && terraform test`, from Terraform 1.7.

mock_provider "aws" {
  mock_resource "aws_ecs_task_definition" {
    defaults = {
      arn = "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9"
    }
  }
  mock_resource "aws_ecs_service" {
    defaults = {
      arn = "arn:aws:ecs:eu-central-1:123456789012:service/prod/web"
    }
  }
  mock_resource "aws_ssm_parameter" {
    defaults = {
      arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/evenkeel/prod/web"
    }
  }
}

variables {
  name                  = "web"
  cluster               = "arn:aws:ecs:eu-central-1:123456789012:cluster/prod"
  cpu                   = 256
  memory                = 512
  containers            = [{ name = "app" }]
  bootstrap_images      = { app = "bootstrap:1" }
  network_configuration = { subnets = ["subnet-1"] }
}

run "what_is_not_given" {
  assert {
    condition = (
      aws_ecs_service.this.launch_type == "FARGATE" && aws_ecs_service.this.desired_count == 1 &&
      aws_ecs_service.this.deployment_circuit_breaker[0].enable && aws_ecs_service.this.deployment_circuit_breaker[0].rollback &&
      !aws_ecs_service.this.network_configuration[0].assign_public_ip &&
      aws_ecs_service.this.deployment_minimum_healthy_percent == 100
    )
    error_message = "A service on Fargate with ECS's breaker on, and not to be reached from outside."
  }
  assert {
    condition     = aws_ecs_task_definition.this.family == "web" && aws_ecs_task_definition.this.skip_destroy
    error_message = "The family is called like the service, and a revision is kept."
  }
  assert {
    condition     = output.record_place == "ssm:/evenkeel/prod/web" && aws_ssm_parameter.record[0].insecure_value == "{}"
    error_message = "The record is a parameter of the cluster's and the service's name, empty at first."
  }
  assert {
    condition     = aws_ecs_service.this.task_definition == aws_ecs_task_definition.this.arn
    error_message = "The service begins on Terraform's revision."
  }
  assert {
    condition = jsonencode(output.deployment) == jsonencode({
      also                 = []
      family               = "web"
      log_groups           = []
      record_object_arn    = null
      record_parameter_arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/evenkeel/prod/web"
      repositories         = []
      role_arns            = []
      schedule_role_arns   = []
      service_arn          = "arn:aws:ecs:eu-central-1:123456789012:service/prod/web"
    })
    error_message = "A deployer learns what it needs to."
  }
}

run "after_a_deployment" {
  variables {
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web",
       "taskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9","images":{"app":"app:2"}}
    JSON
  }

  assert {
    condition     = endswith(aws_ecs_service.this.task_definition, "web:12") && length(aws_ssm_parameter.record) == 0
    error_message = "The service stays on the deployed revision; a record from elsewhere needs no parameter."
  }
  assert {
    condition     = output.deployed_images == tomap({ app = "app:2" })
    error_message = "It is known what was deployed."
  }
}

run "everything_that_can_be_given" {
  variables {
    family     = "shop-web"
    tags       = { team = "shop" }
    containers = [{ name = "app" }, { name = "proxy", image = "proxy:1" }]

    execution_role_arn         = "arn:aws:iam::123456789012:role/execution"
    task_role_arn              = "arn:aws:iam::123456789012:role/task"
    requires_compatibilities   = ["FARGATE", "EC2"]
    runtime_platform           = { cpu_architecture = "ARM64" }
    ephemeral_storage_gib      = 40
    pid_mode                   = "task"
    ipc_mode                   = "none"
    enable_fault_injection     = true
    task_placement_constraints = [{ expression = "attribute:ecs.instance-type =~ t3.*" }]
    proxy_configuration        = { container_name = "proxy", properties = { AppPorts = "8080" } }
    volumes = [
      { name = "scratch" },
      { name = "host", host_path = "/srv" },
      { name = "docker", docker = { driver = "local", scope = "task" } },
      { name = "shared", efs = { file_system_id = "fs-1", authorization = { access_point_id = "fsap-1" } } },
      { name = "windows", fsx_windows = { file_system_id = "fs-2", root_directory = "\\data", credentials_parameter = "arn:aws:ssm:::parameter/x", domain = "example.com" } },
      { name = "disk", configure_at_launch = true },
    ]

    desired_count                      = 3
    capacity_provider_strategy         = [{ capacity_provider = "FARGATE_SPOT", weight = 1, base = 1 }]
    platform_version                   = "1.4.0"
    network_configuration              = { subnets = ["subnet-1", "subnet-2"], security_groups = ["sg-1"], assign_public_ip = true }
    placement_strategy                 = [{ type = "spread", field = "attribute:ecs.availability-zone" }, { type = "binpack", field = "memory" }]
    placement_constraints              = [{ type = "distinctInstance" }]
    availability_zone_rebalancing      = "ENABLED"
    load_balancer_role_arn             = "arn:aws:iam::123456789012:role/balancer"
    health_check_grace_period_seconds  = 30
    service_registry                   = { registry_arn = "arn:aws:servicediscovery:::service/srv-1", container_name = "app", container_port = 8080 }
    vpc_lattice_configurations         = [{ port_name = "http", role_arn = "arn:aws:iam::123456789012:role/lattice", target_group_arn = "arn:aws:vpc-lattice:::targetgroup/tg-1" }]
    managed_ebs_volume                 = { name = "disk", role_arn = "arn:aws:iam::123456789012:role/ebs", size_in_gb = 20 }
    deployment_minimum_healthy_percent = 50
    deployment_maximum_percent         = 150
    deployment_circuit_breaker         = { rollback = false }
    deployment_alarms                  = { alarm_names = ["errors"] }
    wait_for_steady_state              = true
    timeouts                           = { update = "30m" }
    enable_execute_command             = true
    enable_ecs_managed_tags            = false
    propagate_tags                     = "TASK_DEFINITION"
    force_delete                       = true
    record_parameter_name              = "/records/web"

    load_balancers = [{
      container_name   = "app"
      container_port   = 8080
      target_group_arn = "arn:aws:elasticloadbalancing:::targetgroup/blue"
      advanced_configuration = {
        alternate_target_group_arn = "arn:aws:elasticloadbalancing:::targetgroup/green"
        production_listener_rule   = "arn:aws:elasticloadbalancing:::listener-rule/production"
        test_listener_rule         = "arn:aws:elasticloadbalancing:::listener-rule/test"
        role_arn                   = "arn:aws:iam::123456789012:role/balancer"
      }
    }]
    deployment_configuration = {
      strategy             = "BLUE_GREEN"
      bake_time_in_minutes = 5
      lifecycle_hooks = [{
        hook_target_arn  = "arn:aws:lambda:::function:check"
        role_arn         = "arn:aws:iam::123456789012:role/hook"
        lifecycle_stages = ["POST_TEST_TRAFFIC_SHIFT"]
      }]
      canary = { percent = 10, bake_time_in_minutes = 5 }
      linear = { step_percent = 20, step_bake_time_in_minutes = 1 }
    }
    service_connect = {
      namespace         = "shop"
      log_configuration = { log_driver = "awslogs", options = { awslogs-group = "connect" }, secret_options = [{ name = "token", value_from = "arn:aws:ssm:::parameter/token" }] }
      services = [{
        port_name             = "http"
        discovery_name        = "web"
        ingress_port_override = 15000
        client_alias          = { port = 80, dns_name = "web", test_traffic_headers = [{ name = "x-test", exact = "1" }] }
        timeout               = { idle_timeout_seconds = 60, per_request_timeout_seconds = 5 }
        tls                   = { aws_pca_authority_arn = "arn:aws:acm-pca:::certificate-authority/1", role_arn = "arn:aws:iam::123456789012:role/tls" }
      }]
    }
  }

  assert {
    condition = (
      aws_ecs_service.this.launch_type == null && length(aws_ecs_service.this.capacity_provider_strategy) == 1 &&
      aws_ecs_service.this.deployment_configuration[0].strategy == "BLUE_GREEN" &&
      length(aws_ecs_service.this.deployment_configuration[0].lifecycle_hook) == 1 &&
      aws_ecs_service.this.alarms[0].rollback && !aws_ecs_service.this.deployment_circuit_breaker[0].rollback &&
      aws_ecs_service.this.ordered_placement_strategy[*].type == tolist(["spread", "binpack"]) &&
      aws_ecs_service.this.service_connect_configuration[0].service[0].client_alias[0].test_traffic_rules[0].header[0].value[0].exact == "1" &&
      aws_ecs_service.this.volume_configuration[0].managed_ebs_volume[0].encrypted &&
      aws_ecs_service.this.service_registries[0].container_name == "app" &&
      aws_ecs_service.this.timeouts.update == "30m"
    )
    error_message = "All of the service arrives."
  }
  assert {
    condition = (
      length(aws_ecs_task_definition.this.volume) == 6 && aws_ecs_task_definition.this.ephemeral_storage[0].size_in_gib == 40 &&
      aws_ecs_task_definition.this.runtime_platform[0].cpu_architecture == "ARM64" &&
      aws_ecs_task_definition.this.proxy_configuration[0].type == "APPMESH" && aws_ecs_task_definition.this.pid_mode == "task"
    )
    error_message = "All of the task definition arrives."
  }
  assert {
    condition     = output.deployment.role_arns == tolist(["arn:aws:iam::123456789012:role/execution", "arn:aws:iam::123456789012:role/task"])
    error_message = "A deployer may pass the task's roles and no other."
  }
}

run "schedules" {
  variables {
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web",
       "taskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9","images":{"app":"app:2"}}
    JSON

    task_role_arn              = "arn:aws:iam::123456789012:role/task"
    capacity_provider_strategy = [{ capacity_provider = "FARGATE_SPOT" }]
    platform_version           = "1.4.0"
    enable_execute_command     = true
    placement_strategy         = [{ type = "spread", field = "host" }]
    placement_constraints      = [{ type = "distinctInstance" }]
    network_configuration      = { subnets = ["subnet-1"], security_groups = ["sg-1"] }
    schedules = {
      nightly = {
        schedule_expression = "rate(1 day)"
        role_arn            = "arn:aws:iam::123456789012:role/schedule"
      }
      report = {
        schedule_expression     = "cron(0 6 ? * MON *)"
        timezone                = "Europe/Berlin"
        role_arn                = "arn:aws:iam::123456789012:role/schedule"
        enabled                 = false
        description             = "The report of the week"
        group_name              = "shop"
        start_date              = "2030-01-01T00:00:00Z"
        flexible_window_minutes = 15
        container_overrides     = { app = { command = ["report", "--week"], environment = { FORMAT = "pdf" }, memory = 1024 } }
        task_count              = 2
        propagate_tags          = "TASK_DEFINITION"
        enable_execute_command  = false
        network_configuration   = { subnets = ["subnet-2"], assign_public_ip = true }
        launch_type             = "FARGATE"
        dead_letter_arn         = "arn:aws:sqs:eu-central-1:123456789012:dead"
        retry_policy            = { maximum_retry_attempts = 0 }
      }
      raw = {
        schedule_expression = "at(2030-01-31T12:00:00)"
        role_arn            = "arn:aws:iam::123456789012:role/other"
        input               = "{\"taskOverride\":{\"cpu\":\"512\"}}"
      }
    }
  }

  assert {
    condition = alltrue([
      for schedule in aws_scheduler_schedule.this :
      endswith(schedule.target[0].ecs_parameters[0].task_definition_arn, "web:12") && schedule.target[0].arn == var.cluster
    ])
    error_message = "They start the revision that the service runs, in its cluster."
  }
  assert {
    condition = (
      aws_scheduler_schedule.this["nightly"].state == "ENABLED" &&
      aws_scheduler_schedule.this["nightly"].schedule_expression_timezone == "UTC" &&
      aws_scheduler_schedule.this["nightly"].group_name == "default" &&
      aws_scheduler_schedule.this["nightly"].flexible_time_window[0].mode == "OFF" &&
      aws_scheduler_schedule.this["nightly"].target[0].input == null &&
      aws_scheduler_schedule.this["nightly"].target[0].retry_policy[0].maximum_retry_attempts == 185 &&
      length(aws_scheduler_schedule.this["nightly"].target[0].dead_letter_config) == 0
    )
    error_message = "What a schedule does not say is given as EventBridge Scheduler has it."
  }
  assert {
    condition = (
      aws_scheduler_schedule.this["nightly"].target[0].ecs_parameters[0].launch_type == null &&
      one(aws_scheduler_schedule.this["nightly"].target[0].ecs_parameters[0].capacity_provider_strategy).weight == 0 &&
      aws_scheduler_schedule.this["nightly"].target[0].ecs_parameters[0].platform_version == "1.4.0" &&
      aws_scheduler_schedule.this["nightly"].target[0].ecs_parameters[0].enable_execute_command &&
      aws_scheduler_schedule.this["nightly"].target[0].ecs_parameters[0].task_count == 1 &&
      aws_scheduler_schedule.this["nightly"].target[0].ecs_parameters[0].network_configuration[0].security_groups == toset(["sg-1"])
    )
    error_message = "Capacity and network are the service's."
  }
  assert {
    condition = (
      one(aws_scheduler_schedule.this["nightly"].target[0].ecs_parameters[0].placement_strategy).field == "host" &&
      one(aws_scheduler_schedule.this["nightly"].target[0].ecs_parameters[0].placement_constraints).type == "distinctInstance" &&
      length(aws_scheduler_schedule.this["report"].target[0].ecs_parameters[0].placement_strategy) == 0 &&
      length(aws_scheduler_schedule.this["report"].target[0].ecs_parameters[0].placement_constraints) == 0
    )
    error_message = "Placement belongs to the capacity: with a launch type of its own a schedule has none of the service's."
  }
  assert {
    condition = (
      aws_scheduler_schedule.this["report"].state == "DISABLED" &&
      aws_scheduler_schedule.this["report"].flexible_time_window[0].maximum_window_in_minutes == 15 &&
      jsondecode(aws_scheduler_schedule.this["report"].target[0].input) == {
        containerOverrides = [{
          name = "app", command = ["report", "--week"], environment = [{ name = "FORMAT", value = "pdf" }], memory = 1024
        }]
      } &&
      aws_scheduler_schedule.this["report"].target[0].ecs_parameters[0].launch_type == "FARGATE" &&
      length(aws_scheduler_schedule.this["report"].target[0].ecs_parameters[0].capacity_provider_strategy) == 0 &&
      aws_scheduler_schedule.this["report"].target[0].ecs_parameters[0].platform_version == null &&
      !aws_scheduler_schedule.this["report"].target[0].ecs_parameters[0].enable_execute_command &&
      aws_scheduler_schedule.this["report"].target[0].ecs_parameters[0].network_configuration[0].assign_public_ip &&
      aws_scheduler_schedule.this["report"].target[0].retry_policy[0].maximum_event_age_in_seconds == 86400 &&
      aws_scheduler_schedule.this["report"].target[0].retry_policy[0].maximum_retry_attempts == 0
    )
    error_message = "A schedule may have all of its own."
  }
  assert {
    condition     = aws_scheduler_schedule.this["raw"].target[0].input == "{\"taskOverride\":{\"cpu\":\"512\"}}"
    error_message = "Overrides may be given as Amazon ECS takes them."
  }
  assert {
    condition = (
      output.also == ["schedule:default/nightly", "schedule:default/raw", "schedule:shop/report"] &&
      output.deployment.also == output.also &&
      output.deployment.schedule_role_arns == tolist(["arn:aws:iam::123456789012:role/schedule", "arn:aws:iam::123456789012:role/other"])
    )
    error_message = "A deployer learns which schedules to move, and whose roles it passes on for it."
  }
  assert {
    condition = jsonencode({
      for statement in jsondecode(output.schedule_role_policy_json).Statement : statement.Sid => statement.Resource
      }) == jsonencode({
      Run         = ["arn:aws:ecs:eu-central-1:123456789012:task-definition/web:*"]
      Tags        = ["arn:aws:ecs:eu-central-1:123456789012:task/prod/*"]
      TaskRoles   = ["arn:aws:iam::123456789012:role/task"]
      DeadLetters = ["arn:aws:sqs:eu-central-1:123456789012:dead"]
    })
    error_message = "A schedule's role may run any revision of the family."
  }
}

run "a_cluster_by_its_name" {
  variables {
    cluster = "prod"
    schedules = {
      nightly = { schedule_expression = "rate(1 day)", role_arn = "arn:aws:iam::123456789012:role/schedule" }
    }
  }

  assert {
    condition     = aws_scheduler_schedule.this["nightly"].target[0].arn == "arn:aws:ecs:eu-central-1:123456789012:cluster/prod"
    error_message = "EventBridge Scheduler takes the cluster's ARN, which the service's tells."
  }
  assert {
    condition     = aws_scheduler_schedule.this["nightly"].target[0].ecs_parameters[0].launch_type == "FARGATE"
    error_message = "Without capacity providers it has the service's launch type."
  }
}

run "a_schedule_for_no_container" {
  command = plan

  variables {
    schedules = {
      nightly = {
        schedule_expression = "rate(1 day)"
        role_arn            = "arn:aws:iam::123456789012:role/schedule"
        container_overrides = { worker = { command = ["x"] } }
      }
    }
  }

  expect_failures = [aws_scheduler_schedule.this]
}

run "schedules_that_are_not_understood" {
  command = plan

  variables {
    schedules = {
      "a b" = {
        schedule_expression = "0 6 * * *", role_arn = "arn:aws:iam::123456789012:role/schedule"
        start_date          = "2030-01-01T00:00:00+01:00", flexible_window_minutes = 0, input = "{}"
        container_overrides = { app = {} }, task_count = 11, propagate_tags = "SERVICE"
        retry_policy        = { maximum_retry_attempts = 186 }
      }
    }
  }

  expect_failures = [var.schedules]
}

run "variables_that_both_own" {
  command = plan

  variables {
    containers  = [{ name = "app", environment = [{ name = "GIT_SHA", value = "1" }] }]
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web",
       "taskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9","images":{"app":"app:2"},
       "variables":{"app":{"environment":{"GIT_SHA":"4f2a"}}}}
    JSON
  }

  expect_failures = [terraform_data.fingerprint]
}

run "on_instances" {
  variables {
    requires_compatibilities = ["EC2"]
    network_mode             = "bridge"
    network_configuration    = null
    launch_type              = "EC2"
    scheduling_strategy      = "DAEMON"
    cpu                      = null
    memory                   = null
    containers               = [{ name = "app", memory = 128 }]
  }

  assert {
    condition     = aws_ecs_service.this.scheduling_strategy == "DAEMON" && length(aws_ecs_service.this.network_configuration) == 0
    error_message = "A daemon on every instance."
  }
}

run "under_way" {
  command = plan

  variables {
    record_json = "{\"schema\":\"evenkeel.record/v1\",\"status\":\"in_progress\"}"
  }

  expect_failures = [terraform_data.fingerprint]
}

run "not_understood" {
  command = plan

  variables {
    record_json = "{\"schema\":99}"
  }

  expect_failures = [terraform_data.fingerprint]
}

run "an_image_for_nobody" {
  command = plan

  variables {
    bootstrap_images = { app = "bootstrap:1", web = "bootstrap:1" }
  }

  expect_failures = [terraform_data.fingerprint]
}

run "fargate_without_a_size" {
  command = plan

  variables {
    cpu = null
  }

  expect_failures = [aws_ecs_task_definition.this]
}

run "a_network_that_is_not_there" {
  command = plan

  variables {
    network_configuration = null
  }

  expect_failures = [aws_ecs_service.this]
}

run "a_load_balancer_for_nobody" {
  command = plan

  variables {
    load_balancers = [{ container_name = "web", container_port = 80, target_group_arn = "arn:aws:elasticloadbalancing:::targetgroup/x" }]
  }

  expect_failures = [aws_ecs_service.this]
}

run "a_daemon_on_fargate" {
  command = plan

  variables {
    scheduling_strategy = "DAEMON"
  }

  expect_failures = [aws_ecs_service.this]
}

run "two_containers_of_one_name" {
  command = plan

  variables {
    containers = [{ name = "app" }, { name = "app" }]
  }

  expect_failures = [var.containers]
}

run "a_container_without_a_name" {
  command = plan

  variables {
    containers = [{ image = "app:1" }]
  }

  expect_failures = [var.containers]
}

run "no_containers" {
  command = plan

  variables {
    containers = []
  }

  expect_failures = [var.containers]
}

run "words_that_ecs_does_not_know" {
  command = plan

  variables {
    network_mode             = "vpc"
    requires_compatibilities = ["LAMBDA"]
    launch_type              = "SPOT"
    scheduling_strategy      = "ONCE"
    propagate_tags           = "ALL"
    ephemeral_storage_gib    = 10
    cpu                      = 0.25
    memory                   = -1
    desired_count            = 1.5
    name                     = "the web"
    cluster                  = "a/b"
    record_parameter_name    = "web"
    bootstrap_images         = { app = "" }
    deployment_configuration = { strategy = "BLUE", lifecycle_hooks = [{ hook_target_arn = "x", role_arn = "x", lifecycle_stages = ["LATER"] }] }
  }

  expect_failures = [
    var.network_mode, var.requires_compatibilities, var.launch_type, var.scheduling_strategy, var.propagate_tags,
    var.ephemeral_storage_gib, var.cpu, var.memory, var.desired_count, var.name, var.cluster, var.record_parameter_name, var.bootstrap_images,
    var.deployment_configuration,
  ]
}
