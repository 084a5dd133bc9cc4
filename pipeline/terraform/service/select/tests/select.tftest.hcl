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
