# With a provider that only knows the schema: `terraform init && terraform test`, from Terraform 1.7.

mock_provider "aws" {}

run "as_evenkeel_prints_it" {
  command = plan

  assert {
    condition = (
      aws_codepipeline_custom_action_type.this.settings[0].execution_url_template ==
      "https://console.aws.amazon.com/ecs/v2/clusters/{ExternalExecutionId}"
    )
    error_message = "The links lead to the Region that the console was in last."
  }
  assert {
    condition     = length(aws_codepipeline_custom_action_type.this.configuration_property) <= 10
    error_message = "CodePipeline allows ten properties."
  }
  assert {
    condition     = output.action_type == { owner = "Custom", category = "Deploy", provider = "Evenkeel", version = "1" }
    error_message = "A pipeline learns what it is called."
  }
}

run "in_china" {
  command = plan

  variables {
    console_region = "cn-north-1"
  }

  assert {
    condition = (
      aws_codepipeline_custom_action_type.this.settings[0].entity_url_template ==
      "https://cn-north-1.console.amazonaws.cn/ecs/v2/clusters/{Config:ClusterName}/services?region=cn-north-1"
    )
    error_message = "Each partition has a console of its own."
  }
}

run "what_codepipeline_would_refuse" {
  command = plan

  variables {
    provider_name  = "Even keel"
    action_version = "1.0"
    category       = "Approval"
    console_region = "EU West"
  }

  expect_failures = [var.provider_name, var.action_version, var.category, var.console_region]
}
