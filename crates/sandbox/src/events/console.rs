//! What a test or a console does with EventBridge, besides the calls that travel.

use serde_json::Value;

use super::targets::Refusal;
use crate::wire::ApiError;
use crate::{Sandbox, State};

impl Sandbox {
    /// Performs an operation of EventBridge as somebody else would: the same checks and effects, but no fault hits it, no
    /// hook sees it and the call log has no entry.
    ///
    /// # Errors
    /// What AWS would answer.
    pub fn call_events(&self, operation: &str, request: Value) -> Result<Value, ApiError> {
        self.state().events.answer(operation, &request, self.clock.now())
    }

    /// A target of a rule exactly as it was put. Every account has the event bus `default`.
    #[must_use]
    pub fn target(&self, bus: &str, rule: &str, id: &str) -> Option<Value> {
        self.state().target(bus, rule, id).cloned()
    }

    /// Lets an AWS service be the one that made a rule, as `servicediscovery.amazonaws.com` is for some: nobody else may
    /// change its targets from then on. Without effect when there is no such rule.
    pub fn manage_rule(&self, bus: &str, rule: &str, service: &str) {
        let mut state = self.state();
        let found = state.events.buses.get_mut(bus).and_then(|bus| bus.rules.get_mut(rule));
        if let Some(rule) = found {
            rule.managed_by = Some(service.to_owned());
        }
    }

    /// Lets so many targets that are put from now on fail with this error, in an answer that is a success:
    /// `ConcurrentModificationException` when too many change a rule at once, for example.
    pub fn refuse_targets(&self, count: usize, code: &str, message: &str) {
        let refusal = Refusal { code: code.to_owned(), message: message.to_owned() };
        self.state().events.refusals.extend(vec![refusal; count]);
    }

    /// Lets pages of EventBridge's and EventBridge Scheduler's lists have so many entries at most, from now on. Without it
    /// they have a hundred.
    pub fn set_page_size(&self, entries: usize) {
        let mut state = self.state();
        state.events.page_size = Some(entries.max(1));
        state.scheduler.page_size = Some(entries.max(1));
    }

    /// Fires a rule, and gives the ARN of the task definition that its target `id` would start by `RunTask`. Nothing,
    /// and nobody hears of it, where the rule is disabled, or the target names no definition that is active.
    #[must_use]
    pub fn fire_rule(&self, bus: &str, rule: &str, id: &str) -> Option<String> {
        let state = self.state();
        let settings = &state.events.buses.get(bus)?.rules.get(rule)?.settings;
        let is_enabled = settings["State"] != "DISABLED";
        is_enabled.then(|| state.started_by(state.target(bus, rule, id)?)).flatten()
    }
}

impl State {
    fn target(&self, bus: &str, rule: &str, id: &str) -> Option<&Value> {
        self.events.buses.get(bus)?.rules.get(rule)?.target(id)
    }

    /// The ARN of the task definition that `RunTask` starts for a target: without a revision the newest active one.
    pub(crate) fn started_by(&self, target: &Value) -> Option<String> {
        let named = target.pointer("/EcsParameters/TaskDefinitionArn")?.as_str()?;
        self.ecs.active_definition(named)
    }
}
