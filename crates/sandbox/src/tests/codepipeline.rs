//! CodePipeline's job queue as workers see it, through the SDK.

mod limits;
mod types;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_codepipeline::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_codepipeline::error::ProvideErrorMetadata;
use aws_sdk_codepipeline::types::builders::ExecutionDetailsBuilder;
use aws_sdk_codepipeline::types::{
    ActionCategory, ActionOwner, ActionTypeId, ExecutionDetails, FailureDetails, FailureType, Job,
};
use aws_sdk_codepipeline::{Client, Config};
use serde_json::{Value, json};

use super::world::World;
use crate::{Action, ActionArtifact, ActionState, ActionStatus, REGION};

/// An AWS with the custom action type `Evenkeel`, and a worker's client.
struct Shop {
    world: World,
    worker: Client,
}

impl Shop {
    fn new() -> Self {
        let shop = Self::without_action_type();
        shop.world.sandbox.create_action_type(action_type()).unwrap();
        shop
    }

    fn without_action_type() -> Self {
        let world = World::empty();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("AKIASANDBOX", "secret", None, None, "test"))
            .time_source(super::world::signing_by(world.clock))
            .http_client(world.sandbox.http_client())
            .build();
        Self { world, worker: Client::from_conf(config) }
    }

    fn start(&self) -> String {
        self.world.sandbox.start_action(action()).unwrap()
    }

    fn state(&self, execution: &str) -> ActionState {
        self.world.sandbox.action(execution).unwrap()
    }

    async fn poll(&self, most: i32) -> Vec<Job> {
        let request = self.worker.poll_for_jobs().action_type_id(type_id("Evenkeel")).max_batch_size(most);
        request.send().await.unwrap().jobs.unwrap()
    }

    /// The status that AWS answers, or the error's code.
    async fn acknowledge(&self, job: &Job) -> String {
        let request = self.worker.acknowledge_job().job_id(job.id().unwrap()).nonce(job.nonce().unwrap());
        match request.send().await {
            Ok(answer) => answer.status().unwrap().as_str().to_owned(),
            Err(error) => code(&error),
        }
    }

    /// Polls for one job and acknowledges it.
    async fn take(&self) -> Job {
        let mut jobs = self.poll(1).await;
        let job = jobs.remove(0);
        assert_eq!(self.acknowledge(&job).await, "InProgress");
        job
    }

    async fn succeed(&self, job: &Job) -> Result<(), String> {
        let request = self.worker.put_job_success_result().job_id(job.id().unwrap());
        let request = request.execution_details(details().build()).output_variables("Outcome", "deployed");
        request.send().await.map(drop).map_err(|error| code(&error))
    }

    async fn hand_on(&self, job: &Job, token: &str) -> Result<(), String> {
        let request = self.worker.put_job_success_result().job_id(job.id().unwrap());
        let details = ExecutionDetails::builder().summary("1 of 2").percent_complete(50).build();
        let request = request.continuation_token(token).execution_details(details);
        request.send().await.map(drop).map_err(|error| code(&error))
    }

    async fn fail(&self, job: &Job) -> Result<(), String> {
        let details = FailureDetails::builder().r#type(FailureType::JobFailed).message("crash loop");
        let details = details.external_execution_id("web/1").build().unwrap();
        let request = self.worker.put_job_failure_result().job_id(job.id().unwrap());
        request.failure_details(details).send().await.map(drop).map_err(|error| code(&error))
    }
}

