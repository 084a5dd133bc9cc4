//! Every call that one-off tasks bring to a job fails in every way, and a worker dies at every call: each task runs once for
//! the revision, and the verdict is true.

use std::time::Duration;

use evenkeel_sandbox::{ActionState, Fault, FaultKind, Sandbox, TaskEnding};

use crate::campaign::{Campaign, NthCall, in_turn};
use crate::steps::{AFTER_FAILS, BEFORE_FAILS, Play, WELL, dies_at, judge_record};
use crate::world::Pipeline;

/// The task before or after is stopped when its time is up.
const BEFORE_NEVER_ENDS: Play = Play { before: TaskEnding::NeverEnds, timeout: "2", ..WELL };
const AFTER_NEVER_ENDS: Play = Play { after: TaskEnding::NeverEnds, timeout: "2", ..WELL };

impl Play {
    /// A worker goes on in spite of this fault.
    async fn disturbed(self, call: &NthCall, fault: Fault, what: &str) -> Sandbox {
        let (pipeline, execution) = self.start();
        // What ends a task and what shows its log decides nothing.
        let decides = !["StopTask", "GetLogEvents"].contains(&call.operation.as_str());
        let is_denied = fault.kind == FaultKind::Denied;
        if is_denied {
            // A read that several jobs may share is made once more for each alone.
            pipeline.sandbox.inject(Fault { nth: Some(call.nth + 1), ..fault.clone() });
        }
        pipeline.sandbox.inject(fault);
        pipeline.work().await;
        let state = pipeline.state(&execution);
        if is_denied && decides {
            self.judge_denied(&pipeline, &state, &call.operation, what);
        } else {
            self.judge(&pipeline, &state, what);
        }
        pipeline.sandbox
    }

    /// A call of a task was denied: the job says so, nothing ran twice, and the service is on its former revision.
    fn judge_denied(self, pipeline: &Pipeline, state: &ActionState, operation: &str, what: &str) {
        let what = format!("{self:?}: {what}: {:?}", state.failure);
        let tasks = pipeline.sandbox.one_off_tasks();
        let ran: Vec<&str> = tasks.iter().map(|task| task.command[0].as_str()).collect();
        assert!(["migrate", "smoke"].starts_with(&ran), "{what}: {ran:?}");
        let updates = pipeline.effects("UpdateService", "web");
        let is_over = tasks.first().is_some_and(|task| task.exit_code == Some(0));
        assert!(updates == 0 && ran.len() <= 1 || updates == 1 && is_over, "{what}");

        let Some((kind, message)) = &state.failure else { panic!("no failure: {what}") };
        // What was rolled back is a failed rollout.
        let failed = if updates == 0 { "PermissionError" } else { "JobFailed" };
        assert_eq!((state.terminal_results, kind.as_str()), (1, failed), "{what}");
        assert!(message.contains(operation), "{what}");
        assert_eq!(pipeline.live("web"), "web:1", "{what}");
        judge_record(pipeline, "web:1", false, &what);
    }

    /// Plays once for each of these faults at each of these calls; no worker dies.
    async fn disturbed_at(
        self,
        calls: &[NthCall],
        kinds: impl FnMut(&NthCall) -> Vec<FaultKind>,
        campaign: &mut Campaign,
    ) {
        let play = async |call: &NthCall, fault: Fault, what: &str| {
            self.disturbed(call, fault, &format!("{what} of {self:?}")).await
        };
        campaign.play_each(calls, kinds, play).await;
    }

    /// A worker dies at each of these calls, before and after the call takes effect, and another one ends the job.
    async fn dies_at_each(self, calls: &[NthCall], campaign: &mut Campaign) {
        let play = async |_: &NthCall, fault: Fault, what: &str| {
            let (pipeline, state) = dies_at(self, fault, Duration::ZERO).await;
            self.judge(&pipeline, &state, what);
            pipeline.sandbox
        };
        let hangs = |_: &NthCall| vec![FaultKind::HangBefore, FaultKind::HangAfter];
        campaign.play_each(calls, hangs, play).await;
    }
}

const PLAYS: [Play; 5] = [WELL, BEFORE_FAILS, AFTER_FAILS, BEFORE_NEVER_ENDS, AFTER_NEVER_ENDS];

/// The calls of a play, but for polls that are like others.
async fn telling(play: Play) -> Vec<NthCall> {
    play.calls().await.into_iter().filter(|call| !call.is_like_others).collect()
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_call_of_a_job_s_tasks() {
    let mut campaign = Campaign::new("steps: one fault at a call of a job's tasks");
    let mut calls = telling(WELL).await;
    calls.retain(|call| call.is_of_a_task);
    // Up to its start and after it, a task before and a task after make the same calls.
    let until_it_runs = calls.iter().position(|call| call.operation == "RunTask").unwrap();
    let (start, rest) = calls.split_at(until_it_runs + 1);
    WELL.disturbed_at(start, in_turn(|_| true), &mut campaign).await;
    WELL.disturbed_at(rest, in_turn(|call| call.operation == "RunTask"), &mut campaign).await;
    let mut kinds = in_turn(NthCall::stops);
    for play in [BEFORE_FAILS, AFTER_FAILS, BEFORE_NEVER_ENDS, AFTER_NEVER_ENDS] {
        // What comes after the end of a task.
        let mut calls = telling(play).await;
        calls.retain(|call| ["StopTask", "GetLogEvents"].contains(&call.operation.as_str()));
        play.disturbed_at(&calls, &mut kinds, &mut campaign).await;
    }
    campaign.end(60);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_at_any_call_has_an_heir_who_runs_no_task_again() {
    let mut campaign = Campaign::new("steps: kills of a worker at a call that writes or is of a task");
    for play in [WELL, BEFORE_FAILS, AFTER_FAILS] {
        let mut calls = telling(play).await;
        calls.retain(|call| call.is_of_a_task || play.does_well() && !is_read(call));
        play.dies_at_each(&calls, &mut campaign).await;
    }
    campaign.end(100);
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: run by hand, `cargo test --test worker every_fault_and_every_kill -- --ignored`"]
async fn every_fault_and_every_kill_at_every_call_of_any_job_with_tasks() {
    let mut campaign = Campaign::new("steps: one fault at any call of the tasks of any job");
    for play in PLAYS {
        let mut calls = play.calls().await;
        calls.retain(|call| call.is_of_a_task);
        play.disturbed_at(&calls, in_turn(|_| true), &mut campaign).await;
    }
    campaign.end(1_000);
    let mut campaign = Campaign::new("steps: kills of a worker at any call of any job");
    for play in [WELL, BEFORE_FAILS, AFTER_FAILS] {
        play.dies_at_each(&play.calls().await, &mut campaign).await;
    }
    campaign.end(500);
}

fn is_read(call: &NthCall) -> bool {
    ["Get", "List", "Describe", "Poll"].iter().any(|verb| call.operation.starts_with(verb))
}
