//! What workers answer to jobs.

use std::collections::BTreeMap;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::action::ActionStatus;
use super::execution::{Job, JobStatus};
use super::jobs::Jobs;
use super::model::invalid;
use crate::wire::{ApiError, ApiResult, refuse_if};

impl Jobs {
    /// `PutJobSuccessResult`: the action goes on in another job if there is a token, and else it
    /// succeeded.
    pub(super) fn succeed(&mut self, request: &Value, now: Timestamp) -> ApiResult {
        let token = owned(&request["continuationToken"]);
        let variables = request["outputVariables"].as_object();
        refuse_if(token.is_some() && variables.is_some(), || {
            invalid("outputVariables can be included only when there is no continuation token")
        })?;
        let index = self.find_in_progress(request)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let variables = variables.into_iter().flatten().map(|(key, value)| (key.clone(), text(value)));
        let variables: BTreeMap<String, String> = variables.collect();
        let bytes: usize = variables.iter().map(|(key, value)| key.len() + value.len()).sum();
        refuse_if(bytes > self.variable_bytes, || {
            let message =
                format!("The output variables have {bytes} bytes, {} are allowed", self.variable_bytes);
            ApiError::new("OutputVariablesSizeExceededException", message)
        })?;
        let details = &request["executionDetails"];
        self.check_length(&details["summary"])?;

        let execution = self.complete(index, JobStatus::Succeeded);
        let state = &mut self.executions[execution].state;
        replace(&mut state.external_execution_id, &details["externalExecutionId"]);
        replace(&mut state.summary, &details["summary"]);
        match token {
            Some(token) => {
                state.tokens.push(token.clone());
                self.enqueue(execution, Some(token), now.plus(self.continuation_delay));
            }
            None => {
                state.output_variables = variables;
                self.end(execution, ActionStatus::Succeeded, now);
            }
        }
        Ok(json!({}))
    }

    /// `PutJobFailureResult`: the action failed.
    pub(super) fn fail(&mut self, request: &Value, now: Timestamp) -> ApiResult {
        let index = self.find_in_progress(request)?;
        let details = &request["failureDetails"];
        self.check_length(&details["message"])?;
        let execution = self.complete(index, JobStatus::Failed);
        let state = &mut self.executions[execution].state;
        replace(&mut state.external_execution_id, &details["externalExecutionId"]);
        state.failure = owned(&details["type"]).zip(owned(&details["message"]));
        self.end(execution, ActionStatus::Failed, now);
        Ok(json!({}))
    }

    /// Counts that an answer was refused, if its job exists.
    pub(super) fn count_refusal(&mut self, request: &Value) {
        if let Ok(index) = self.find(request) {
            self.executions[self.jobs[index].execution].state.refused_results += 1;
        }
    }

    fn check_length(&self, text: &Value) -> Result<(), ApiError> {
        let length = text.as_str().unwrap_or_default().chars().count();
        refuse_if(length > self.characters, || invalid("the text of the answer is not accepted"))
    }

    /// The position of the job that is answered, which somebody has to have acknowledged.
    fn find_in_progress(&self, request: &Value) -> Result<usize, ApiError> {
        let index = self.find(request)?;
        let Job { id, status, .. } = &self.jobs[index];
        refuse_if(*status != JobStatus::InProgress, || {
            ApiError::new("InvalidJobStateException", format!("Job {id} is {status}, not InProgress"))
        })?;
        Ok(index)
    }

    /// Ends a job; gives the position of its execution.
    fn complete(&mut self, index: usize, status: JobStatus) -> usize {
        let job = &mut self.jobs[index];
        job.status = status;
        job.execution
    }

    fn end(&mut self, execution: usize, status: ActionStatus, now: Timestamp) {
        self.open.remove(&execution);
        let execution = &mut self.executions[execution];
        execution.state.terminal_results += 1;
        execution.end(status, now);
    }
}

fn owned(text: &Value) -> Option<String> {
    text.as_str().map(str::to_owned)
}

fn replace(member: &mut Option<String>, newer: &Value) {
    if newer.is_string() {
        *member = owned(newer);
    }
}
