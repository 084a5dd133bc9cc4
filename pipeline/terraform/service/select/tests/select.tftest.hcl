# What the selection comes to, with no provider: `terraform init && terraform test`.

variables {
  service          = "web"
  record_place     = "ssm:/evenkeel/prod/web"
  registered_arn   = "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9"
  bootstrap_images = { app = "bootstrap:1" }
  record_json      = "{}"
  containers = [
    { name = "app", cpu = 128, environment = [{ name = "A", value = "1" }] },
    { name = "proxy", image = "proxy:1", essential = false },
  ]
}

run "before_the_first_deployment" {
  command = plan

  assert {
    condition     = output.task_definition_arn == var.registered_arn && !output.follows_pipeline
    error_message = "The service begins on Terraform's own revision."
  }
  assert {
    condition = jsonencode(output.containers) == jsonencode([
      { cpu = 128, environment = [{ name = "A", value = "1" }], image = "bootstrap:1", name = "app" },
      { essential = false, image = "proxy:1", name = "proxy" },
    ])
    error_message = "The bootstrap image is put in, and everything else is left as it is."
  }
  assert {
    condition     = length(output.refusals) == 0 && length(output.deployed_images) == 0
    error_message = "There is nothing to refuse."
  }
}

run "after_a_deployment" {
  command = plan

  variables {
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web",
       "taskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9",
       "images":{"app":"app:2","proxy":"proxy:2"},"unknown":"to come"}
    JSON
  }

  assert {
    condition     = output.task_definition_arn == "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12"
    error_message = "The live revision descends from Terraform's, so it stays."
  }
  assert {
    condition     = [for container in output.containers : container.image] == ["app:2", "proxy:1"]
    error_message = "The pipeline's container has the deployed image, and Terraform's its own."
  }
  assert {
    condition     = output.fingerprint == run.before_the_first_deployment.fingerprint
    error_message = "A deployment changes nothing that Terraform owns."
  }
}

run "after_an_apply_on_top_of_it" {
  command = plan

  variables {
    registered_arn = "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:13"
    record_json    = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"arn:aws:ecs:eu-central-1:123456789012:cluster/prod",
       "service":"arn:aws:ecs:eu-central-1:123456789012:service/prod/web",
       "taskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9","images":{"app":"app:2"}}
    JSON
  }

  assert {
    condition     = output.task_definition_arn == var.registered_arn && !output.follows_pipeline
    error_message = "What Terraform registered since is not in the live revision, so Terraform's is to run."
  }
  assert {
    condition     = output.containers[0].image == "app:2" && length(output.refusals) == 0
    error_message = "It has the deployed image; a service may be recorded by its ARN."
  }
}

run "forced_back" {
  command = plan

  variables {
    force_bootstrap = true
    record_json     = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web",
       "taskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9","images":{"app":"app:2"}}
    JSON
  }

  assert {
    condition     = output.task_definition_arn == var.registered_arn && output.containers[0].image == "bootstrap:1"
    error_message = "While it is forced, Terraform's revision runs with the bootstrap image."
  }
  assert {
    condition     = output.fingerprint != run.before_the_first_deployment.fingerprint
    error_message = "To force it is a change by Terraform."
  }
}

run "every_member_of_the_definition_counts" {
  command = plan

  variables {
    definition = { cpu = "512" }
  }

  assert {
    condition     = output.fingerprint != run.before_the_first_deployment.fingerprint
    error_message = "A change outside the containers makes a new revision."
  }
}

run "every_member_of_a_container_counts" {
  command = plan

  variables {
    containers = [
      { name = "app", cpu = 128, environment = [{ name = "A", value = "1" }], healthCheck = { command = ["CMD", "true"] } },
      { name = "proxy", image = "proxy:1", essential = false },
    ]
  }

  assert {
    condition     = output.fingerprint != run.before_the_first_deployment.fingerprint
    error_message = "So does a member that nobody here has heard of."
  }
}

