//! Jobs whose rules and schedules follow the image: faults at every call that this brings, and workers that die at each.

use std::time::Duration;

use evenkeel_sandbox::{ActionState, ActionStatus, Fault, FaultKind, RolloutOutcome, Sandbox};
use serde_json::json;

use crate::campaign::{Campaign, NthCall, calls_of, in_turn, passing_or_denied};
use crate::scheduled_tasks::{HOURLY, NIGHTLY, OPERATIONS, make, named, unchanging};
use crate::steps::{die_and_be_succeeded, judge_record};
use crate::world::Pipeline;

const OPTIONS: (&str, &str) = ("Options", "--also family");
const RECORD: (&str, &str) = ("Record", "ssm:/deploy/web/record");

/// A job, and what no job may change.
struct Job {
    pipeline: Pipeline,
    execution: String,
    unchanging: Vec<serde_json::Value>,
}

impl Job {
    fn start(outcome: RolloutOutcome) -> Self {
        fastrand::seed(1);
        let pipeline = Pipeline::new();
        pipeline.next_rollout("web", outcome);
        make(&pipeline.sandbox);
        let execution = pipeline.start("web", &[OPTIONS, RECORD]);
        pipeline.sandbox.clear_calls();
        let unchanging = unchanging(&pipeline.sandbox);
        Self { pipeline, execution, unchanging }
    }

    fn state(&self) -> ActionState {
        self.pipeline.state(&self.execution)
    }

    /// The same action once more, as of a pipeline that is started again.
    async fn again(&mut self) {
        self.execution = self.pipeline.start("web", &[OPTIONS, RECORD]);
        self.pipeline.work().await;
    }

    /// One revision and one update; everything of the scheduled tasks is as it was but that they start `revision`.
    #[track_caller]
    fn judge(&self, is_good: bool, what: &str) {
        let (sandbox, state) = (&self.pipeline.sandbox, self.state());
        let what = format!("{what}: {:?}", state.failure);
        let revision = if is_good { "web:2" } else { "web:1" };
        assert_eq!(state.terminal_results, 1, "{what}");
        assert_eq!(state.status == ActionStatus::Succeeded, is_good, "{what}");
        assert_eq!(
            (named(sandbox), &*self.pipeline.live("web")),
            ([revision; 4].map(str::to_owned), revision),
            "{what}"
        );
        assert_eq!(unchanging(sandbox), self.unchanging, "{what}");
        assert_eq!(
            (self.pipeline.revisions("web"), self.pipeline.effects("UpdateService", "web")),
            (2, 1),
            "{what}"
        );
        judge_record(&self.pipeline, revision, is_good, &what);
    }

    /// A call was denied: the job fails by that, before the update or after the rollout, and the record is true.
    #[track_caller]
    fn judge_denied(&self, what: &str) {
        let Some((kind, message)) = self.state().failure else { panic!("no failure: {what}") };
        assert!(kind == "PermissionError" && message.contains("AccessDenied"), "{what}: {kind} {message}");
        let live = self.pipeline.live("web");
        let is_late = self.pipeline.effects("UpdateService", "web") == 1;
        assert_eq!(live, if is_late { "web:2" } else { "web:1" }, "{what}");
        let is_sound = |name: &String| name == "web:1" || is_late && name == "web:2";
        assert!(named(&self.pipeline.sandbox).iter().all(is_sound), "{what}");
        if is_late {
            judge_record(&self.pipeline, &live, true, what);
        }
    }
}

/// The calls that scheduled tasks bring to a job.
async fn calls(outcome: RolloutOutcome) -> Vec<NthCall> {
    let job = Job::start(outcome);
    job.pipeline.work().await;
    job.judge(outcome == RolloutOutcome::Ok, "undisturbed");
    let mut calls = calls_of(&job.pipeline.sandbox);
    calls.retain(|call| OPERATIONS.contains(&call.operation.as_str()));
    calls
}

async fn work_with(fault: Fault, what: &str) -> Sandbox {
    let mut job = Job::start(RolloutOutcome::Ok);
    let is_denied = fault.kind == FaultKind::Denied;
    if is_denied {
        // A denied call is made once more, and others may come between.
        let later = fault.nth.map_or(0..0, |nth| nth + 1..nth + 8);
        later.for_each(|nth| job.pipeline.sandbox.inject(Fault { nth: Some(nth), ..fault.clone() }));
    }
    job.pipeline.sandbox.inject(fault);
    job.pipeline.work().await;
    if is_denied {
        job.judge_denied(what);
        job.pipeline.sandbox.clear_faults();
        job.again().await;
    }
    job.judge(true, what);
    job.pipeline.sandbox
}

#[tokio::test(start_paused = true)]
async fn a_job_s_scheduled_tasks_follow_and_a_failed_job_s_do_not() {
    assert!(calls(RolloutOutcome::Ok).await.len() > 20);
    assert!(!calls(RolloutOutcome::Crash).await.iter().any(is_write));
}

fn is_write(call: &NthCall) -> bool {
    ["PutTargets", "UpdateSchedule"].contains(&call.operation.as_str())
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changes_during_a_job_is_kept_also_by_an_heir() {
    for kind in [FaultKind::HangBefore, FaultKind::HangAfter] {
        let job = Job::start(RolloutOutcome::Ok);
        let sandbox = &job.pipeline.sandbox;
        sandbox.after_call("UpdateService", 1, |sandbox| {
            HOURLY.change(sandbox, "/ScheduleExpression", json!("rate(3 hours)"));
            NIGHTLY.start(sandbox, "web");
        });
        let fault = Fault { operation: "PutTargets".to_owned(), nth: Some(1), kind };
        let state = die_and_be_succeeded(&job.pipeline, &job.execution, fault, Duration::ZERO).await;
        assert_eq!(state.status, ActionStatus::Succeeded, "{:?}", state.failure);
        assert_eq!(named(sandbox), ["web:2"; 4]);
        assert_eq!(HOURLY.read(sandbox)["ScheduleExpression"], "rate(3 hours)");
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_the_calls_of_a_job_s_scheduled_tasks() {
    let mut campaign = Campaign::new("scheduled tasks: one fault at a call of a job");
    let calls = calls(RolloutOutcome::Ok).await;
    let mut turn = in_turn(|_| false);
    let kinds = |call: &NthCall| {
        if is_write(call) && call.nth == 1 { passing_or_denied() } else { turn(call) }
    };
    let play = async |_: &NthCall, fault: Fault, what: &str| work_with(fault, what).await;
    campaign.play_each(&calls, kinds, play).await;
    // A denied read, of the plan and of the moves.
    let reads: Vec<NthCall> = calls.into_iter().filter(|call| !is_write(call)).collect();
    campaign.play_each(&reads, |_| vec![FaultKind::Denied], play).await;
    campaign.end(55);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_at_any_of_them_has_an_heir_who_moves_what_is_left() {
    let mut campaign = Campaign::new("scheduled tasks: kills of a worker");
    for (outcome, kinds) in [
        (RolloutOutcome::Ok, vec![FaultKind::HangBefore, FaultKind::HangAfter]),
        (RolloutOutcome::Crash, vec![FaultKind::HangAfter]),
    ] {
        let play = async |_: &NthCall, fault: Fault, what: &str| {
            let job = Job::start(outcome);
            die_and_be_succeeded(&job.pipeline, &job.execution, fault, Duration::ZERO).await;
            job.judge(outcome == RolloutOutcome::Ok, &format!("{what}, {outcome:?}"));
            job.pipeline.sandbox
        };
        campaign.play_each(&calls(outcome).await, |_| kinds.clone(), play).await;
    }
    campaign.end(60);
}