#[tokio::test(start_paused = true)]
async fn an_action_goes_from_the_queue_to_success() {
    let shop = Shop::new();
    assert_eq!(shop.poll(9).await, []);
    let execution = shop.start();
    assert_eq!(shop.world.sandbox.actions(), std::slice::from_ref(&execution));
    assert_eq!(shop.world.sandbox.queued(), 1);

    let job = shop.poll(9).await.remove(0);
    assert_eq!(shop.acknowledge(&job).await, "InProgress");
    assert_eq!(shop.world.sandbox.queued(), 0);
    assert_eq!(job.account_id(), Some("123456789012"));
    let data = job.data().unwrap();
    assert_eq!(data.action_type_id(), Some(&type_id("Evenkeel")));
    let configuration = data.action_configuration().unwrap().configuration().unwrap();
    let configuration: BTreeMap<_, _> =
        configuration.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(configuration, BTreeMap::from([("ClusterName", "prod"), ("Password", "in clear")]));
    let context = data.pipeline_context().unwrap();
    assert_eq!(context.pipeline_name(), Some("shop"));
    assert_eq!(context.pipeline_arn(), Some("arn:aws:codepipeline:eu-west-1:123456789012:shop"));
    assert_eq!(context.pipeline_execution_id(), Some("ee000000-0000-4000-8000-000000000002"));
    assert_eq!(context.stage().unwrap().name(), Some("Deploy"));
    assert_eq!(context.action().unwrap().name(), Some("Deploy"));
    assert_eq!(context.action().unwrap().action_execution_id(), Some(execution.as_str()));
    let place = |artifact: &aws_sdk_codepipeline::types::Artifact| {
        let location = artifact.location().unwrap();
        assert_eq!(location.r#type().unwrap().as_str(), "S3");
        let s3 = location.s3_location().unwrap();
        format!("{}: {}/{}", artifact.name().unwrap(), s3.bucket_name(), s3.object_key())
    };
    assert_eq!(data.input_artifacts().iter().map(place).collect::<Vec<_>>(), ["Image: artifacts/in.zip"]);
    assert_eq!(data.output_artifacts().iter().map(place).collect::<Vec<_>>(), ["Record: artifacts/out.zip"]);
    let key = data.encryption_key().unwrap();
    assert_eq!((key.id(), key.r#type().as_str()), ("alias/artifacts", "KMS"));
    assert_eq!(data.continuation_token(), None);

    shop.world.sleep(60).await;
    assert_eq!(shop.state(&execution), ActionState { jobs: ids(&[&job]), ..ActionState::default() });
    assert_eq!(shop.succeed(&job).await, Ok(()));
    let succeeded = ActionState {
        status: ActionStatus::Succeeded,
        jobs: ids(&[&job]),
        terminal_results: 1,
        output_variables: BTreeMap::from([("Outcome".to_owned(), "deployed".to_owned())]),
        external_execution_id: Some("web/1".to_owned()),
        summary: Some("deployed web:2".to_owned()),
        ended: Some(shop.world.clock.now()),
        ..ActionState::default()
    };
    assert_eq!(shop.state(&execution), succeeded);

    assert_eq!(shop.acknowledge(&job).await, "Succeeded");
    assert_eq!(shop.succeed(&job).await, Err("InvalidJobStateException".to_owned()));
    assert_eq!(shop.fail(&job).await, Err("InvalidJobStateException".to_owned()));
    assert_eq!(shop.state(&execution), ActionState { refused_results: 2, ..succeeded });
    assert_eq!(shop.poll(9).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_the_action_and_a_retry_is_another_execution() {
    let shop = Shop::new();
    let execution = shop.start();
    let job = shop.take().await;
    assert_eq!(shop.fail(&job).await, Ok(()));
    assert_eq!(
        shop.state(&execution),
        ActionState {
            status: ActionStatus::Failed,
            jobs: ids(&[&job]),
            terminal_results: 1,
            external_execution_id: Some("web/1".to_owned()),
            failure: Some(("JobFailed".to_owned(), "crash loop".to_owned())),
            ended: Some(shop.world.clock.now()),
            ..ActionState::default()
        }
    );
    assert_eq!(shop.acknowledge(&job).await, "Failed");

    let retry = shop.start();
    let again = shop.take().await;
    assert_ne!(again.id(), job.id());
    let run = |job: &Job| job.data().unwrap().pipeline_context().unwrap().pipeline_execution_id.clone();
    assert_ne!(run(&again), run(&job));
    assert_eq!(shop.succeed(&again).await, Ok(()));
    assert_eq!(shop.world.sandbox.actions(), [execution.clone(), retry.clone()]);
    assert_eq!(shop.state(&execution).status, ActionStatus::Failed);
    assert_eq!(shop.state(&retry).status, ActionStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_nobody_acknowledges_is_offered_again_with_another_nonce() {
    let shop = Shop::new();
    shop.start();
    let first = shop.poll(1).await.remove(0);
    shop.world.sleep(29).await;
    assert_eq!(shop.poll(1).await, []);
    assert_eq!(shop.acknowledge(&first).await, "InProgress", "an offer stands until the next one is made");

    shop.start();
    let first = shop.poll(1).await.remove(0);
    shop.world.sleep(30).await;
    let second = shop.poll(1).await.remove(0);
    assert_eq!(second.id(), first.id());
    assert_eq!(shop.acknowledge(&first).await, "InvalidNonceException");
    assert_eq!(shop.world.sandbox.queued(), 1);
    assert_eq!(shop.acknowledge(&second).await, "InProgress");
    shop.world.sleep(3600).await;
    assert_eq!(shop.poll(1).await, [], "an acknowledged job is never offered again");
}

#[tokio::test(start_paused = true)]
async fn two_workers_are_offered_a_job_and_one_of_them_gets_it() {
    let shop = Shop::new();
    let execution = shop.start();
    let late = shop.poll(1).await.remove(0);
    shop.world.sandbox.redeliver();
    let quick = shop.poll(1).await.remove(0);
    assert_eq!(late.id(), quick.id());
    assert_eq!(shop.acknowledge(&quick).await, "InProgress");
    assert_eq!(shop.acknowledge(&quick).await, "InProgress", "the answer may have been lost");
    assert_eq!(shop.acknowledge(&late).await, "InvalidNonceException");
    shop.world.sandbox.redeliver();
    assert_eq!(shop.poll(1).await, []);
    assert_eq!(shop.succeed(&quick).await, Ok(()));
    assert_eq!(shop.state(&execution).refused_results, 0);
    assert_eq!(shop.acknowledge(&late).await, "InvalidNonceException");
}

#[tokio::test(start_paused = true)]
async fn a_poll_gives_as_many_jobs_as_it_asks_for_the_oldest_first() {
    let shop = Shop::new();
    let executions: Vec<_> = (0..5).map(|_| shop.start()).collect();
    let first = shop.poll(2).await;
    let second = shop.poll(9).await;
    let of = |jobs: &[Job]| jobs.iter().map(execution_of).collect::<Vec<_>>();
    assert_eq!((of(&first), of(&second)), (executions[..2].to_vec(), executions[2..].to_vec()));
    assert_eq!(shop.world.sandbox.queued(), 5);
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_a_token_ends_the_job_and_another_one_takes_the_action_on() {
    let shop = Shop::new();
    let execution = shop.start();
    let first = shop.take().await;
    assert_eq!(shop.hand_on(&first, "round 1").await, Ok(()));
    assert_eq!(shop.succeed(&first).await, Err("InvalidJobStateException".to_owned()));
    assert_eq!((shop.world.sandbox.queued(), shop.poll(1).await), (1, vec![]));

    shop.world.sleep(5).await;
    let second = shop.take().await;
    assert_ne!(second.id(), first.id());
    assert_ne!(second.nonce(), first.nonce());
    assert_eq!(execution_of(&second), execution);
    assert_eq!(second.data().unwrap().continuation_token(), Some("round 1"));

    shop.world.sandbox.set_continuation_delay(Duration::ZERO);
    assert_eq!(shop.hand_on(&second, "round 2").await, Ok(()));
    let third = shop.take().await;
    assert_eq!(third.data().unwrap().continuation_token(), Some("round 2"));
    assert_eq!(shop.succeed(&third).await, Ok(()));
    let state = shop.state(&execution);
    assert_eq!(state.jobs, ids(&[&first, &second, &third]));
    assert_eq!(state.tokens, ["round 1", "round 2"]);
    assert_eq!(
        (state.status, state.terminal_results, state.refused_results),
        (ActionStatus::Succeeded, 1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_result_needs_an_acknowledged_job_that_exists() {
    let shop = Shop::new();
    let execution = shop.start();
    let offered = shop.poll(1).await.remove(0);
    assert_eq!(shop.succeed(&offered).await, Err("InvalidJobStateException".to_owned()));
    assert_eq!(shop.fail(&offered).await, Err("InvalidJobStateException".to_owned()));
    assert_eq!(shop.state(&execution).refused_results, 2);
    assert_eq!(shop.acknowledge(&offered).await, "InProgress");

    let id = "0b000000-0000-4000-8000-00000000ffff";
    let unknown = Job::builder().id(id).nonce("nonce").build();
    assert_eq!(shop.acknowledge(&unknown).await, "JobNotFoundException");
    assert_eq!(shop.succeed(&unknown).await, Err("JobNotFoundException".to_owned()));
    assert_eq!(shop.fail(&unknown).await, Err("JobNotFoundException".to_owned()));
    let details = shop.worker.get_job_details().job_id(id).send().await;
    assert_eq!(code(&details.unwrap_err()), "JobNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn an_action_times_out_24_hours_after_it_began() {
    let shop = Shop::new();
    let unseen = shop.start();
    let began = shop.world.clock.now();
    shop.world.sleep(3600).await;
    let execution = shop.start();
    let jobs = shop.poll(2).await;
    assert_eq!(shop.acknowledge(&jobs[1]).await, "InProgress");
    assert_eq!(shop.hand_on(&jobs[1], "token").await, Ok(()));
    shop.world.sleep(23 * 3600 - 1).await;
    assert_eq!(shop.world.sandbox.queued(), 2);
    let continued = shop.poll(2).await.remove(1);
    assert_eq!(shop.acknowledge(&continued).await, "InProgress");

    shop.world.sleep(1).await;
    assert_eq!((shop.world.sandbox.queued(), shop.poll(2).await), (0, vec![]));
    let timed_out = shop.state(&unseen);
    let day = Duration::from_secs(24 * 3600);
    assert_eq!((timed_out.status, timed_out.ended), (ActionStatus::TimedOut, Some(began.plus(day))));
    assert_eq!(shop.state(&execution).status, ActionStatus::InProgress);

    shop.world.sleep(3600).await;
    assert_eq!(shop.acknowledge(&continued).await, "TimedOut");
    assert_eq!(shop.succeed(&continued).await, Err("InvalidJobStateException".to_owned()));
    let timed_out = shop.state(&execution);
    assert_eq!((timed_out.status, timed_out.terminal_results), (ActionStatus::TimedOut, 0));
    assert_eq!(timed_out.refused_results, 1);
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_action_takes_no_answer_and_is_not_offered_any_more() {
    let shop = Shop::new();
    let (working, waiting, done) = (shop.start(), shop.start(), shop.start());
    let jobs = shop.poll(3).await;
    for job in [&jobs[0], &jobs[2]] {
        assert_eq!(shop.acknowledge(job).await, "InProgress");
    }
    assert_eq!(shop.succeed(&jobs[2]).await, Ok(()));
    for execution in [&working, &waiting, &done] {
        shop.world.sandbox.abandon(execution);
    }
    shop.world.sandbox.abandon("nobody's");
    let abandoned = shop.state(&working);
    let now = shop.world.clock.now();
    assert_eq!((abandoned.status, abandoned.ended), (ActionStatus::Abandoned, Some(now)));
    assert_eq!(shop.state(&done).status, ActionStatus::Succeeded);

    assert_eq!(shop.succeed(&jobs[0]).await, Err("InvalidJobStateException".to_owned()));
    assert_eq!(shop.fail(&jobs[0]).await, Err("InvalidJobStateException".to_owned()));
    assert_eq!(shop.acknowledge(&jobs[1]).await, "Failed");
    shop.world.sleep(60).await;
    assert_eq!((shop.world.sandbox.queued(), shop.poll(3).await), (0, vec![]));
    let state = shop.state(&working);
    assert_eq!((state.terminal_results, state.refused_results), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn credentials_open_the_jobs_artifacts_until_they_expire_and_details_give_fresh_ones() {
    let shop = Shop::new();
    shop.world.sandbox.set_credentials_lifetime(Duration::from_secs(60));
    shop.start();
    let job = shop.take().await;
    let polled = job.data().unwrap().artifact_credentials().unwrap();
    let may = |key: &str, write, object| {
        let now = shop.world.clock.now();
        let checked = shop.world.sandbox.state().grants.check(Some(key), write, "artifacts", object, now);
        checked.map_err(|error| error.code)
    };
    assert_eq!(may(polled.access_key_id(), false, "in.zip"), Ok(()));
    assert_eq!(may(polled.access_key_id(), true, "out.zip"), Ok(()));
    assert_eq!(may(polled.access_key_id(), true, "in.zip"), Err("AccessDenied"));
    assert_eq!(may(polled.access_key_id(), false, "other.zip"), Err("AccessDenied"));
    shop.world.sleep(60).await;
    assert_eq!(may(polled.access_key_id(), false, "in.zip"), Err("ExpiredToken"));

    let details = shop.worker.get_job_details().job_id(job.id().unwrap()).send().await.unwrap();
    let details = details.job_details().unwrap();
    assert_eq!((details.id(), details.account_id()), (job.id(), job.account_id()));
    let fresh = details.data().unwrap().artifact_credentials().unwrap();
    assert_ne!(fresh, polled);
    assert_eq!(may(fresh.access_key_id(), false, "in.zip"), Ok(()));
    assert_eq!(details.data().unwrap().pipeline_context(), job.data().unwrap().pipeline_context());
}

#[tokio::test(start_paused = true)]
async fn an_action_without_artifacts_gets_no_credentials() {
    let shop = Shop::new();
    let bare = Action { input: None, output: None, encryption_key: None, ..action() };
    shop.world.sandbox.start_action(bare).unwrap();
    let data = shop.take().await.data.unwrap();
    assert_eq!(data.artifact_credentials(), None);
    assert_eq!(data.encryption_key(), None);
    assert!(data.input_artifacts().is_empty() && data.output_artifacts().is_empty());
}

/// An action as Terraform or the console would declare its type.
fn action_type() -> Value {
    json!({
        "category": "Deploy",
        "provider": "Evenkeel",
        "version": "1",
        "settings": { "executionUrlTemplate": "https://console/{Config:ClusterName}/{ExternalExecutionId}" },
        "configurationProperties": [
            { "name": "ClusterName", "required": true, "key": true, "secret": false, "type": "String" },
            { "name": "Password", "required": false, "key": false, "secret": true },
        ],
        "inputArtifactDetails": { "minimumCount": 0, "maximumCount": 1 },
        "outputArtifactDetails": { "minimumCount": 0, "maximumCount": 1 },
    })
}

fn action() -> Action {
    let configuration = [("ClusterName", "prod"), ("Password", "in clear")];
    Action {
        configuration: configuration.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        input: Some(ActionArtifact::new("Image", "artifacts", "in.zip")),
        output: Some(ActionArtifact::new("Record", "artifacts", "out.zip")),
        encryption_key: Some("alias/artifacts".to_owned()),
        ..Action::default()
    }
}

fn type_id(provider: &str) -> ActionTypeId {
    let builder = ActionTypeId::builder().category(ActionCategory::Deploy).owner(ActionOwner::Custom);
    builder.provider(provider).version("1").build().unwrap()
}

fn details() -> ExecutionDetailsBuilder {
    ExecutionDetails::builder().summary("deployed web:2").external_execution_id("web/1").percent_complete(100)
}

fn ids(jobs: &[&Job]) -> Vec<String> {
    jobs.iter().map(|job| job.id().unwrap().to_owned()).collect()
}

fn execution_of(job: &Job) -> String {
    let context = job.data().unwrap().pipeline_context().unwrap();
    context.action().unwrap().action_execution_id().unwrap().to_owned()
}

fn code(error: &impl ProvideErrorMetadata) -> String {
    error.code().unwrap().to_owned()
}
