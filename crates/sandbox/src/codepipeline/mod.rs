//! CodePipeline: the queue of jobs that a pipeline's custom actions wait in.
//!
//! There are no pipelines: a test or a console starts an action as a pipeline would, and a worker
//! polls for its jobs. Facts are from the API reference of CodePipeline, its service model
//! (`model.json`), and the user guide's pages "Create and add a custom action" and "Quotas".

mod action;
mod action_types;
mod console;
mod declaration;
mod execution;
mod ids;
mod jobs;
mod model;
mod results;

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;
use serde_json::Value;

pub use self::action::{Action, ActionArtifact, ActionState, ActionStatus};

use self::action_types::ActionTypes;
use self::jobs::Jobs;
use super::grants::Grants;
use super::wire::ApiError;

/// All of CodePipeline.
#[derive(Debug, Clone, Default)]
pub(super) struct CodePipeline {
    types: ActionTypes,
    jobs: Jobs,
}

impl CodePipeline {
    /// Times out what is due by `now` and performs one operation.
    pub(super) fn answer(
        &mut self,
        operation: &str,
        request: &Value,
        grants: &mut Grants,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        self.jobs.time_out(now);
        let Self { types, jobs } = self;
        let checked = model::check(operation, request);
        match operation {
            "CreateCustomActionType" => checked.and_then(|()| types.create(request)),
            "PollForJobs" => checked.and_then(|()| jobs.poll(request, types, grants, now)),
            "AcknowledgeJob" => checked.and_then(|()| jobs.acknowledge(request)),
            "GetJobDetails" => checked.and_then(|()| jobs.details(request, grants, now)),
            "PutJobSuccessResult" => {
                let answer = checked.and_then(|()| jobs.succeed(request, now));
                jobs.count_refusal(request, answer)
            }
            "PutJobFailureResult" => {
                let answer = checked.and_then(|()| jobs.fail(request, now));
                jobs.count_refusal(request, answer)
            }
            _ => Err(ApiError::unknown_operation()),
        }
    }

    /// Starts an execution of a pipeline that reaches `action` at once; gives the id of the
    /// action's execution.
    fn start(&mut self, action: &Action, now: Timestamp) -> Result<String, ApiError> {
        let declared = declaration::declare(action, &self.types)?;
        Ok(self.jobs.start(declared, now))
    }

    fn action(&mut self, execution: &str, now: Timestamp) -> Option<ActionState> {
        self.jobs.time_out(now);
        self.jobs.state(execution).cloned()
    }

    fn actions(&self) -> Vec<String> {
        self.jobs.executions()
    }

    fn abandon(&mut self, execution: &str, now: Timestamp) {
        self.jobs.time_out(now);
        self.jobs.abandon(execution, now);
    }

    fn queued(&mut self, now: Timestamp) -> usize {
        self.jobs.time_out(now);
        self.jobs.queued()
    }

    fn redeliver(&mut self, now: Timestamp) {
        self.jobs.redeliver(now);
    }

    fn set_continuation_delay(&mut self, delay: Duration) {
        self.jobs.continuation_delay = delay;
    }

    fn set_offer_interval(&mut self, interval: Duration) {
        self.jobs.offer_interval = interval;
    }

    fn acknowledge_once(&mut self) {
        self.jobs.acknowledged_once = true;
    }

    fn set_answer_limits(&mut self, variable_bytes: usize, characters: usize) {
        self.jobs.variable_bytes = variable_bytes;
        self.jobs.characters = characters;
    }

    fn set_credentials_lifetime(&mut self, lifetime: Duration) {
        self.jobs.credentials_lifetime = lifetime;
    }
}
