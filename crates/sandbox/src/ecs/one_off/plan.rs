//! What a script makes of the containers of a task definition.

use std::time::Duration;

use serde_json::Value;

use super::script::{TaskEnding, TaskScript};
use crate::ecs::ending::{CANNOT_PULL, OUT_OF_MEMORY, SIGKILL};
use crate::ecs::task_definitions::Revision;
use crate::request::{list, number, text};

/// "If the parameter isn't specified, then the default value of 30 seconds is used": `stopTimeout`.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// AWS words it so for a secret that the execution role may not read.
const SECRET_DENIED: &str = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource \
    retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret \
    arn:aws:secretsmanager:eu-west-1:123456789012:secret:database-3Fk9sQ from secrets manager: AccessDeniedException: \
    User: arn:aws:sts::123456789012:assumed-role/execution/4d0ecf831eec9f09 is not authorized to perform: \
    secretsmanager:GetSecretValue on resource: \
    arn:aws:secretsmanager:eu-west-1:123456789012:secret:database-3Fk9sQ because no identity-based policy allows the \
    secretsmanager:GetSecretValue action";

/// What becomes of a task that nobody stops. Its times count from the start of the containers.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// From the creation of the task until its containers start.
    pub(super) starts_after: Duration,
    /// Why the containers never start, if they never do.
    pub(super) failed_start: Option<FailedStart>,
    pub(super) interrupted_after: Option<Duration>,
    /// In the order of the definition.
    pub(super) containers: Vec<ContainerPlan>,
    /// The index of the watched container.
    pub(super) watched: usize,
    /// What the watched container writes, in the order of time.
    pub(super) log: Vec<(Duration, String)>,
}

/// Why a task fails to start.
#[derive(Debug, Clone)]
pub(super) struct FailedStart {
    pub(super) reason: String,
    /// Whether the watched container gives the reason as well.
    pub(super) is_of_container: bool,
}

#[derive(Debug, Clone)]
pub(super) struct ContainerPlan {
    pub(super) name: String,
    pub(super) image: String,
    pub(super) is_essential: bool,
    pub(super) stop_timeout: Duration,
    pub(super) ignores_sigterm: bool,
    /// How it exits by itself, if it does.
    pub(super) exit: Option<OwnExit>,
}

#[derive(Debug, Clone)]
pub(super) struct OwnExit {
    pub(super) after: Duration,
    pub(super) code: i32,
    /// The container's `reason`.
    pub(super) reason: Option<&'static str>,
}

impl Plan {
    /// The plan of a task of this revision that `request` asks for.
    pub(super) fn new(script: &TaskScript, request: &Value, revision: &Revision) -> Self {
        let mut containers: Vec<ContainerPlan> = revision
            .images()
            .map(|(name, image)| {
                let definition = revision.container(name);
                let flag = |member: &str| definition.and_then(|it| it.get(member)?.as_bool());
                let timeout = definition.and_then(|it| number(it, "stopTimeout")).map(Duration::from_secs);
                ContainerPlan {
                    name: name.to_owned(),
                    image: image.to_owned(),
                    is_essential: flag("essential").unwrap_or(true),
                    stop_timeout: timeout.unwrap_or(STOP_TIMEOUT),
                    ignores_sigterm: false,
                    exit: None,
                }
            })
            .collect();
        let watched_name = watched_override(request).and_then(|it| text(it, "name"));
        let is_watched = |container: &ContainerPlan| Some(container.name.as_str()) == watched_name;
        let watched = containers.iter().position(is_watched).unwrap_or_default();
        let exit = |code, reason| Some(OwnExit { after: script.runs_for, code, reason });
        let (mut failed_start, mut interrupted_after) = (None, None);
        match script.ending {
            TaskEnding::Exits(code) => containers[watched].exit = exit(code, None),
            TaskEnding::OutOfMemory => {
                containers[watched].exit = exit(SIGKILL, OUT_OF_MEMORY.container_reason);
            }
            TaskEnding::SidecarExits(code) => {
                let mut indices = 0..containers.len();
                let other = indices.find(|index| *index != watched && containers[*index].is_essential);
                containers[other.unwrap_or(watched)].exit = exit(code, None);
                containers[watched].ignores_sigterm = true;
            }
            TaskEnding::CannotPull => {
                let reason = CANNOT_PULL.stopped_reason.replace("{image}", &containers[watched].image);
                failed_start = Some(FailedStart { reason, is_of_container: true });
            }
            TaskEnding::SecretDenied => {
                let reason = SECRET_DENIED.to_owned();
                failed_start = Some(FailedStart { reason, is_of_container: false });
            }
            TaskEnding::SpotInterruption => interrupted_after = Some(script.runs_for),
            TaskEnding::NeverEnds => {}
        }
        let mut log = script.log.clone();
        log.sort_by_key(|(after, _)| *after);
        let starts_after = script.starts_after;
        Self { starts_after, failed_start, interrupted_after, containers, watched, log }
    }
}

/// The override of the container that the request is about.
pub(super) fn watched_override(request: &Value) -> Option<&Value> {
    let overrides = list(&request["overrides"], "containerOverrides");
    overrides.iter().find(|it| !list(it, "command").is_empty()).or_else(|| overrides.first())
}
