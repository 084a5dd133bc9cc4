//! What a test or a console does with CodePipeline, besides the calls that travel.

use std::time::Duration;

use serde_json::Value;

use super::CodePipeline;
use super::action::{Action, ActionState};
use super::declaration::declare;
use super::jobs::Jobs;
use crate::wire::ApiError;
use crate::{Sandbox, State, Timestamp};

impl Sandbox {
    /// Creates a custom action type, with the request and the answer of `CreateCustomActionType`.
    ///
    /// # Errors
    /// What AWS would answer.
    pub fn create_action_type(&self, request: Value) -> Result<Value, ApiError> {
        let mut state = self.state();
        let State { codepipeline, grants, .. } = &mut *state;
        codepipeline.answer("CreateCustomActionType", &request, grants, self.clock.now())
    }

    /// Starts a new execution of a pipeline that reaches this action at once, and gives the id of
    /// the action's execution. A retry of a stage is another start.
    ///
    /// # Errors
    /// `InvalidActionDeclarationException` when there is no such action type, or the action has a
    /// property that the type does not know, lacks a required one, or has too few or too many
    /// artifacts; `ValidationException` when a value is outside AWS's limits.
    pub fn start_action(&self, action: Action) -> Result<String, ApiError> {
        let CodePipeline { types, jobs } = &mut self.state().codepipeline;
        Ok(jobs.start(declare(&action, types)?, self.clock.now()))
    }

    /// How an execution of an action stands; `None` if there is none of this id.
    #[must_use]
    pub fn action(&self, execution: &str) -> Option<ActionState> {
        self.with_jobs(|jobs, _| {
            jobs.executions.iter().find(|it| it.id == execution).map(|it| it.state.clone())
        })
    }

    /// The ids of all executions of actions, the oldest first.
    #[must_use]
    pub fn actions(&self) -> Vec<String> {
        self.state().codepipeline.jobs.executions.iter().map(|execution| execution.id.clone()).collect()
    }

    /// Stops the pipeline's execution without waiting for this execution of an action: its jobs are
    /// not offered any more, and an answer to one gets `InvalidJobStateException`. Without effect
    /// when it is over or unknown.
    pub fn abandon(&self, execution: &str) {
        self.with_jobs(|jobs, now| jobs.abandon(execution, now));
    }

    /// How many jobs can be polled, now or later, because nobody has acknowledged them.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.with_jobs(|jobs, _| jobs.queue.len())
    }

    /// Makes every job that was offered and not acknowledged be offered again at the next poll,
    /// with another nonce: a duplicate.
    pub fn redeliver(&self) {
        self.state().codepipeline.jobs.redeliver(self.clock.now());
    }

    /// Sets how long after an answer with a continuation token the next job can be polled, from now
    /// on: 5 seconds, if this is never called.
    pub fn set_continuation_delay(&self, delay: Duration) {
        self.state().codepipeline.jobs.continuation_delay = delay;
    }

    /// Sets how long after an offer a job that nobody acknowledged is offered again, from now on: 30 seconds, if
    /// this is never called. Zero offers it at every poll.
    pub fn set_offer_interval(&self, interval: Duration) {
        self.state().codepipeline.jobs.offer_interval = interval;
    }

    /// Lets a nonce be valid for one acknowledgement only, from now on: a repetition gets `InvalidNonceException`.
    /// AWS documents neither this nor the contrary.
    pub fn acknowledge_once(&self) {
        self.state().codepipeline.jobs.acknowledged_once = true;
    }

    /// Refuses answers whose output variables have more bytes, or whose summary or message has more characters,
    /// from now on: what AWS refuses for good, beyond the limits that it documents.
    pub fn set_answer_limits(&self, variable_bytes: usize, characters: usize) {
        let jobs = &mut self.state().codepipeline.jobs;
        (jobs.variable_bytes, jobs.characters) = (variable_bytes, characters);
    }

    /// Sets how long the credentials for artifacts that are handed out from now on are valid: an
    /// hour, if this is never called.
    pub fn set_credentials_lifetime(&self, lifetime: Duration) {
        self.state().codepipeline.jobs.credentials_lifetime = lifetime;
    }

    /// Does something with the jobs when those are timed out that are due.
    fn with_jobs<T>(&self, act: impl FnOnce(&mut Jobs, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let jobs = &mut self.state().codepipeline.jobs;
        jobs.time_out(now);
        act(jobs, now)
    }
}
