//! The services under test, and what is responded to calls about them.

use std::collections::BTreeMap;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::service::Service;

/// The services under test, each by the access key of the one process that deploys it; and all calls.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) services: BTreeMap<String, Service>,
    pub(super) calls: Vec<Call>,
}

/// A call, and when it came in.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) at: Timestamp,
    /// The access key.
    pub(super) process: String,
    pub(super) operation: String,
}

impl World {
    /// The response, or error, to a call that the emulator is not asked: it knows no service deployments, and its tasks
    /// are not those of the timeline.
    pub(super) fn respond(&self, call: &Call, asked: &Value, now: Timestamp) -> Option<Result<Value, Value>> {
        let service = self.services.get(&call.process)?;
        let texts = |member: &str| -> Vec<&str> {
            asked[member].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let is_about_records = matches!(
            call.operation.as_str(),
            "ListServiceDeployments" | "DescribeServiceDeployments" | "DescribeServiceRevisions"
        );
        if is_about_records && service.shape.is_denied {
            return Some(Err(denial(call, service)));
        }
        Some(Ok(match call.operation.as_str() {
            "ListServiceDeployments" => {
                let after = asked["createdAt"]["after"].as_f64().unwrap_or_default();
                json!({ "serviceDeployments": service.list_records(after, now) })
            }
            "DescribeServiceDeployments" => {
                let records = service.describe_records(&texts("serviceDeploymentArns"), now);
                json!({ "serviceDeployments": records, "failures": [] })
            }
            "DescribeServiceRevisions" => {
                let revisions = service.describe_revisions(&texts("serviceRevisionArns"));
                json!({ "serviceRevisions": revisions, "failures": [] })
            }
            "ListTasks" => {
                let desired = asked["desiredStatus"].as_str().unwrap_or("RUNNING");
                json!({ "taskArns": service.list_tasks(desired, now) })
            }
            "DescribeTasks" => {
                json!({ "tasks": service.describe_tasks(&texts("tasks"), now), "failures": [] })
            }
            _ => return None,
        }))
    }

    /// Shows the timeline in a response of the emulator. The response to an update begins a rollout.
    pub(super) fn overlay(&mut self, call: &Call, response: &mut Value, now: Timestamp) {
        let Some(service) = self.services.get_mut(&call.process) else { return };
        match call.operation.as_str() {
            "UpdateService" => {
                let shown = &mut response["service"];
                service.begin(shown["taskDefinition"].as_str().unwrap(), now);
                service.show_updated(shown, now);
            }
            "DescribeServices" => {
                for shown in response["services"].as_array_mut().unwrap() {
                    service.show(shown, now);
                }
            }
            _ => {}
        }
    }
}

fn denial(call: &Call, service: &Service) -> Value {
    let Call { process, operation, .. } = call;
    let who = format!("User: arn:aws:iam::000000000000:user/{process} is not authorized to perform");
    let why = format!("because no identity-based policy allows the ecs:{operation} action");
    json!({
        "__type": "AccessDeniedException",
        "message": format!("{who}: ecs:{operation} on resource: {} {why}", service.arn),
    })
}
