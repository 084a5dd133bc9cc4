# The environment variables, secret references and labels that the pipeline owns. They go into Terraform's revision as the
# images do, so that a change by Terraform keeps them. The record has them by container, by member of the container
# definition and by name:
#
#     "variables": { "app": { "environment": { "GIT_SHA": "4f2a", "OLD": null }, "secrets": { "TOKEN": "arn:…" } } }
#
# A null is a name that the pipeline owns and the live revision does not have, as after a rollback.

locals {
  # What a message calls an entry of each member, and the option of `evenkeel deploy` that ends the pipeline's ownership.
  variable_members = {
    environment  = { word = "environment variable", unset = "--unset-env" }
    secrets      = { word = "secret", unset = "--unset-secret" }
    dockerLabels = { word = "label", unset = "--unset-label" }
  }

  # A member that is not known here could not be put into a container, and the next change by Terraform would lose it.
  variables_understood = try(local.record.variables, null) == null ? true : try(alltrue(flatten([
    for members in values(local.record.variables) : [
      for member, names in members : concat(
        [contains(keys(local.variable_members), member)],
        [for name, value in names : length(name) > 0 && (value == null ? true : try(value == tostring(value), false))],
      )
    ]
  ])), false)

  # What the record lists, one row for each name.
  recorded_variables = try(flatten([
    for container, members in local.record.variables : [
      for member, names in members : [
        for name, value in names : { container = container, member = member, name = name, value = value }
      ]
    ]
  ]), [])
  # Those of a container that is not there any more are nobody's.
  variables = [
    for one in local.recorded_variables : one if local.succeeded && contains(local.container_names, one.container)
  ]

  # The members of each container, in the order of `containers`, to which the pipeline has something to add.
  with_variables = [
    for container in var.containers : merge(
      {
        for added in [[
          for one in local.variables : { name = one.name, value = one.value }
          if one.container == container.name && one.member == "environment" && one.value != null
        ]] : "environment" => try(concat(container.environment, added), added) if length(added) > 0
      },
      {
        for added in [[
          for one in local.variables : { name = one.name, valueFrom = one.value }
          if one.container == container.name && one.member == "secrets" && one.value != null
        ]] : "secrets" => try(concat(container.secrets, added), added) if length(added) > 0
      },
      {
        for added in [{
          for one in local.variables : one.name => one.value
          if one.container == container.name && one.member == "dockerLabels" && one.value != null
        }] : "dockerLabels" => try(merge(container.dockerLabels, added), added) if length(added) > 0
      },
    )
  ]

  # The names that Terraform gives, in the same rows. Where the whole of a container's environment is sensitive, its names
  # are still none, and a refusal has to say them.
  terraform_variables = try(nonsensitive(local.given_variables), local.given_variables)
  given_variables = flatten([
    for container in var.containers : concat(
      try([for entry in container.environment : { container = container.name, member = "environment", name = entry.name }], []),
      try([for entry in container.secrets : { container = container.name, member = "secrets", name = entry.name }], []),
      try([for name in keys(container.dockerLabels) : { container = container.name, member = "dockerLabels", name = name }], []),
    )
  ])

  # A container has its environment and its secrets under one set of names: ECS refuses a name that is in both.
  both_own = flatten([
    for theirs in local.variables : [
      for ours in local.terraform_variables : join(" ", [
        "Both Terraform and the pipeline own the ${local.variable_members[theirs.member].word} \"${theirs.name}\" of the",
        "container \"${theirs.container}\": Terraform by `${ours.member}` in containers, the pipeline by `${theirs.member}` in",
        "the record in ${var.record_place}. Nothing is planned. If the pipeline is to keep it, remove it from containers. If",
        "Terraform is to have it, run `evenkeel deploy ${local.variable_members[theirs.member].unset}",
        "${theirs.container}:${theirs.name}` with the same --record first.",
      ])
      if ours.container == theirs.container && ours.name == theirs.name &&
      (ours.member == "dockerLabels") == (theirs.member == "dockerLabels")
    ]
  ])
}