run "an_image_that_terraform_owns_counts" {
  command = plan

  variables {
    containers = [
      { name = "app", cpu = 128, environment = [{ name = "A", value = "1" }] },
      { name = "proxy", image = "proxy:3", essential = false },
    ]
  }

  assert {
    condition     = output.fingerprint != run.before_the_first_deployment.fingerprint
    error_message = "The sidecar's image is Terraform's."
  }
}

run "a_bootstrap_image_does_not_count" {
  command = plan

  variables {
    bootstrap_images = { app = "bootstrap:2" }
  }

  assert {
    condition     = output.fingerprint == run.before_the_first_deployment.fingerprint
    error_message = "It is for the beginning only."
  }
}

run "under_way" {
  command = plan

  variables {
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"in_progress","cluster":"prod","service":"web",
       "candidate":{"sourceTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9","images":{"app":"app:3"}},
       "expiresAt":"2020-01-01T00:00:00Z","images":{}}
    JSON
  }

  assert {
    condition = length(output.refusals) == 1 && can(regex(
      "^A deployment is under way: the record in ssm:/evenkeel/prod/web tells of app=app:3, to be over by 2020-01-01",
      output.refusals[0]
    ))
    error_message = "It is refused, also long after its time, and says what is deployed."
  }
}

run "no_json" {
  command = plan

  variables {
    record_json = "app:2"
  }

  assert {
    condition     = length(output.refusals) == 1 && can(regex("is not one that this module understands", output.refusals[0]))
    error_message = "It is refused."
  }
}

run "no_record" {
  command = plan

  variables {
    record_json = "null"
  }

  assert {
    condition     = length(output.refusals) == 1 && can(regex("is not one that this module understands", output.refusals[0]))
    error_message = "What is no object is no empty record."
  }
}

run "another_schema" {
  command = plan

  variables {
    record_json = <<-JSON
      {"schema":"evenkeel.record/v99","status":"succeeded","cluster":"prod","service":"web","images":{"app":"app:2"},
       "taskDefinitionArn":"arn:aws:ecs:::task-definition/web:2","baseTaskDefinitionArn":"arn:aws:ecs:::task-definition/web:1"}
    JSON
  }

  assert {
    condition     = length(output.refusals) == 1 && can(regex("is not one that this module understands", output.refusals[0]))
    error_message = "It is refused; the bootstrap image is no way out."
  }
}

run "without_an_image" {
  command = plan

  variables {
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web","images":{"app":null},
       "taskDefinitionArn":"arn:aws:ecs:::task-definition/web:2","baseTaskDefinitionArn":"arn:aws:ecs:::task-definition/web:1"}
    JSON
  }

  assert {
    condition     = length(output.refusals) == 1 && output.containers[0].image == "bootstrap:1"
    error_message = "It is refused."
  }
}

run "another_service" {
  command = plan

  variables {
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"api","images":{"app":"api:2"},
       "taskDefinitionArn":"arn:aws:ecs:::task-definition/api:2","baseTaskDefinitionArn":"arn:aws:ecs:::task-definition/api:1"}
    JSON
  }

  assert {
    condition     = length(output.refusals) == 1 && can(regex("is of the service \"api\", not of \"web\"", output.refusals[0]))
    error_message = "Its images do not belong here."
  }
}

run "images_that_fit_no_container" {
  command = plan

  variables {
    bootstrap_images = { web = "bootstrap:1", proxy = "bootstrap:1" }
  }

  assert {
    condition = output.refusals == [
      "bootstrap_images has an image for \"web\", and there is no such container: there are app, proxy.",
      "The container \"app\" has no image. Give it one, or one in bootstrap_images if the pipeline deploys it.",
      "The container \"proxy\" has an image of its own and one in bootstrap_images. Leave out its own if the pipeline deploys it.",
    ]
    error_message = "Each is named, with what to do."
  }
}

