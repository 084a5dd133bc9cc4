# The custom action type that `evenkeel worker` takes the jobs of: what `evenkeel action-type print --format terraform`
# prints, with its name and Region to be chosen.

locals {
  region = var.console_region == null ? "" : var.console_region
  host = (
    startswith(local.region, "cn-") ? "console.amazonaws.cn" :
    startswith(local.region, "us-gov-") ? "console.amazonaws-us-gov.com" : "console.aws.amazon.com"
  )
  clusters = "https://${local.region == "" ? "" : "${local.region}."}${local.host}/ecs/v2/clusters"
  query    = local.region == "" ? "" : "?region=${local.region}"

  # In the order in which the console shows them.
  properties = [
    ["ClusterName", true, "The ECS cluster: its name or its ARN"],
    ["ServiceName", true, "The ECS service: its name or its ARN; several are separated by commas"],
    ["FileName", false, "The image definitions file in the input artifact, or imageDetail.json [default: imagedefinitions.json]"],
    ["DeploymentTimeout", false, "How many minutes a rollout may take, 1 to 1410; a rollback may take as long again [default: 30]"],
    ["OnFailure", false, "What to do when a rollout fails: rollback or leave [default: rollback]"],
    ["Record", false, "Where to record the deployment, as ssm:/deploy/{service}/record; several places are separated by commas"],
    ["RoleArn", false, "The ARN of a role to assume for ECS, the record and notifications"],
    ["ContainerName", false, "The container that gets the image of imageDetail.json"],
    ["Images", false, "The images to deploy without an artifact: container=uri, several separated by commas"],
    ["Options", false, "More options of the command evenkeel deploy in one line, as --skip-verify --placement-grace 15m"],
  ]
}

resource "aws_codepipeline_custom_action_type" "this" {
  category      = var.category
  provider_name = var.provider_name
  version       = var.action_version
  tags          = var.tags

  settings {
    entity_url_template    = "${local.clusters}/{Config:ClusterName}/services${local.query}"
    execution_url_template = "${local.clusters}/{ExternalExecutionId}${local.query}"
  }

  dynamic "configuration_property" {
    for_each = local.properties

    content {
      name        = configuration_property.value[0]
      description = configuration_property.value[2]
      required    = configuration_property.value[1]
      key         = configuration_property.value[1]
      secret      = false
      type        = "String"
    }
  }

  input_artifact_details {
    minimum_count = 0
    maximum_count = 1
  }

  output_artifact_details {
    minimum_count = 0
    maximum_count = 1
  }
}
