//! Where a container's log is kept.

use serde_json::Value;

use super::task_definition::TaskDefinition;

/// A log stream of Amazon CloudWatch Logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    /// The Region.
    pub region: String,
    /// The log group.
    pub group: String,
    /// The log stream.
    pub stream: String,
}

/// Some lines of a stream, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPage {
    /// The lines.
    pub lines: Vec<String>,
    /// From where to read on. The same as the page was read from: there is nothing more for now (`GetLogEvents`).
    pub next: Option<String>,
}

impl LogStream {
    /// Where `container` of a task logs to, if its driver is `awslogs`: with a prefix to
    /// `prefix/container/task`, else to a stream of its id on the host (Amazon ECS developer guide,
    /// "Send Amazon ECS logs to CloudWatch").
    #[must_use]
    pub fn of(
        definition: &TaskDefinition,
        container: &str,
        task_id: &str,
        runtime_id: Option<&str>,
    ) -> Option<Self> {
        if !Self::is_awslogs(definition, container) {
            return None;
        }
        let logs = definition.container(container)?.get("logConfiguration")?;
        let option = |name: &str| logs.get("options")?.get(name)?.as_str().map(str::to_owned);
        let stream = match option("awslogs-stream-prefix") {
            Some(prefix) => format!("{prefix}/{container}/{task_id}"),
            None => runtime_id?.to_owned(),
        };
        Some(Self { region: option("awslogs-region")?, group: option("awslogs-group")?, stream })
    }

    /// Whether the log driver of `container` is `awslogs`.
    #[must_use]
    pub fn is_awslogs(definition: &TaskDefinition, container: &str) -> bool {
        let logs = definition.container(container).and_then(|container| container.get("logConfiguration"));
        logs.and_then(|logs| logs.get("logDriver")).and_then(Value::as_str) == Some("awslogs")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::task_definition::Revision;

    fn logging(configuration: &Value) -> TaskDefinition {
        let described = json!({ "taskDefinition": {
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1",
            "status": "ACTIVE",
            "family": "web",
            "containerDefinitions": [{ "name": "app", "logConfiguration": configuration }],
        }});
        Revision::from_describe(described.to_string().as_bytes()).unwrap().definition
    }

    #[test]
    fn a_stream_is_named_after_the_task_or_the_container_on_its_host() {
        let options = json!({ "awslogs-group": "/shop", "awslogs-region": "eu-west-1" });
        let mut prefixed = options.clone();
        prefixed["awslogs-stream-prefix"] = json!("web");
        for (driver, options, stream) in [
            ("awslogs", prefixed.clone(), Some("web/app/1f2e")),
            ("awslogs", options, Some("abc")),
            ("awslogs", json!({ "awslogs-group": "/shop" }), None),
            ("splunk", prefixed, None),
        ] {
            let definition = logging(&json!({ "logDriver": driver, "options": options }));
            let found = LogStream::of(&definition, "app", "1f2e", Some("abc"));
            assert_eq!(found.as_ref().map(|found| found.stream.as_str()), stream);
            assert!(found.is_none_or(|found| found.group == "/shop" && found.region == "eu-west-1"));
        }
        let definition = logging(&Value::Null);
        assert_eq!(LogStream::of(&definition, "app", "1f2e", Some("abc")), None);
        assert_eq!(LogStream::of(&definition, "other", "1f2e", None), None);
    }
}
