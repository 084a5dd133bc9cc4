//! Variables that a job sets: without an artifact's images, and whatever call a worker is killed at.

use evenkeel_sandbox::{ActionStatus, Fault, FaultKind};
use serde_json::{Value, json};

use crate::world::{OLD, Pipeline, say};

const RECORD: (&str, &str) = ("Record", "ssm:/deploy/web/record");

fn recorded(pipeline: &Pipeline) -> Value {
    let text = pipeline.sandbox.parameter("/deploy/web/record").unwrap().0;
    serde_json::from_str::<Value>(&text).unwrap()["variables"].take()
}

fn environment(pipeline: &Pipeline) -> Value {
    let live = pipeline.sandbox.stored(&pipeline.live("web")).unwrap();
    live["containerDefinitions"][0]["environment"].clone()
}

async fn deploy(pipeline: &Pipeline, options: &str) {
    let image = format!("app={OLD}");
    let execution = pipeline.start("web", &[("Images", &*image), ("Options", options), RECORD]);
    pipeline.work().await;
    let state = pipeline.state(&execution);
    assert_eq!(state.status, ActionStatus::Succeeded, "{options}: {:?}", state.failure);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_killed_at_any_call_sets_or_gives_back_a_variable_all_the_same() {
    let mut kills = 0;
    for (options, owned) in [
        (
            "--set-env app:NEW=1 --set-env app:A=2",
            json!({ "app": { "environment": { "A": "2", "NEW": "1" } } }),
        ),
        ("--unset-env app:A", Value::Null),
    ] {
        let before = async || {
            fastrand::seed(1);
            let pipeline = Pipeline::new();
            deploy(&pipeline, "--set-env app:A=1").await;
            pipeline.sandbox.clear_calls();
            pipeline
        };
        let whole = before().await;
        deploy(&whole, options).await;
        let (told, set) = (recorded(&whole), environment(&whole));
        assert_eq!(told, owned);
        let calls: Vec<String> = whole.sandbox.calls().into_iter().map(|call| call.operation).collect();
        for (at, operation) in calls.iter().enumerate() {
            let nth = calls[..=at].iter().filter(|other| *other == operation).count();
            // One poll of a rollout is as good as another.
            if nth > 3 {
                continue;
            }
            let what = format!("{options}: killed at call {nth} of {operation}");
            let pipeline = before().await;
            let kind = FaultKind::HangAfter;
            pipeline.sandbox.inject(Fault { operation: operation.clone(), nth: Some(nth), kind });
            let image = format!("app={OLD}");
            let execution = pipeline.start("web", &[("Images", &*image), ("Options", options), RECORD]);
            let (worker, _interrupter) = pipeline.hire("worker-1").await;
            tokio::select! {
                biased;
                () = pipeline.sandbox.hung() => {}
                _ = worker.run() => {}
                () = pipeline.over() => {}
            }
            let (heir, _interrupter) = pipeline.hire("worker-2").await;
            pipeline.until_over(heir.run()).await;
            let state = pipeline.state(&execution);
            assert_eq!(state.status, ActionStatus::Succeeded, "{what}: {:?}", state.failure);
            assert_eq!((recorded(&pipeline), environment(&pipeline)), (owned.clone(), set.clone()), "{what}");
            assert_eq!(pipeline.revisions("web"), 3, "{what}");
            kills += 1;
        }
    }
    say(&format!("{kills} kills of workers that set variables or give one back"));
    assert!(kills > 60, "{kills}");
}
