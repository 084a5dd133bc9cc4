# Which images and variables go into Terraform's revision, and which revision the service is to run.
#
# Two definitions are never compared: Amazon ECS fills in defaults, sorts lists and rewrites numbers, so that equal ones
# look different. The record of the last deployment names the revision that is live and the one that it descends from.
# If Terraform registered that ancestor, the live revision is Terraform's own with newer images, and the service stays
# on it; if not, something that Terraform does not know is live, and the plan shows it.

locals {
  # What is no JSON is null, and so not understood.
  record = try(jsondecode(var.record_json), null)

  # Terraform puts `{}` where the pipeline will write. Evenkeel adds to a parameter which version it replaces.
  never_deployed = try(length([for name in keys(local.record) : name if name != "replacesVersion"]) == 0, false)
  in_progress    = try(local.record.schema == "evenkeel.record/v1" && local.record.status == "in_progress", false)
  succeeded = try(
    local.record.schema == "evenkeel.record/v1" && local.record.status == "succeeded" &&
    startswith(local.record.taskDefinitionArn, "arn:") && startswith(local.record.baseTaskDefinitionArn, "arn:") &&
    local.images_understood && local.variables_understood,
    false
  )
  # The pipeline may own variables and no image. A record that has neither is damaged, unless it says so: Evenkeel always
  # writes `images`.
  images_understood = (
    try(local.record.images, null) == null ? length(local.recorded_variables) > 0
    : try(alltrue([for image in values(local.record.images) : length(image) > 0]), false)
  )

  # The service's name may be the last part of its ARN.
  recorded_service = try(reverse(split("/", local.record.service))[0], "")

  # None where the pipeline owns variables only.
  deployed_images = local.succeeded ? try({ for name, image in local.record.images : name => tostring(image) }, {}) : {}
  images = {
    for name, bootstrap in var.bootstrap_images :
    name => var.force_bootstrap ? bootstrap : lookup(local.deployed_images, name, bootstrap)
  }
  rendered = [
    for index, container in var.containers : merge(
      container,
      { for name, image in local.images : "image" => image if name == container.name },
      local.with_variables[index],
    )
  ]

  # All that Terraform owns, and nothing that the pipeline owns, variables included: Terraform's revision is replaced when
  # this changes, and only then. Going back to the bootstrap images is a change by Terraform.
  owned = {
    definition    = var.definition
    pipeline_owns = sort(keys(var.bootstrap_images))
    forced_images = var.force_bootstrap ? var.bootstrap_images : null
    containers = [
      for container in var.containers : {
        for member, value in container : member => value
        if !(member == "image" && contains(keys(var.bootstrap_images), container.name))
      }
    ]
  }

  follows_pipeline = (
    var.force_bootstrap || !local.succeeded ? false : local.record.baseTaskDefinitionArn == var.registered_arn
  )
}

locals {
  container_names = [for container in var.containers : container.name]

  # The rest of a record in progress tells of the deployment before it.
  candidate = try(coalesce(join(", ", concat(
    try([for name, image in local.record.candidate.images : "${name}=${image}"], []),
    try(flatten([
      for container, members in local.record.candidate.variables : [
        for names in values(members) : [for name in keys(names) : "${name} of ${container}"]
      ]
    ]), []),
  ))), "one that it does not name")

  record_refusal = (
    local.never_deployed ? null
    : local.in_progress ? join(" ", [
      "A deployment is under way: the record in ${var.record_place} tells of ${local.candidate}, to be over by",
      "${try(local.record.expiresAt, "an unknown time")}. A plan now would take it back. Plan again when it has ended; if",
      "it was cut off, run the same `evenkeel deploy` again, or `evenkeel record repair`, first.",
    ])
    : !local.succeeded ? join(" ", [
      "The record in ${var.record_place} is not one that this module understands, and without it the bootstrap images",
      "would be deployed. Nothing is planned. Look at it with `evenkeel record show --record ${var.record_place}`; it",
      "is `{}` before the first deployment, and else of the schema evenkeel.record/v1 with a status, two revisions, the",
      "images and, if the pipeline owns any, variables by container, each of ${join(", ", keys(local.variable_members))}.",
    ])
    : local.recorded_service != var.service ? join(" ", [
      "The record in ${var.record_place} is of the service \"${local.recorded_service}\", not of \"${var.service}\", and",
      "its images do not belong here. Nothing is planned. Point the module at this service's own record.",
    ])
    : null
  )

  refusals = concat(
    compact([local.record_refusal]),
    [
      for name in keys(var.bootstrap_images) :
      "bootstrap_images has an image for \"${name}\", and there is no such container: there are ${join(", ", local.container_names)}."
      if !contains(local.container_names, name)
    ],
    [
      for container in var.containers :
      "The container \"${container.name}\" has no image. Give it one, or one in bootstrap_images if the pipeline deploys it."
      if try(container.image, null) == null && !contains(keys(var.bootstrap_images), container.name)
    ],
    [
      for container in var.containers :
      "The container \"${container.name}\" has an image of its own and one in bootstrap_images. Leave out its own if the pipeline deploys it."
      if try(container.image, null) != null && contains(keys(var.bootstrap_images), container.name)
    ],
    local.both_own,
  )
}
