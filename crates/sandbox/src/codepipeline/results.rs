//! What workers answer to jobs.

use std::collections::BTreeMap;

use evenkeel_core::timestamp::Timestamp;
use serde_json::{Value, json};

use super::action::{ActionState, ActionStatus};
use super::execution::{Execution, JobStatus};
use super::jobs::Jobs;
use super::model::invalid;
use crate::wire::ApiError;

impl Jobs {
    /// `PutJobSuccessResult`: the action goes on in another job if there is a token, and else it
    /// succeeded.
    pub(super) fn succeed(&mut self, request: &Value, now: Timestamp) -> Result<Value, ApiError> {
        let token = text(request, "/continuationToken");
        let variables = output_variables(request);
        if token.is_some() && variables.is_some() {
            return Err(invalid("outputVariables can be included only when there is no continuation token"));
        }
        let index = self.find_in_progress(request)?;
        let variables = variables.unwrap_or_default();
        let bytes: usize = variables.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > self.variable_bytes {
            return Err(ApiError::new(
                "OutputVariablesSizeExceededException",
                format!("The output variables have {bytes} bytes, {} are allowed", self.variable_bytes),
            ));
        }

        self.check_length(text(request, "/executionDetails/summary"))?;

        let execution = self.complete(index, JobStatus::Succeeded);
        let Execution { state, .. } = &mut self.executions[execution];
        let ActionState { external_execution_id, summary, .. } = state;
        replace(external_execution_id, text(request, "/executionDetails/externalExecutionId"));
        replace(summary, text(request, "/executionDetails/summary"));
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
    pub(super) fn fail(&mut self, request: &Value, now: Timestamp) -> Result<Value, ApiError> {
        let index = self.find_in_progress(request)?;
        self.check_length(text(request, "/failureDetails/message"))?;
        let execution = self.complete(index, JobStatus::Failed);
        let Execution { state, .. } = &mut self.executions[execution];
        replace(&mut state.external_execution_id, text(request, "/failureDetails/externalExecutionId"));
        let kind = text(request, "/failureDetails/type");
        state.failure = kind.zip(text(request, "/failureDetails/message"));
        self.end(execution, ActionStatus::Failed, now);
        Ok(json!({}))
    }

    /// Counts an answer to a job that exists, if it was refused.
    pub(super) fn count_refusal(
        &mut self,
        request: &Value,
        answer: Result<Value, ApiError>,
    ) -> Result<Value, ApiError> {
        if let (Err(_), Ok(index)) = (&answer, self.find(request)) {
            self.executions[self.jobs[index].execution].state.refused_results += 1;
        }
        answer
    }

    fn check_length(&self, text: Option<String>) -> Result<(), ApiError> {
        match text.filter(|text| text.chars().count() > self.characters) {
            Some(_) => Err(invalid("the text of the answer is not accepted")),
            None => Ok(()),
        }
    }

    /// The position of the job that is answered, which somebody has to have acknowledged.
    fn find_in_progress(&self, request: &Value) -> Result<usize, ApiError> {
        let index = self.find(request)?;
        let job = &self.jobs[index];
        if job.status == JobStatus::InProgress {
            return Ok(index);
        }
        let message = format!("Job {} is {}, not InProgress", job.id, job.status.as_str());
        Err(ApiError::new("InvalidJobStateException", message))
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

fn output_variables(request: &Value) -> Option<BTreeMap<String, String>> {
    let variables = request.get("outputVariables")?.as_object()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some(variables.iter().map(|(key, value)| (key.clone(), text(value))).collect())
}

fn text(request: &Value, pointer: &str) -> Option<String> {
    request.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

fn replace(member: &mut Option<String>, newer: Option<String>) {
    if newer.is_some() {
        *member = newer;
    }
}
