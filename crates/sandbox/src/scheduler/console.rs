//! What a test or a console does with EventBridge Scheduler, besides the calls that travel.

use serde_json::Value;

use crate::Sandbox;
use crate::wire::ApiError;

impl Sandbox {
    /// Performs an operation of EventBridge Scheduler as somebody else would: the same checks and effects, but no fault
    /// hits it, no hook sees it and the call log has no entry. Members of a request's path and query are called as those
    /// of its body are: `Name`, `GroupName`.
    ///
    /// # Errors
    /// What AWS would answer.
    pub fn call_scheduler(&self, operation: &str, request: Value) -> Result<Value, ApiError> {
        self.state().scheduler.answer(operation, &request, self.clock.now())
    }

    /// Makes a schedule as `CreateSchedule` does, whenever it begins. It stands for one that was made before its
    /// beginning.
    ///
    /// # Errors
    /// What AWS would answer.
    pub fn add_schedule(&self, request: &Value) -> Result<(), ApiError> {
        self.state().scheduler.add(request, self.clock.now()).map(|_| ())
    }

    /// A schedule as `GetSchedule` responds with it. Every account has the group `default`.
    #[must_use]
    pub fn schedule(&self, group: &str, name: &str) -> Option<Value> {
        let state = self.state();
        let schedule = state.scheduler.schedules.get(&(group.to_owned(), name.to_owned()))?;
        Some(schedule.described(group, name))
    }

    /// Lets `UpdateSchedule` refuse a `StartDate` of the past from now on, also one that it does not change, as
    /// `CreateSchedule` does. Whether AWS does so is not documented.
    pub fn refuse_past_starts(&self) {
        self.state().scheduler.refuses_past_starts = true;
    }

    /// Lets a schedule come due, and gives the ARN of the task definition that it would start by `RunTask`. Nothing, and
    /// nobody hears of it, where the schedule is disabled, or names no definition that is active.
    #[must_use]
    pub fn fire_schedule(&self, group: &str, name: &str) -> Option<String> {
        let state = self.state();
        let schedule = state.scheduler.schedules.get(&(group.to_owned(), name.to_owned()))?;
        schedule.is_enabled().then(|| state.started_by(schedule.target())).flatten()
    }
}
