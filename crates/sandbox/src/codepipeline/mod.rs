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
mod jobs;
mod model;
mod results;

use evenkeel_core::timestamp::Timestamp;
use serde_json::Value;

pub use self::action::{Action, ActionArtifact, ActionState, ActionStatus};

use self::action_types::ActionTypes;
use self::jobs::Jobs;
use super::grants::Grants;
use super::wire::{ApiError, ApiResult};

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
    ) -> ApiResult {
        let Self { types, jobs } = self;
        jobs.time_out(now);
        let answer = model::check(operation, request).and_then(|()| match operation {
            "CreateCustomActionType" => types.create(request),
            "PollForJobs" => jobs.poll(request, types, grants, now),
            "AcknowledgeJob" => jobs.acknowledge(request),
            "GetJobDetails" => jobs.details(request, grants, now),
            "PutJobSuccessResult" => jobs.succeed(request, now),
            "PutJobFailureResult" => jobs.fail(request, now),
            _ => Err(ApiError::unknown_operation()),
        });
        if answer.is_err() && matches!(operation, "PutJobSuccessResult" | "PutJobFailureResult") {
            jobs.count_refusal(request);
        }
        answer
    }
}
