//! What Terraform believes: the part of its state that is about a service.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::drift::Believed;
use evenkeel_core::failure::Failure;
use evenkeel_core::request::{ClusterName, ServiceName};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The version of the state's form, that of Terraform 0.12 and later.
const FORM: u64 = 4;

/// Finds the service, and the revision of `family`, in a state. Nothing else of it is looked at:
/// a state has secrets.
///
/// # Errors
/// [`Failure::invalid_input`] for what is no state, and for one that tells of neither.
pub(super) fn believed(
    place: &str,
    content: &[u8],
    cluster: &ClusterName,
    service: &ServiceName,
    family: &str,
) -> Result<Believed, Failure> {
    let refuse = |why: String| {
        Failure::invalid_input(format!("the Terraform state in {place} is not understood"))
            .because(why)
            .advice("Give the state of the configuration that has the service, as `terraform state pull` prints it")
    };
    // The error's words could quote the state.
    let state: StateFile = serde_json::from_slice(content).map_err(|error| {
        refuse(format!("it is no JSON of a state, at line {}, column {}", error.line(), error.column()))
    })?;
    if state.version != FORM {
        return Err(refuse(format!("its form has the version {}, not {FORM}", state.version)));
    }
    let managed = |kind: &'static str| {
        let resources = state.resources.iter();
        let resources = resources.filter(move |it| it.mode == "managed" && it.kind == kind);
        resources.flat_map(|resource| &resource.instances).map(|instance| &instance.attributes)
    };
    let is_meant = |attributes: &&Map<String, Value>| {
        text(attributes, "name") == Some(service.short())
            && text(attributes, "cluster").and_then(|it| it.rsplit('/').next()) == Some(cluster.short())
    };
    let found = managed("aws_ecs_service").find(is_meant);
    let registered = managed("aws_ecs_task_definition")
        .filter_map(|attributes| arn(attributes, "arn"))
        .filter(|arn| arn.family() == family)
        .max_by_key(TaskDefinitionArn::revision);
    if found.is_none() && registered.is_none() {
        return Err(refuse(format!(
            "it has neither an aws_ecs_service {} in the cluster {} nor an aws_ecs_task_definition of the family {family}",
            service.short(),
            cluster.short()
        )));
    }
    let service = found.and_then(|attributes| arn(attributes, "task_definition"));
    Ok(Believed { service, registered })
}

#[derive(Deserialize)]
struct StateFile {
    version: u64,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    #[serde(default)]
    attributes: Map<String, Value>,
}

fn text<'a>(attributes: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    attributes.get(name)?.as_str()
}

fn arn(attributes: &Map<String, Value>, name: &str) -> Option<TaskDefinitionArn> {
    TaskDefinitionArn::parse(text(attributes, name)?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(state: &Value) -> Result<Believed, Failure> {
        let (cluster, service) = (ClusterName::parse("prod").unwrap(), ServiceName::parse("web").unwrap());
        believed("file:x", state.to_string().as_bytes(), &cluster, &service, "web")
    }

    fn revision(name: &str) -> TaskDefinitionArn {
        let text = format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{name}");
        TaskDefinitionArn::parse(&text).unwrap()
    }

    fn resource(mode: &str, kind: &str, attributes: &Value) -> Value {
        json!({ "mode": mode, "type": kind, "name": "this", "instances": [{ "schema_version": 1, "attributes": attributes }] })
    }

    #[test]
    fn the_service_and_the_newest_revision_of_the_family_are_found() {
        let arn = |name: &str| revision(name).as_str().to_owned();
        let cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod";
        let state = json!({ "version": 4, "resources": [
            resource("managed", "aws_ecs_service", &json!({ "name": "web", "cluster": "other", "task_definition": arn("web:7") })),
            resource("data", "aws_ecs_service", &json!({ "name": "web", "cluster": "prod", "task_definition": arn("web:8") })),
            resource("managed", "aws_ecs_service", &json!({ "name": "web", "cluster": cluster, "task_definition": arn("web:3") })),
            resource("managed", "aws_ecs_task_definition", &json!({ "arn": arn("web:2"), "revision": 2 })),
            resource("managed", "aws_ecs_task_definition", &json!({ "arn": arn("web:4"), "revision": 4 })),
            resource("managed", "aws_ecs_task_definition", &json!({ "arn": arn("api:9"), "revision": 9 })),
            resource("managed", "random_password", &json!({ "result": "secret" })),
        ] });
        let found = parse(&state).unwrap();
        assert_eq!(found, Believed { service: Some(revision("web:3")), registered: Some(revision("web:4")) });
    }

    #[test]
    fn what_tells_nothing_of_the_service_is_refused_without_a_word_of_it() {
        let other = json!({ "version": 4, "resources": [resource("managed", "random_password", &json!({ "result": "secret" }))] });
        for (state, word) in [
            (other, "neither an aws_ecs_service web in the cluster prod"),
            (json!({ "version": 3, "modules": ["secret"] }), "version 3"),
            (json!({ "version": "secret" }), "no JSON of a state"),
        ] {
            let told = parse(&state).unwrap_err().to_string();
            assert!(told.contains("file:x") && told.contains(word) && !told.contains("secret"), "{told}");
        }
    }
}