run "variables_of_the_pipeline" {
  command = plan

  variables {
    containers = [
      {
        name         = "app", cpu = 128, environment = [{ name = "A", value = "1" }],
        dockerLabels = { team = "shop" }
      },
      { name = "proxy", image = "proxy:1", essential = false },
    ]
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web",
       "taskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9","images":{"app":"app:2"},
       "variables":{"app":{"environment":{"GIT_SHA":"4f2a","OLD":null,"EMPTY":""},"secrets":{"TOKEN":"arn:aws:ssm:::parameter/t"},
       "dockerLabels":{"rev":"4f2a","gone":null}},"proxy":{"environment":{"OLD":null}},"worker":{"environment":{"X":"1"}}}}
    JSON
  }

  assert {
    condition = jsonencode(output.containers) == jsonencode([
      {
        cpu = 128, dockerLabels = { rev = "4f2a", team = "shop" },
        environment = [
          { name = "A", value = "1" }, { name = "EMPTY", value = "" }, { name = "GIT_SHA", value = "4f2a" },
        ],
        image = "app:2", name = "app", secrets = [{ name = "TOKEN", valueFrom = "arn:aws:ssm:::parameter/t" }],
      },
      { essential = false, image = "proxy:1", name = "proxy" },
    ])
    error_message = "Those with a value are put in beside Terraform's own, and nothing for one without."
  }
  assert {
    condition     = length(output.refusals) == 0 && output.task_definition_arn != var.registered_arn
    error_message = "The service stays on the revision that has them."
  }
  assert {
    condition = jsonencode([for one in output.variables : "${one.container} ${one.name}" if one.value == null]) == jsonencode([
      "app gone", "app OLD", "proxy OLD",
    ])
    error_message = "A name without a value is owned."
  }
  assert {
    condition     = length(output.variables) == 7 && !contains(output.variables[*].container, "worker")
    error_message = "One of a container that is gone is nobody's."
  }
}

run "variables_are_not_in_the_fingerprint" {
  command = plan

  variables {
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web",
       "taskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9","images":{"app":"app:2"},
       "variables":{"app":{"environment":{"GIT_SHA":"4f2a"},"secrets":{"TOKEN":"t"},"dockerLabels":{"rev":"4f2a"}}}}
    JSON
  }

  assert {
    condition     = output.fingerprint == run.before_the_first_deployment.fingerprint
    error_message = "What the pipeline owns is no change by Terraform."
  }
}

run "variables_and_no_image" {
  command = plan

  variables {
    bootstrap_images = {}
    containers       = [{ name = "app", image = "app:1" }]
    record_json      = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web",
       "taskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9",
       "variables":{"app":{"environment":{"GIT_SHA":"4f2a"}}}}
    JSON
  }

  assert {
    condition     = length(output.refusals) == 0 && output.follows_pipeline && length(output.deployed_images) == 0
    error_message = "A pipeline may own variables and no image."
  }
  assert {
    condition     = output.containers[0].environment[0].value == "4f2a" && output.containers[0].image == "app:1"
    error_message = "The image is Terraform's."
  }
}

run "the_last_variable_was_given_back" {
  command = plan

  variables {
    bootstrap_images = {}
    containers       = [{ name = "app", image = "app:1" }]
    record_json      = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web","images":{},
       "taskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:13",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9"}
    JSON
  }

  assert {
    condition     = length(output.refusals) == 0 && output.follows_pipeline
    error_message = "A record that says that the pipeline owns nothing is understood."
  }
}

run "neither_images_nor_variables" {
  command = plan

  variables {
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web","variables":{"app":{}},
       "taskDefinitionArn":"arn:aws:ecs:::task-definition/web:2","baseTaskDefinitionArn":"arn:aws:ecs:::task-definition/web:1"}
    JSON
  }

  assert {
    condition     = length(output.refusals) == 1 && can(regex("is not one that this module understands", output.refusals[0]))
    error_message = "Evenkeel always writes the images: a record without them is damaged."
  }
}

