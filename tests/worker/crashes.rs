//! A worker dies, or AWS fails, at any call of any story: the job ends as if nothing had happened.

use evenkeel::domain::record::{Record, Status};
use evenkeel::sandbox::{ActionStatus, Fault, FaultKind, RolloutOutcome};
use serde_json::json;

use crate::world::{ARTIFACTS, Pipeline, artifact, definitions, say};

/// What happens to a call. After the first two its worker is dead, and another one takes over.
const FAULTS: [FaultKind; 6] = [
    FaultKind::HangBefore,
    FaultKind::HangAfter,
    FaultKind::CutAfter,
    FaultKind::ErrorBefore,
    FaultKind::Throttled,
    FaultKind::ExpiredToken,
];

#[tokio::test(start_paused = true)]
async fn a_success_at_any_call() {
    Story::new("success").play().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_to_change_at_any_call() {
    let story = Story { image: "registry.example.com/shop/web:1", lives: "1", ..Story::new("unchanged") };
    story.play().await;
}

#[tokio::test(start_paused = true)]
async fn two_services_at_any_call() {
    Story { services: &["web", "api"], ..Story::new("two services") }.play().await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_by_the_circuit_breaker_at_any_call() {
    let story = Story {
        breaker: true,
        rollout: RolloutOutcome::Crash,
        failure: Some("JobFailed"),
        lives: "1",
        ..Story::new("circuit breaker")
    };
    story.play().await;
}

#[tokio::test(start_paused = true)]
async fn a_time_out_with_its_rollback_at_any_call() {
    let story = Story {
        rollout: RolloutOutcome::Stuck,
        configuration: &[("DeploymentTimeout", "1")],
        failure: Some("JobFailed"),
        lives: "1",
        ..Story::new("time-out")
    };
    story.play().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_a_failure_at_any_call() {
    Story { failed_before: true, ..Story::new("retry after failure") }.play().await;
}

#[tokio::test(start_paused = true)]
async fn a_success_with_a_record_at_any_call() {
    Story { configuration: &[("Record", RECORD)], ..Story::new("success with a record") }.play().await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_with_a_record_at_any_call() {
    let story = Story {
        rollout: RolloutOutcome::Stuck,
        breaker: true,
        configuration: &[("DeploymentTimeout", "1"), ("Record", RECORD)],
        failure: Some("JobFailed"),
        lives: "1",
        ..Story::new("rollback with a record")
    };
    story.play().await;
}

const RECORD: &str = "ssm:/deploy/web/record";

/// A story, and its true end.
struct Story {
    name: &'static str,
    services: &'static [&'static str],
    image: &'static str,
    breaker: bool,
    rollout: RolloutOutcome,
    configuration: &'static [(&'static str, &'static str)],
    /// An action of another execution failed before.
    failed_before: bool,
    /// The failure's type, if it fails.
    failure: Option<&'static str>,
    /// The revision that every service runs at the end.
    lives: &'static str,
}

impl Story {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            services: &["web"],
            image: crate::world::NEW,
            breaker: false,
            rollout: RolloutOutcome::Ok,
            configuration: &[],
            failed_before: false,
            failure: None,
            lives: "2",
        }
    }

    async fn play(&self) {
        fastrand::seed(1);
        let (reference, execution) = self.begin().await;
        reference.work().await;
        self.check(&reference, &execution, "undisturbed");
        let operations: Vec<String> =
            reference.sandbox.calls().into_iter().map(|call| call.operation).collect();

        let mut schedules = 0;
        for (at, operation) in operations.iter().enumerate() {
            let nth = operations[..=at].iter().filter(|other| *other == operation).count();
            for kind in &FAULTS {
                self.disturbed(operation, nth, kind, 1).await;
                schedules += 1;
            }
        }
        say(&format!("{}: {} calls, {schedules} schedules", self.name, operations.len()));
        assert!(schedules > 50, "{operations:?}");
    }

    async fn disturbed(&self, operation: &str, nth: usize, kind: &FaultKind, seed: u64) {
        fastrand::seed(seed);
        let (pipeline, execution) = self.begin().await;
        let fault = Fault { operation: operation.to_owned(), nth: Some(nth), kind: kind.clone() };
        pipeline.sandbox.inject(fault);
        let (worker, _interrupter) = pipeline.hire("worker-1").await;
        let is_killed = tokio::select! {
            biased;
            () = pipeline.sandbox.hung() => true,
            worked = worker.run() => {
                // Only a queue that refuses the very first question ends a worker.
                assert!(worked.is_err(), "{}: call {nth} of {operation}: {kind:?}", self.name);
                true
            }
            () = pipeline.over() => false,
        };
        if is_killed {
            let (heir, _interrupter) = pipeline.hire("worker-2").await;
            pipeline.until_over(heir.run()).await;
        }
        self.check(&pipeline, &execution, &format!("call {nth} of {operation}: {kind:?}"));
    }

    /// The world right before the action starts, and the action.
    async fn begin(&self) -> (Pipeline, String) {
        let pipeline = Pipeline::empty();
        let build = artifact("imagedefinitions.json", &definitions(self.image));
        pipeline.sandbox.put_object(ARTIFACTS, "build", build);
        for service in self.services {
            let breaker = json!({ "enable": self.breaker, "rollback": self.breaker });
            pipeline.service(
                service,
                json!({ "deploymentConfiguration": { "deploymentCircuitBreaker": breaker } }),
            );
        }
        if self.failed_before {
            pipeline.next_rollout("web", RolloutOutcome::Crash);
            pipeline.start("web", &[]);
            pipeline.work().await;
            pipeline.sandbox.clear_calls();
        }
        for service in self.services {
            pipeline.next_rollout(service, self.rollout);
        }
        let execution = pipeline.start(&self.services.join(","), self.configuration);
        (pipeline, execution)
    }

    fn check(&self, pipeline: &Pipeline, execution: &str, what: &str) {
        let what = format!("{}, {what}", self.name);
        let state = pipeline.state(execution);
        let told = state.failure.as_ref().map(|(kind, _)| kind.as_str());
        assert_eq!(told, self.failure, "{what}: {:?}", state.failure);
        let status = if self.failure.is_some() { ActionStatus::Failed } else { ActionStatus::Succeeded };
        assert_eq!((state.status, state.terminal_results), (status, 1), "{what}");
        let is_changed = self.image == crate::world::NEW;
        for service in self.services {
            assert_eq!(pipeline.live(service), format!("{service}:{}", self.lives), "{what}");
            let revisions = if is_changed { 2 } else { 1 };
            assert_eq!(pipeline.revisions(service), revisions, "{what}");
            assert_eq!(pipeline.effects("UpdateService", service), usize::from(is_changed), "{what}");
        }
        assert!(pipeline.is_over(), "{what}");
        if self.configuration.iter().any(|(name, _)| *name == "Record") {
            self.check_record(pipeline, &what);
        }
    }
    /// The record is closed, and tells what runs and its ancestor.
    fn check_record(&self, pipeline: &Pipeline, what: &str) {
        let (value, _) = pipeline.sandbox.parameter("/deploy/web/record").unwrap();
        let record = Record::parse(RECORD, value.as_bytes()).unwrap();
        let Some(record) = record else { return assert_eq!(self.lives, "1", "{what}") };
        assert_eq!(
            (record.status, record.revision.to_string().as_str()),
            (Status::Succeeded, self.lives),
            "{what}"
        );
        assert!(record.base_task_definition_arn.ends_with("/web:1"), "{what}: {record:?}");
    }
}
