//! What a container refers to has to be in the definition: volumes and other containers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{is_essential, name_of, refuse_if};
use crate::request::{list, text, texts};
use crate::wire::ApiError;

/// The names of containers, each with those that it refers to.
type References<'a> = BTreeMap<&'a str, Vec<&'a str>>;

pub(super) fn check(request: &Value, containers: &[Value]) -> Result<(), ApiError> {
    for container in containers {
        check_mount_points(request, container)?;
        check_volumes_from(containers, container)?;
        check_dependencies(containers, container)?;
        check_links(request, containers, container)?;
    }
    let links: References<'_> = containers.iter().map(|it| (name_of(it), linked(it).collect())).collect();
    // The message: Shippable/support, issue 4194.
    refuse_if(has_circle(links), || "Container links should not have a cycle")?;
    let dependencies: References<'_> =
        containers.iter().map(|it| (name_of(it), dependencies(it).map(|(name, _)| name).collect())).collect();
    // ECS's words are not known.
    refuse_if(has_circle(dependencies), || "The containers depend on each other in a circle.")
}

/// The message: ansible/ansible, issue 35751; without a name: blinkist/terraform-aws-airship-ecs-service, issue 46.
fn check_mount_points(request: &Value, container: &Value) -> Result<(), ApiError> {
    let volumes = list(request, "volumes");
    for mount in list(container, "mountPoints") {
        let source = mount.get("sourceVolume").and_then(Value::as_str);
        let is_there = source.is_some() && volumes.iter().any(|volume| volume["name"].as_str() == source);
        refuse_if(!is_there, || format!("Unknown volume '{}'.", source.unwrap_or("null")))?;
    }
    Ok(())
}

/// The message: eagletmt/hako, pull request 54.
fn check_volumes_from(containers: &[Value], container: &Value) -> Result<(), ApiError> {
    let mut sources = list(container, "volumesFrom").iter().filter_map(|from| text(from, "sourceContainer"));
    let missing = sources.find(|source| find(containers, source).is_none());
    missing.map_or(Ok(()), |source| {
        Err(ApiError::client(format!("Invalid 'volumesFrom' setting. Unknown container: '{source}'.")))
    })
}

/// The messages, the plus sign too: dagster-io/dagster, issue 6926, and boto/boto3, issue 2436. That for HEALTHY is
/// quoted by two projects that checked ECS's answers; the documentation has the rule.
fn check_dependencies(containers: &[Value], container: &Value) -> Result<(), ApiError> {
    for (name, condition) in dependencies(container) {
        let Some(target) = find(containers, name) else {
            return Err(ApiError::client(format!(
                "Cannot depend on container + '{name}' because it does not exist"
            )));
        };
        refuse_if(
            matches!(condition, "SUCCESS" | "COMPLETE") && is_essential(target),
            || "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
        )?;
        let has_check = target.get("healthCheck").is_some_and(Value::is_object);
        refuse_if(
            condition == "HEALTHY" && !has_check,
            || "A dependency container with HEALTHY condition must have health check configured",
        )?;
    }
    Ok(())
}

/// The message for `awsvpc`: aws-observability/aws-otel-collector, issue 1359.
fn check_links(request: &Value, containers: &[Value], container: &Value) -> Result<(), ApiError> {
    let is_alone = text(request, "networkMode") == Some("awsvpc");
    refuse_if(
        is_alone && linked(container).next().is_some(),
        || "Links are not supported when networkMode=awsvpc.",
    )?;
    let missing = linked(container).find(|name| find(containers, name).is_none());
    // ECS's words are not known.
    missing.map_or(Ok(()), |name| {
        let container = name_of(container);
        Err(ApiError::client(format!("The container '{container}' links to '{name}', which does not exist.")))
    })
}

/// The containers that a container waits for, and the condition of each.
fn dependencies(container: &Value) -> impl Iterator<Item = (&str, &str)> {
    let items = list(container, "dependsOn").iter();
    items.filter_map(|item| Some((text(item, "containerName")?, text(item, "condition").unwrap_or_default())))
}

/// The containers that a container links to: a link is `name` or `name:alias`.
fn linked(container: &Value) -> impl Iterator<Item = &str> {
    texts(container, "links").into_iter().filter_map(|link| link.split(':').next())
}

fn find<'a>(containers: &'a [Value], name: &str) -> Option<&'a Value> {
    containers.iter().find(|container| name_of(container) == name)
}

/// Whether a container refers to itself, directly or by way of others.
fn has_circle(mut references: References<'_>) -> bool {
    loop {
        let names: Vec<&str> = references.keys().copied().collect();
        // A container that refers to none of the rest is in no circle.
        references.retain(|_, targets| targets.iter().any(|target| names.contains(target)));
        if references.len() == names.len() {
            return !names.is_empty();
        }
    }
}