run "a_kind_of_variable_that_is_not_known" {
  command = plan

  variables {
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web","images":{"app":"app:2"},
       "taskDefinitionArn":"arn:aws:ecs:::task-definition/web:2","baseTaskDefinitionArn":"arn:aws:ecs:::task-definition/web:1",
       "variables":{"app":{"ulimits":{"nofile":"1024"}}}}
    JSON
  }

  assert {
    condition     = length(output.refusals) == 1 && can(regex("each of dockerLabels, environment, secrets", output.refusals[0]))
    error_message = "The next change by Terraform would lose it, so it is refused."
  }
}

run "a_value_that_is_no_text" {
  command = plan

  variables {
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web","images":{"app":"app:2"},
       "taskDefinitionArn":"arn:aws:ecs:::task-definition/web:2","baseTaskDefinitionArn":"arn:aws:ecs:::task-definition/web:1",
       "variables":{"app":{"environment":{"PORT":8080}}}}
    JSON
  }

  assert {
    condition     = length(output.refusals) == 1
    error_message = "ECS takes texts only."
  }
}

run "variables_that_both_own" {
  command = plan

  variables {
    containers = [
      {
        name    = "app", environment = [{ name = "A", value = "1" }, { name = "B", value = "1" }],
        secrets = [{ name = "TOKEN", valueFrom = "arn:aws:ssm:::parameter/t" }], dockerLabels = { team = "shop" }
      },
      { name = "proxy", image = "proxy:1", environment = [{ name = "GIT_SHA", value = "1" }] },
    ]
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web",
       "taskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9","images":{"app":"app:2"},
       "variables":{"app":{"environment":{"A":null,"GIT_SHA":"4f2a","TOKEN":"t","team":"x"},"secrets":{"B":"b"},
       "dockerLabels":{"team":"web","A":"1"}}}}
    JSON
  }

  assert {
    condition = jsonencode([for refusal in output.refusals : split("`", split(". ", refusal)[0])]) == jsonencode([
      for words in [
        ["label \"team\"", "dockerLabels", "dockerLabels"], ["environment variable \"A\"", "environment", "environment"],
        ["environment variable \"TOKEN\"", "secrets", "environment"], ["secret \"B\"", "environment", "secrets"],
        ] : [
        "Both Terraform and the pipeline own the ${words[0]} of the container \"app\": Terraform by ", words[1],
        " in containers, the pipeline by ", words[2], " in the record in ssm:/evenkeel/prod/web",
      ]
    ])
    error_message = "Each is named with its container and both owners; environment and secrets are under one set of names."
  }
  assert {
    condition = can(regex(
      "Nothing is planned. If the pipeline is to keep it, remove it from containers. If Terraform is to have it, run `evenkeel deploy --unset-secret app:B` with the same --record first.$",
      output.refusals[3]
    ))
    error_message = "It says what to do."
  }
}

run "under_way_with_variables" {
  command = plan

  variables {
    record_json = <<-JSON
      {"schema":"evenkeel.record/v1","status":"in_progress","cluster":"prod","service":"web",
       "candidate":{"sourceTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9","images":{},
       "variables":{"app":{"environment":{"GIT_SHA":"4f2a"}}}},
       "expiresAt":"2020-01-01T00:00:00Z","images":{}}
    JSON
  }

  assert {
    condition     = length(output.refusals) == 1 && can(regex("tells of GIT_SHA of app, to be over by", output.refusals[0]))
    error_message = "It says what is deployed."
  }
}

run "variables_stay_when_the_bootstrap_images_are_forced" {
  command = plan

  variables {
    force_bootstrap = true
    record_json     = <<-JSON
      {"schema":"evenkeel.record/v1","status":"succeeded","cluster":"prod","service":"web",
       "taskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:12",
       "baseTaskDefinitionArn":"arn:aws:ecs:eu-central-1:123456789012:task-definition/web:9","images":{"app":"app:2"},
       "variables":{"app":{"environment":{"GIT_SHA":"4f2a"}}}}
    JSON
  }

  assert {
    condition     = output.containers[0].image == "bootstrap:1" && output.containers[0].environment[1].value == "4f2a"
    error_message = "What the pipeline owns is never lost."
  }
}
