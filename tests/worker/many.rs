//! Three workers on one queue, jobs offered twice, one worker killed and one shut down.

use std::time::Duration;

use evenkeel_core::failure::FailureKind;
use evenkeel_sandbox::{ActionArtifact, ActionStatus};
use serde_json::json;

use crate::world::{ARTIFACTS, Pipeline, action, artifact, definitions, say};

const SERVICES: usize = 100;

#[tokio::test(start_paused = true)]
async fn three_workers_share_three_hundred_jobs_and_lose_none() {
    fastrand::seed(1);
    let pipeline = Pipeline::empty();
    for service in 0..SERVICES {
        pipeline.service(&format!("s{service}"), json!({}));
    }
    let (one, _keeps) = pipeline.hire("worker-1").await;
    let (two, _is_killed) = pipeline.hire("worker-2").await;
    let (three, is_shut_down) = pipeline.hire("worker-3").await;

    let story = async {
        let mut executions = Vec::new();
        for wave in 2..=4 {
            let key = format!("build{wave}");
            let image = format!("registry.example.com/shop/web:{wave}");
            pipeline.sandbox.put_object(
                ARTIFACTS,
                &key,
                artifact("imagedefinitions.json", &definitions(&image)),
            );
            for service in 0..SERVICES {
                let mut action = action(&format!("s{service}"), &[]);
                action.input = Some(ActionArtifact::new("Build", ARTIFACTS, &key));
                executions.push(pipeline.sandbox.start_action(action).unwrap());
            }
            pipeline.clock.sleep(Duration::from_secs(600)).await;
        }
        pipeline.over().await;
        executions
    };
    let kill = pipeline.clock.sleep(Duration::from_secs(620));
    let shut_down = async {
        pipeline.clock.sleep(Duration::from_secs(1230)).await;
        is_shut_down.raise(FailureKind::Terminated);
        std::future::pending::<()>().await;
    };
    let duplicates = async {
        loop {
            pipeline.clock.sleep(Duration::from_secs(3)).await;
            pipeline.sandbox.redeliver();
        }
    };
    let second = async {
        tokio::select! {
            _ = two.run() => {}
            () = kill => {}
        }
        std::future::pending::<()>().await;
    };
    let third = async {
        tokio::select! {
            ended = three.run() => ended.unwrap(),
            () = shut_down => {}
        }
        std::future::pending::<()>().await;
    };
    let executions = tokio::select! {
        executions = story => executions,
        ended = one.run() => panic!("{ended:?}"),
        () = second => unreachable!(),
        () = third => unreachable!(),
        () = duplicates => unreachable!(),
    };

    let mut jobs = 0;
    for (at, execution) in executions.iter().enumerate() {
        let state = pipeline.state(execution);
        let what = format!("{at}: {:?}", state.failure);
        assert_eq!((state.status, state.terminal_results), (ActionStatus::Succeeded, 1), "{what}");
        jobs += state.jobs.len();
    }
    for service in 0..SERVICES {
        let name = format!("s{service}");
        assert_eq!(pipeline.live(&name), format!("{name}:4"));
        assert_eq!((pipeline.revisions(&name), pipeline.effects("UpdateService", &name)), (4, 3));
    }
    say(&format!(
        "{} actions of {jobs} jobs ended by three workers, {} calls",
        executions.len(),
        pipeline.sandbox.calls().len()
    ));
}
