//! How a job can go, from the queue to its result.

use std::time::Duration;

use evenkeel_sandbox::{Action, ActionStatus, Fault, FaultKind, Rollout, RolloutOutcome};
use serde_json::{Value, json};

use crate::world::{
    ARTIFACTS, CLAIMS, CLUSTER, KEY, NEW, OLD, Pipeline, action, artifact, definitions, settings,
};

#[tokio::test(start_paused = true)]
async fn a_job_is_taken_deployed_and_answered_once() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[]);
    pipeline.work().await;

    let state = pipeline.state(&execution);
    assert_eq!(
        (state.status, state.terminal_results, state.refused_results),
        (ActionStatus::Succeeded, 1, 0)
    );
    assert_eq!(pipeline.live("web"), "web:2");
    assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (2, 1));
    assert_eq!(pipeline.sandbox.objects(CLAIMS), Vec::<String>::new());

    // Handed on once, right after the update, so that the console has its link while it rolls out.
    assert_eq!((state.jobs.len(), state.tokens.len()), (2, 1));
    assert_eq!(state.external_execution_id.as_deref(), Some("prod/services/web/deployments"));
    let summary = state.summary.unwrap();
    assert!(
        summary.starts_with("web was deployed in ") && summary.contains("in place of web:1"),
        "{summary}"
    );
    let variable = |name: &str| state.output_variables.get(name).map(String::as_str).unwrap_or_default();
    assert!(variable("TaskDefinitionArn").ends_with("task-definition/web:2"), "{:?}", state.output_variables);
    assert!(variable("PreviousTaskDefinitionArn").ends_with("task-definition/web:1"));
    assert_eq!((variable("Revision"), variable("Outcome"), variable("Image_app")), ("2", "deployed", NEW));
    assert!(variable("DeploymentId").starts_with("ecs-svc/"));

    let output = pipeline.sandbox.object(ARTIFACTS, "deployed").unwrap();
    assert_eq!(
        pipeline.sandbox.encryption_of(ARTIFACTS, "deployed"),
        Some(("aws:kms".to_owned(), Some(KEY.to_owned())))
    );
    let deployment = file(&output, "deployment.json");
    assert_eq!(
        (&deployment["schema"], &deployment["outcome"]),
        (&json!("evenkeel.deployment/v1"), &json!("deployed"))
    );
    let record = file(&output, "record.json");
    assert_eq!((&record["status"], &record["images"]), (&json!("succeeded"), &json!({ "app": NEW })));
    assert_eq!(record["source"]["kind"], "codepipeline");
    let variables = file(&output, "evenkeel.auto.tfvars.json");
    assert_eq!(variables["evenkeel_live"]["revision"], 2);
}

