//! Campaigns: one story is played once for each fault at each of its calls, and no two plays are alike.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use evenkeel_sandbox::{Call, Fault, FaultKind, Sandbox};

use crate::world::{START, say};

/// A call of a story that nothing disturbs.
#[derive(Debug, Clone)]
pub(crate) struct NthCall {
    pub(crate) operation: String,
    /// Which of the calls of this operation it is, from 1.
    pub(crate) nth: usize,
    /// One-off tasks brought it: it is one of theirs, or the read of the settings right before a start.
    pub(crate) is_of_a_task: bool,
    /// A poll like others: of the calls of its operation between two changes in ECS, it is neither the first, the second,
    /// the middle one nor the last.
    pub(crate) is_like_others: bool,
}

/// The plays of a campaign, by their traces: what AWS received when, and what became of each call.
pub(crate) struct Campaign {
    name: &'static str,
    plays: usize,
    traces: HashMap<u64, Vec<String>>,
}

impl NthCall {
    /// Whether it stops a task.
    pub(crate) fn stops(&self) -> bool {
        self.operation == "StopTask"
    }

    /// This fault of it.
    pub(crate) fn fault(&self, kind: FaultKind) -> Fault {
        Fault { operation: self.operation.clone(), nth: Some(self.nth), kind }
    }
}

/// The calls that have arrived, which nothing disturbed.
pub(crate) fn calls_of(sandbox: &Sandbox) -> Vec<NthCall> {
    let calls = sandbox.calls();
    let operations: Vec<String> = calls.iter().map(|call| call.operation.clone()).collect();
    let one_off: Vec<String> = sandbox.one_off_tasks().into_iter().map(|task| task.arn).collect();
    let mut changes = 0;
    let stages: Vec<usize> = operations
        .iter()
        .map(|operation| {
            changes += usize::from(CHANGES.contains(&operation.as_str()));
            changes
        })
        .collect();
    let call = |at: usize| {
        let operation = &operations[at];
        let alike: Vec<usize> = (0..operations.len()).filter(|it| operations[*it] == *operation).collect();
        let stage: Vec<usize> = alike.iter().copied().filter(|it| stages[*it] == stages[at]).collect();
        let chosen = [0, 1, stage.len() / 2, stage.len() - 1];
        let reads_settings =
            operation == "DescribeServices" && operations.get(at + 1).is_some_and(|next| next == "RunTask");
        NthCall {
            operation: operation.clone(),
            nth: 1 + alike.iter().position(|it| *it == at).unwrap(),
            is_of_a_task: reads_settings || is_of(&one_off, &calls[at]),
            is_like_others: !chosen.iter().any(|it| stage.get(*it) == Some(&at)),
        }
    };
    (0..operations.len()).map(call).collect()
}

/// The ways in which a call can fail once. A response that comes later than an attempt waits is none: that is
/// [`FaultKind::HangBefore`].
pub(crate) fn passing() -> Vec<FaultKind> {
    vec![
        FaultKind::Throttled,
        FaultKind::ErrorBefore,
        FaultKind::ErrorAfter,
        FaultKind::CutBefore,
        FaultKind::CutAfter,
        FaultKind::Delay(Duration::from_secs(5)),
        FaultKind::HangBefore,
        FaultKind::HangAfter,
    ]
}

/// All of these, and the refusal that no repetition helps.
pub(crate) fn passing_or_denied() -> Vec<FaultKind> {
    passing().into_iter().chain([FaultKind::Denied]).collect()
}

/// All of these at the calls for which `has_all` holds, and at each other call one fault, another kind each time.
pub(crate) fn in_turn(has_all: impl Fn(&NthCall) -> bool) -> impl FnMut(&NthCall) -> Vec<FaultKind> {
    let mut turn = 0;
    move |call| {
        let kinds = if call.is_of_a_task { passing_or_denied() } else { passing() };
        turn += 1;
        if has_all(call) { kinds } else { vec![kinds[turn % kinds.len()].clone()] }
    }
}

impl Campaign {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, plays: 0, traces: HashMap::new() }
    }

    /// Plays the story with each of these faults, one at a time. `play` injects the fault, judges the end, and returns the
    /// AWS of the play.
    pub(crate) async fn play_each(
        &mut self,
        calls: &[NthCall],
        mut kinds: impl FnMut(&NthCall) -> Vec<FaultKind>,
        play: impl AsyncFn(&NthCall, Fault, &str) -> Sandbox,
    ) {
        for call in calls {
            for kind in kinds(call) {
                let what = format!("{kind:?} at call {} of {}", call.nth, call.operation);
                let sandbox = play(call, call.fault(kind), &what).await;
                self.add(what, &sandbox);
            }
        }
    }

    /// Counts a play.
    pub(crate) fn add(&mut self, what: String, sandbox: &Sandbox) {
        let mut hasher = DefaultHasher::new();
        for call in sandbox.calls() {
            (call.operation, call.at.since(START), call.effect, call.status).hash(&mut hasher);
        }
        self.plays += 1;
        self.traces.entry(hasher.finish()).or_default().push(what);
    }

    /// Says how many plays there were; at least `at_least`, and each with a trace of its own but for what cannot differ.
    #[track_caller]
    pub(crate) fn end(self, at_least: usize) {
        let (plays, distinct) = (self.plays, self.traces.len());
        say(&format!("{}: {plays} schedules, {distinct} distinct traces", self.name));
        assert!(plays >= at_least, "{plays} schedules");
        let differ = |plays: &&Vec<String>| plays.iter().any(|play| essence(play) != essence(&plays[0]));
        let alike: Vec<_> = self.traces.values().filter(differ).collect();
        assert!(alike.is_empty(), "{alike:#?}");
    }
}

/// What is the same in plays whose traces cannot differ. AWS refuses some calls by itself, such as the read of a log that is
/// not there yet: before or after is all the same then. Of two calls that are sent at once, either can be the slow one. And
/// two refusals for good have one status.
fn essence(play: &str) -> String {
    if play.starts_with("Delay(5s) at") {
        return "Delay".to_owned();
    }
    play.replace("Before", "").replace("After", "").replace("ExpiredToken", "Denied")
}

/// Whether the call is of one of these one-off tasks; a rollout's own tasks are listed and described as well.
fn is_of(one_off: &[String], call: &Call) -> bool {
    match call.operation.as_str() {
        "RunTask" | "StopTask" | "GetLogEvents" => true,
        "ListTasks" => call.request["startedBy"].is_string(),
        "DescribeTasks" => {
            let described = call.request["tasks"][0].as_str().unwrap();
            one_off.iter().any(|arn| arn.ends_with(described))
        }
        _ => false,
    }
}

/// What polls stand between.
const CHANGES: [&str; 4] = ["RegisterTaskDefinition", "RunTask", "StopTask", "UpdateService"];
