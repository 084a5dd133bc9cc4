//! What a service runs, for people, scripts and Terraform.

use serde_json::{Map, Value, json};

use super::scheduled;
use crate::live::Live;

/// A line for the revision, one for each container, and one for each scheduled task.
#[must_use]
pub fn live_text(live: &Live) -> String {
    let width = live.images.keys().map(String::len).max().unwrap_or_default();
    let mut lines = vec![format!("{}  {}", live.service, live.task_definition)];
    for (container, image) in &live.images {
        let digest = live.digests.get(container).filter(|digest| !image.contains(digest.as_str()));
        let digest = digest.map(|digest| format!("  {digest}")).unwrap_or_default();
        lines.push(format!("  {container:width$}  {image}{digest}"));
    }
    lines.extend(live.scheduled.iter().flatten().map(|task| format!("  {}", scheduled::line(task))));
    lines.join("\n") + "\n"
}

/// `evenkeel.live/v1`.
#[must_use]
pub fn live_document(live: &Live) -> Value {
    let mut document = json!({
        "schema": "evenkeel.live/v1",
        "cluster": live.cluster,
        "service": live.service,
        "family": live.task_definition.family(),
        "revision": live.task_definition.revision(),
        "taskDefinitionArn": live.task_definition.as_str(),
        "images": live.images,
        "digests": live.digests,
    });
    if let Some(tasks) = &live.scheduled {
        document["scheduledTasks"] = tasks.iter().map(scheduled::document).collect();
    }
    document
}

/// What Terraform's `external` data source takes: one object of strings.
///
/// `images` and `digests` are JSON in a string, `image_<container>` and `digest_<container>` the
/// same one by one.
#[must_use]
pub fn external(live: &Live) -> Value {
    let mut flat = Map::new();
    let mut put = |name: String, value: String| flat.insert(name, Value::String(value));
    put("cluster".to_owned(), live.cluster.clone());
    put("service".to_owned(), live.service.clone());
    put("family".to_owned(), live.task_definition.family().to_owned());
    put("revision".to_owned(), live.task_definition.revision().to_string());
    put("task_definition_arn".to_owned(), live.task_definition.as_str().to_owned());
    put("images".to_owned(), json!(live.images).to_string());
    put("digests".to_owned(), json!(live.digests).to_string());
    for (container, image) in &live.images {
        put(format!("image_{container}"), image.clone());
    }
    for (container, digest) in &live.digests {
        put(format!("digest_{container}"), digest.clone());
    }
    Value::Object(flat)
}

/// A `.auto.tfvars.json` that sets one variable, `evenkeel_live`.
#[must_use]
pub fn tfvars(live: &Live) -> Value {
    let mut live_document = json!({
        "cluster": live.cluster,
        "service": live.service,
        "family": live.task_definition.family(),
        "revision": live.task_definition.revision(),
        "task_definition_arn": live.task_definition.as_str(),
        "images": live.images,
        "digests": live.digests,
    });
    if !live.variables.is_empty() {
        live_document["variables"] = json!(live.variables);
    }
    json!({ "evenkeel_live": live_document })
}
