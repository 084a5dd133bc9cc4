//! One execution of an action, and its jobs.

use std::fmt;
use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::action::{ActionState, ActionStatus};
use super::declaration::Declared;
use crate::ACCOUNT;
use crate::grants::Grants;

/// How long a custom action may take (quotas: 24 hours, which no pipeline can change). Taken as
/// the time of the whole action, from its start and over all its jobs.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// An execution of an action.
#[derive(Debug, Clone)]
pub(super) struct Execution {
    pub(super) id: String,
    pub(super) declared: Declared,
    pub(super) state: ActionState,
    began: Timestamp,
}

/// A job of an execution: the first one, or one that continues it.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) id: String,
    /// The position of its execution.
    pub(super) execution: usize,
    /// What the former job handed on.
    pub(super) token: Option<String>,
    pub(super) status: JobStatus,
    /// The newest nonce, the only one that is valid; none before the job was ever offered.
    pub(super) nonce: Option<String>,
    /// When a poll may get it, for the first time or again.
    pub(super) offered_from: Timestamp,
}

/// The statuses of the model that a job can be seen in; `Created` never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum JobStatus {
    Queued,
    Dispatched,
    InProgress,
    TimedOut,
    Succeeded,
    Failed,
}

impl Execution {
    pub(super) fn new(
        id: String,
        pipeline_execution: String,
        mut declared: Declared,
        now: Timestamp,
    ) -> Self {
        let context = &mut declared.data["pipelineContext"];
        context["action"]["actionExecutionId"] = id.as_str().into();
        context["pipelineExecutionId"] = pipeline_execution.into();
        Self { id, declared, state: ActionState::default(), began: now }
    }

    /// When it times out, unless it ends before.
    pub(super) fn deadline(&self) -> Timestamp {
        self.began.plus(LONGEST)
    }

    pub(super) fn end(&mut self, status: ActionStatus, at: Timestamp) {
        self.state.status = status;
        self.state.ended = Some(at);
    }

    /// A job as it is handed out, with credentials of its own that expire after `lifetime`.
    pub(super) fn view(&self, job: &Job, grants: &mut Grants, lifetime: Duration, now: Timestamp) -> Value {
        let mut data = self.declared.data.clone();
        let Declared { reads, writes, .. } = &self.declared;
        // Credentials come "if the action requires access to that S3 bucket for input or output
        // artifacts" (API reference, PollForJobs).
        if !(reads.is_empty() && writes.is_empty()) {
            let access_key = grants.issue(reads.clone(), writes.clone(), now.plus(lifetime));
            data["artifactCredentials"] = json!({
                "secretAccessKey": format!("sandbox-secret-of-{access_key}"),
                "sessionToken": format!("sandbox-token-of-{access_key}"),
                "accessKeyId": access_key,
            });
        }
        if let Some(token) = &job.token {
            data["continuationToken"] = token.as_str().into();
        }
        json!({ "id": job.id, "accountId": ACCOUNT, "data": data })
    }
}

/// As the model spells it.
impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What ids begin with, which tells people what they are ids of.
pub(super) const JOB: u8 = 0x0b;
pub(super) const ACTION_EXECUTION: u8 = 0xac;
pub(super) const PIPELINE_EXECUTION: u8 = 0xee;

/// A source of ids that look like AWS's and are the same in every run, each one only once.
#[derive(Debug, Clone, Default)]
pub(super) struct Ids(u64);

impl Ids {
    /// The id of a thing of this kind.
    pub(super) fn uuid(&mut self, kind: u8) -> String {
        format!("{kind:02x}000000-0000-4000-8000-{:012x}", self.next())
    }

    /// What proves that a job was offered.
    pub(super) fn nonce(&mut self) -> String {
        format!("nonce-{:08}", self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}
