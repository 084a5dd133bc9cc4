//! What makes a one-off task the same task, however often it is asked for.

use sha2::{Digest, Sha256};

use crate::arn::TaskDefinitionArn;

/// One execution of a command: a pipeline's action execution, a build, one attempt of a workflow's run, or a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionId(String);

impl ExecutionId {
    /// The execution that is called so: any text that no other execution has.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The client token of `RunTask`: 64 hexadecimal digits, as many characters as ECS takes (`RunTask`, `clientToken`).
    /// `step` says which of the execution's tasks it is, and `attempt` counts those that ECS refused to start.
    #[must_use]
    pub fn client_token(
        &self,
        service: &str,
        revision: &TaskDefinitionArn,
        step: &[&str],
        attempt: u32,
    ) -> String {
        let attempt = attempt.to_string();
        let parts = [self.0.as_str(), service, revision.as_str(), attempt.as_str()];
        hash(parts.into_iter().chain(step.iter().copied()))
    }
}

/// What the one-off tasks of a service are started by: ECS lists tasks by that. 36 characters at most, as older versions
/// of ECS's interface took.
#[must_use]
pub fn started_by(service: &str) -> String {
    format!("evenkeel/{}", &hash([service].into_iter())[..24])
}

/// SHA-256, in hexadecimal digits, of texts whose borders count.
fn hash<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