#[tokio::test(start_paused = true)]
async fn the_example_pipeline_deploys_what_its_build_wrote() {
    let example: Value =
        serde_json::from_str(include_str!("../../pipeline/codepipeline/pipeline.json")).unwrap();
    let deploy = &example["pipeline"]["stages"][2]["actions"][0];
    assert_eq!(
        deploy["actionTypeId"],
        json!({ "category": "Deploy", "owner": "Custom", "provider": "Evenkeel", "version": "1" })
    );
    let configuration = serde_json::from_value(deploy["configuration"].clone()).unwrap();
    let pipeline = Pipeline::new();
    let action = Action { configuration, ..action("", &[]) };
    let execution = pipeline.sandbox.start_action(action).unwrap();
    pipeline.work().await;
    let state = pipeline.state(&execution);
    assert_eq!((state.status, pipeline.live("web")), (ActionStatus::Succeeded, "web:2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_change_is_a_success_that_registers_nothing() {
    let pipeline = Pipeline::new();
    let old = artifact("imagedefinitions.json", &definitions("registry.example.com/shop/web:1"));
    pipeline.sandbox.put_object(ARTIFACTS, "build", old);
    let execution = pipeline.start("web", &[]);
    pipeline.work().await;

    let state = pipeline.state(&execution);
    assert_eq!((state.status, state.jobs.len()), (ActionStatus::Succeeded, 1));
    assert_eq!(state.output_variables["Outcome"], "unchanged");
    assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn several_services_are_one_job_with_variables_of_their_own() {
    let pipeline = Pipeline::new();
    pipeline.service("api", json!({}));
    let execution = pipeline.start("web, api", &[]);
    pipeline.work().await;

    let state = pipeline.state(&execution);
    assert_eq!(state.status, ActionStatus::Succeeded, "{:?}", state.failure);
    assert_eq!((pipeline.live("web"), pipeline.live("api")), ("web:2".to_owned(), "api:2".to_owned()));
    assert_eq!(
        (&*state.output_variables["Outcome_web"], &*state.output_variables["Revision_api"]),
        ("deployed", "2")
    );
    let output = pipeline.sandbox.object(ARTIFACTS, "deployed").unwrap();
    assert_eq!(file(&output, "api/record.json")["service"], "api");
}

#[tokio::test(start_paused = true)]
async fn each_of_several_services_has_a_record_of_its_own() {
    let pipeline = Pipeline::new();
    pipeline.service("api", json!({}));
    pipeline.next_rollout("web", RolloutOutcome::Crash);
    let record = ("Record", "ssm:/deploy/{cluster}/{service}/record");
    let failed = pipeline.start("web,api", &[record]);
    pipeline.work().await;
    assert_eq!(pipeline.state(&failed).status, ActionStatus::Failed);
    let told = |service: &str| {
        let (text, _) = pipeline.sandbox.parameter(&format!("/deploy/prod/{service}/record")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let tells = |service: &str| {
        let record = told(service);
        [&record["status"], &record["service"], &record["revision"]].map(Value::to_string).join(" ")
    };
    assert_eq!(tells("web"), r#""succeeded" "web" 1"#);
    assert_eq!(tells("api"), r#""succeeded" "api" 2"#);

    pipeline.next_rollout("web", RolloutOutcome::Ok);
    let retried = pipeline.start("web,api", &[record]);
    pipeline.work().await;
    assert_eq!(pipeline.state(&retried).status, ActionStatus::Succeeded);
    assert_eq!(tells("web"), r#""succeeded" "web" 2"#);

    let shared = pipeline.start("web,api", &[("Record", "ssm:/deploy/record")]);
    pipeline.work().await;
    let (kind, message) = pipeline.state(&shared).failure.unwrap();
    assert_eq!(kind, "ConfigurationError");
    assert!(message.contains("Record: the record ssm:/deploy/record was given for 2 services"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn images_of_the_configuration_need_no_artifact() {
    let pipeline = Pipeline::new();
    let images = format!("app={NEW},proxy=envoy:2");
    let mut action = action("web", &[("Images", &images)]);
    (action.input, action.output) = (None, None);
    let execution = pipeline.sandbox.start_action(action).unwrap();
    pipeline.work().await;

    let state = pipeline.state(&execution);
    assert_eq!(state.status, ActionStatus::Succeeded, "{:?}", state.failure);
    assert_eq!(state.output_variables["Image_proxy"], "envoy:2");
    assert!(
        pipeline
            .sandbox
            .calls()
            .iter()
            .all(|call| call.operation != "GetObject" || call.request["bucket"] == CLAIMS)
    );
}

#[tokio::test(start_paused = true)]
async fn every_way_to_fail_has_its_word_and_says_why() {
    let cases = [
        ("web", vec![], RolloutOutcome::Crash, "JobFailed", "exit"),
        ("web", vec![("DeploymentTimeout", "1")], RolloutOutcome::Stuck, "JobFailed", "60 s"),
        ("web", vec![], RolloutOutcome::Superseded, "RevisionOutOfSync", "another"),
        ("nowhere", vec![], RolloutOutcome::Ok, "ConfigurationError", "nowhere"),
        ("web", vec![("OnFailure", "pray")], RolloutOutcome::Ok, "ConfigurationError", "OnFailure"),
        ("web", vec![("FileName", "other.json")], RolloutOutcome::Ok, "RevisionUnavailable", "other.json"),
    ];
    for (service, more, outcome, kind, word) in cases {
        let pipeline = Pipeline::new();
        pipeline.next_rollout("web", outcome);
        let execution = pipeline.start(service, &more);
        pipeline.work().await;

        let state = pipeline.state(&execution);
        let (told, message) = state.failure.clone().unwrap();
        assert_eq!(
            (state.status, told.as_str(), state.terminal_results),
            (ActionStatus::Failed, kind, 1),
            "{message}"
        );
        assert!(message.contains(word), "{word}: {message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_goes_on_over_many_slices_and_several_workers() {
    fastrand::seed(1);
    let pipeline = Pipeline::new();
    let long = Rollout { outcome: RolloutOutcome::Ok, duration: Duration::from_secs(120) };
    pipeline.sandbox.set_rollout(CLUSTER, "web", long);
    let execution = pipeline.start("web", &[]);
    let short =
        |owner: &str| evenkeel::worker::Settings { slice: Duration::from_secs(10), ..settings(owner) };
    let (one, _first) = pipeline.hire_as(short("worker-1")).await;
    let (two, _second) = pipeline.hire_as(short("worker-2")).await;
    pipeline.until_over(async { tokio::join!(one.run(), two.run()) }).await;

    let state = pipeline.state(&execution);
    assert_eq!((state.status, state.terminal_results), (ActionStatus::Succeeded, 1));
    assert!(state.jobs.len() > 3, "{:?}", state.jobs);
    assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_first_signal_hands_every_job_back_and_the_next_worker_finishes_it() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[]);
    let (worker, interrupter) = pipeline.hire("worker-1").await;
    let stop = async {
        pipeline.clock.sleep(Duration::from_secs(20)).await;
        interrupter.raise(evenkeel_core::failure::FailureKind::Terminated);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = worker.run() => ended.unwrap(),
        () = stop => {}
    }
    assert_eq!(pipeline.state(&execution).status, ActionStatus::InProgress);
    assert_eq!(pipeline.sandbox.objects(CLAIMS), Vec::<String>::new());

    pipeline.work().await;
    let state = pipeline.state(&execution);
    assert_eq!((state.status, state.terminal_results), (ActionStatus::Succeeded, 1));
    assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn draining_takes_what_is_queued_keeps_it_to_its_end_and_ends() {
    let pipeline = Pipeline::new();
    pipeline.service("api", json!({}));
    let executions = [pipeline.start("web", &[]), pipeline.start("api", &[])];
    let (worker, _interrupter) =
        pipeline.hire_as(evenkeel::worker::Settings { drain: true, ..settings("drain") }).await;
    worker.run().await.unwrap();

    for execution in executions {
        let state = pipeline.state(&execution);
        assert_eq!((state.status, state.jobs.len()), (ActionStatus::Succeeded, 1));
    }
    assert_eq!(pipeline.sandbox.objects(CLAIMS), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_claims_hands_its_jobs_back_soon() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[]);
    let (interrupter, interrupt) = evenkeel::deploy::Interrupt::new();
    let aws = pipeline.aws().await;
    let queue = aws.job_queue(evenkeel_core::job::ActionType::default());
    let metrics = std::sync::Arc::default();
    let claims: Option<evenkeel::worker::claims::FolderClaims> = None;
    let worker = evenkeel::worker::Worker::new(
        queue,
        claims,
        aws,
        pipeline.clock,
        settings("worker-1"),
        metrics,
        interrupt,
    );
    pipeline.until_over(worker.run()).await;
    drop(interrupter);

    let state = pipeline.state(&execution);
    assert_eq!((state.status, state.terminal_results), (ActionStatus::Succeeded, 1));
    assert_eq!(pipeline.effects("UpdateService", "web"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_not_done_again_by_whoever_finds_its_claim() {
    let pipeline = Pipeline::new();
    let unchanged = pipeline.start("web", &[("Images", &format!("app={OLD}"))]);
    let operation = "PutJobSuccessResult".to_owned();
    pipeline.sandbox.inject(Fault { operation, nth: Some(1), kind: FaultKind::HangAfter });
    let (killed, _interrupter) = pipeline.hire("worker-1").await;
    tokio::select! {
        _ = killed.run() => {}
        () = pipeline.sandbox.hung() => {}
    }
    assert_eq!(pipeline.state(&unchanged).status, ActionStatus::Succeeded);
    assert_eq!(pipeline.sandbox.objects(CLAIMS).len(), 1);

    // The next worker deploys something newer before it takes the claim over.
    let newer = pipeline.start("web", &[]);
    pipeline.work().await;
    assert_eq!(pipeline.state(&newer).status, ActionStatus::Succeeded);
    assert_eq!((pipeline.live("web"), pipeline.revisions("web")), ("web:2".to_owned(), 2));
    assert_eq!(pipeline.effects("UpdateService", "web"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_a_failure_finds_what_is_there_and_registers_nothing_again() {
    let pipeline = Pipeline::new();
    pipeline.next_rollout("web", RolloutOutcome::Crash);
    let failed = pipeline.start("web", &[]);
    pipeline.work().await;
    assert_eq!(pipeline.state(&failed).status, ActionStatus::Failed);

    pipeline.next_rollout("web", RolloutOutcome::Ok);
    let retried = pipeline.start("web", &[]);
    pipeline.work().await;
    assert_eq!(pipeline.state(&retried).status, ActionStatus::Succeeded);
    assert_eq!((pipeline.live("web"), pipeline.revisions("web")), ("web:2".to_owned(), 2));
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_action_is_left_without_noise() {
    let pipeline = Pipeline::new();
    let execution = pipeline.start("web", &[]);
    let abandon = async {
        pipeline.clock.sleep(Duration::from_secs(10)).await;
        pipeline.sandbox.abandon(&execution);
        pipeline.clock.sleep(Duration::from_secs(300)).await;
    };
    let (worker, _interrupter) = pipeline.hire("worker-1").await;
    tokio::select! {
        _ = worker.run() => {}
        () = abandon => {}
    }
    let state = pipeline.state(&execution);
    assert_eq!((state.status, state.terminal_results), (ActionStatus::Abandoned, 0));
    assert_eq!(pipeline.sandbox.objects(CLAIMS), Vec::<String>::new());
}

/// A file of an artifact, as JSON.
fn file(artifact: &[u8], name: &str) -> Value {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(artifact)).unwrap();
    serde_json::from_reader(archive.by_name(name).unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_begun_unacknowledged_is_recorded_with_the_base_of_its_first_beginning() {
    let pipeline = Pipeline::new();
    // CodePipeline does not answer the acknowledgement, and offers the job again.
    let (operation, nth) = ("AcknowledgeJob".to_owned(), Some(1));
    pipeline.sandbox.inject(Fault { operation, nth, kind: FaultKind::HangBefore });
    let execution = pipeline.start("web", &[("Record", "ssm:/deploy/web/record")]);
    pipeline.work().await;
    assert_eq!(pipeline.state(&execution).status, ActionStatus::Succeeded);
    assert_eq!((pipeline.revisions("web"), pipeline.effects("UpdateService", "web")), (2, 1));
    let (record, _) = pipeline.sandbox.parameter("/deploy/web/record").unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    let arn = |revision: &str| format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{revision}");
    assert_eq!(record["taskDefinitionArn"], arn("web:2"), "{record}");
    assert_eq!(record["baseTaskDefinitionArn"], arn("web:1"), "{record}");
}
