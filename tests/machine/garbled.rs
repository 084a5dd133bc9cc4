//! Responses that AWS never sent, to every operation that is called: nothing of them is ever shown.

use std::fmt::Write;

use evenkeel::aws::Aws;
use evenkeel::output::{action_type_json, failure_text, report_document, report_text};
use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::job::{ActionType, Answer, Job, ObjectAddress, Secret};
use evenkeel_core::log_stream::LogStream;
use evenkeel_core::notification::{Channel, Notification};
use evenkeel_core::ports::{
    Access, ContainerRegistry, Ecs, EcsEffects, EffectError, Encryption, Identity, JobQueue, Listing, Logs,
    Notifier, Objects, Offer, Parameters, Precondition, Version,
};
use evenkeel_core::registry::EcrImage;
use evenkeel_core::request::ClusterName;
use evenkeel_core::service::{DeploymentId, Service};
use evenkeel_core::task_definition::Revision;
use evenkeel_core::timestamp::Timestamp;
use evenkeel_sandbox::{
    Action, ActionArtifact, Fault, FaultKind, GarbledBody, GarbledResponse, RolloutOutcome,
};
use serde_json::json;

use crate::world::{Account, CLUSTER, SERVICE, definition, message, request, say};

/// What a response holds here begins with one of these; `sandbox-` begins the credentials that are handed out.
const PLANTED: [&str; 3] = ["s3cret-", "sandbox-secret", "sandbox-token"];

/// Every operation that Evenkeel calls, and the request that is not AWS's own but goes the same way.
const OPERATIONS: [&str; 27] = [
    "DescribeServices",
    "DescribeTaskDefinition",
    "RegisterTaskDefinition",
    "UpdateService",
    "ListServiceDeployments",
    "DescribeServiceDeployments",
    "DescribeServiceRevisions",
    "StopServiceDeployment",
    "ListTasks",
    "DescribeTasks",
    "BatchGetImage",
    "GetDownloadUrlForLayer",
    "GetLogEvents",
    "GetParameter",
    "PutParameter",
    "GetObject",
    "HeadObject",
    "PutObject",
    "DeleteObject",
    "ListObjectsV2",
    "PollForJobs",
    "AcknowledgeJob",
    "GetJobDetails",
    "PutJobSuccessResult",
    "PutJobFailureResult",
    "CreateCustomActionType",
    "AssumeRole",
];
const CHANNELS: [&str; 3] = ["PutEvents", "Publish", "GetParameter of a webhook"];

/// An account with something to find for each of them, all of it secret.
struct World {
    account: Account,
    aws: Aws,
    job: Job,
    service: Service,
    revision: Revision,
    deployments: Vec<String>,
    topic: String,
}

impl World {
    async fn new() -> Self {
        let mut definition = definition();
        definition["containerDefinitions"][0]["environment"] =
            json!([{ "name": "PASSWORD", "value": "s3cret-value" }]);
        definition["containerDefinitions"][0]["logConfiguration"] = json!({
            "logDriver": "awslogs",
            "options": { "awslogs-group": "web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web" },
        });
        let account = Account::running(&definition);
        let sandbox = &account.sandbox;
        sandbox.push_image("shop/web", "2", &["linux/amd64"]);
        sandbox.put_parameter("/record", "s3cret-parameter").unwrap();
        sandbox.put_parameter("/hook", "https://hooks.example.com/s3cret-address").unwrap();
        sandbox.create_bucket("bucket", false);
        sandbox.put_object("bucket", "object", b"s3cret-content of an object".to_vec());
        sandbox.set_log_lines(CLUSTER, SERVICE, vec!["s3cret-line".to_owned(); 3]);
        let topic = sandbox.create_topic("deployments");
        sandbox
            .create_action_type(action_type_json(&ActionType::default().definition(None).unwrap()))
            .unwrap();
        let configuration = [("ClusterName", CLUSTER), ("ServiceName", "s3cret-property")];
        let action = Action {
            configuration: configuration.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            input: Some(ActionArtifact::new("Build", "bucket", "object")),
            ..Action::default()
        };
        sandbox.start_action(action).unwrap();
        let aws = account.aws().await;
        let offer = aws.job_queue(ActionType::default()).poll(1).await.unwrap().remove(0);
        let cloud = aws.cloud();
        let service = described(&aws).await.unwrap().remove(0);
        let revision = cloud.describe_task_definition("web").await.unwrap().unwrap();
        let listed =
            cloud.list_service_deployments(&service, Listing::Since(Timestamp::default())).await.unwrap();
        let deployments = listed.into_iter().map(|listed| listed.arn).collect();
        Self { aws, job: offer.job, service, revision, deployments, topic, account }
    }

    async fn offer(&self) -> Result<Vec<Offer>, Failure> {
        self.aws.job_queue(ActionType::default()).poll(1).await
    }

    /// Calls the operation, and says no more than whether it went well.
    async fn call(&self, operation: &str) -> Result<(), Failure> {
        let (aws, cloud) = (&self.aws, self.aws.cloud());
        let (queue, id) = (aws.job_queue(ActionType::default()), &self.job.id);
        let at = ObjectAddress { bucket: "bucket".to_owned(), key: "object".to_owned() };
        let objects = aws.artifacts(self.job.credentials.as_ref().unwrap());
        let content = || b"s3cret-content of another".to_vec();
        let effect = |error| match error {
            EffectError::Refused(failure) | EffectError::Unknown(failure) => failure,
        };
        let image = EcrImage::parse("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:2").unwrap();
        let deployment = DeploymentId::new("ecs-svc/1");
        match operation {
            "DescribeServices" => described(aws).await.map(drop),
            "DescribeTaskDefinition" => cloud.describe_task_definition("web").await.map(drop),
            "RegisterTaskDefinition" => {
                cloud.register_task_definition(&self.revision.definition).await.map(drop).map_err(effect)
            }
            "UpdateService" => {
                cloud.update_service(&self.service, &self.revision.arn, true).await.map(drop).map_err(effect)
            }
            "ListServiceDeployments" => {
                let since = Listing::Since(Timestamp::default());
                cloud.list_service_deployments(&self.service, since).await.map(drop)
            }
            "DescribeServiceDeployments" => {
                cloud.describe_service_deployments(&self.deployments).await.map(drop)
            }
            "DescribeServiceRevisions" => {
                cloud.describe_service_revisions(&self.service.service_revisions).await.map(drop)
            }
            "StopServiceDeployment" => cloud.roll_back_service_deployment(&self.deployments[0]).await,
            "ListTasks" | "DescribeTasks" => cloud.running_tasks(&self.service, &deployment).await.map(drop),
            "BatchGetImage" | "GetDownloadUrlForLayer" => cloud.find_image(&image).await.map(drop),
            "GetLogEvents" => {
                let [region, group, stream] = ["eu-west-1", "web", "web/app/1"].map(str::to_owned);
                cloud.log_tail(&LogStream { region, group, stream }, 9).await.map(drop)
            }
            "GetParameter" => aws.parameters().get("/record", None).await.map(drop),
            "PutParameter" => aws.parameters().overwrite("/record", "s3cret-new").await.map(drop),
            "GetObject" => objects.read(&at, 1000).await.map(drop),
            "HeadObject" => objects.head(&at).await.map(drop),
            "PutObject" => aws
                .objects()
                .write(&at, content(), &Precondition::Always, &Encryption::Default)
                .await
                .map(drop),
            "DeleteObject" => aws.objects().delete(&at, &Version("\"x\"".to_owned())).await.map(drop),
            "ListObjectsV2" => aws.objects().list("bucket", "").await.map(drop),
            "PollForJobs" => self.offer().await.map(drop),
            "AcknowledgeJob" => queue.acknowledge(id, &Secret::new("s3cret-nonce")).await.map(drop),
            "GetJobDetails" => queue.details(id).await.map(drop),
            "PutJobSuccessResult" => {
                queue.answer(id, &Answer::hand_on("s3cret-token", "", "on")).await.map(drop)
            }
            "PutJobFailureResult" => {
                let failure = Failure::new(FailureKind::Denied, "no");
                queue.answer(id, &Answer::fail(&failure, "")).await.map(drop)
            }
            "CreateCustomActionType" => {
                aws.create_action_type(&ActionType::default().definition(None).unwrap()).await
            }
            "AssumeRole" => {
                let role_arn = Some("arn:aws:iam::123456789012:role/deploy".to_owned());
                let identity = Identity { role_arn, session: "evenkeel".to_owned(), ..Identity::default() };
                let ecs = aws.ecs(&identity).await?;
                ecs.describe_services(&ClusterName::parse(CLUSTER).unwrap(), &[SERVICE]).await.map(drop)
            }
            channel => {
                let notification = Notification {
                    outcome: "deployed",
                    subject: "web".to_owned(),
                    text: "web".to_owned(),
                    detail: "{}".to_owned(),
                    resources: Vec::new(),
                };
                let channel = match channel {
                    "PutEvents" => Channel::parse("eventbridge:deploys"),
                    "Publish" => Channel::parse(&format!("sns:{}", self.topic)),
                    _ => Channel::parse("webhook:ssm:/hook"),
                };
                aws.notifier().notify(&channel.unwrap(), &notification).await
            }
        }
    }
}

async fn described(aws: &Aws) -> Result<Vec<Service>, Failure> {
    aws.cloud().describe_services(&ClusterName::parse(CLUSTER).unwrap(), &[SERVICE]).await
}

/// Every way in which a response is changed, some of them by this seed.
fn garblings(seed: &mut fastrand::Rng) -> Vec<GarbledResponse> {
    let statuses =
        [None, Some(400), Some(403), Some(404), Some(407), Some(409), Some(412), Some(500), Some(503)];
    let bodies = |seed: &mut fastrand::Rng| {
        let cuts = (0..4).map(|_| GarbledBody::CutAt(seed.usize(..))).collect::<Vec<_>>();
        let others = [
            GarbledBody::Page("s3cret-words of a page".to_owned()),
            GarbledBody::Nothing,
            GarbledBody::Typed("text/html"),
        ];
        cuts.into_iter().chain(others)
    };
    statuses
        .into_iter()
        .flat_map(|status| bodies(seed).map(move |body| GarbledResponse { status, body }))
        .collect()
}

/// Whether AWS itself may respond so to the operation, or nobody can tell.
fn may_be_aws(operation: &str, garbled: &GarbledResponse) -> bool {
    match (operation, &garbled.body) {
        // The body is as AWS sent it, so it may be believed; and what cut off credentials the SDK takes whole is for
        // the call that they sign.
        (_, GarbledBody::Typed(_)) | ("AssumeRole", GarbledBody::CutAt(_)) => true,
        // A HEAD is refused without a word.
        ("HeadObject", GarbledBody::CutAt(_)) => true,
        // An object may hold anything, and a layer's content is no response of an operation.
        ("GetObject", GarbledBody::CutAt(_)) => garbled.status.is_none(),
        // There is nothing to cut off.
        ("PutObject" | "DeleteObject", GarbledBody::CutAt(_)) => garbled.status.is_none(),
        _ => false,
    }
}

fn has_secret(shown: &str) -> bool {
    PLANTED.iter().any(|secret| shown.contains(secret))
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_response_that_is_not_of_aws_is_shown_by_any_call() {
    let mut seed = fastrand::Rng::with_seed(14);
    let (mut cases, mut wrong) = (0, Vec::new());
    for operation in OPERATIONS.into_iter().chain(CHANNELS) {
        for garbled in garblings(&mut seed) {
            let world = World::new().await;
            world.account.sandbox.inject(Fault {
                operation: operation.split(' ').next().unwrap().to_owned(),
                nth: None,
                kind: FaultKind::Garbled(garbled.clone()),
            });
            let called = world.call(operation).await;
            cases += 1;
            if let Some(fault) = fault_of(operation, &garbled, called) {
                wrong.push(format!("{operation} with {garbled:?}: {fault}"));
            }
        }
    }
    say(&format!(
        "{cases} responses that are not of AWS, to {} operations",
        OPERATIONS.len() + CHANNELS.len()
    ));
    assert!(cases > 1500, "{cases}");
    assert!(wrong.is_empty(), "{} of {cases}:\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n"));
}

/// What is wrong with what came of a call.
fn fault_of(operation: &str, garbled: &GarbledResponse, called: Result<(), Failure>) -> Option<String> {
    let Err(failure) = called else {
        return (!may_be_aws(operation, garbled)).then(|| "it went well".to_owned());
    };
    let error = anyhow::Error::new(failure.clone());
    let shown = format!("{failure}\n{failure:?}\n{error:#}\n{error:?}\n{}", failure_text(&failure));
    let text = failure.to_string();
    let is_told = may_be_aws(operation, garbled) || text.contains("no response of AWS");
    let is_plain = !text.contains(['{', '"']) && failure.kind() != FailureKind::Bug;
    (has_secret(&shown) || !is_told || !is_plain).then_some(text)
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_response_that_is_not_of_aws_is_shown_by_a_deployment() {
    let mut seed = fastrand::Rng::with_seed(15);
    let mut cases = 0;
    let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:2";
    for operation in OPERATIONS {
        for _ in 0..12 {
            let garbled = garblings(&mut seed);
            let garbled = garbled[seed.usize(..garbled.len())].clone();
            let world = World::new().await;
            let account = &world.account;
            account.next_rollout(if cases % 2 == 0 { RolloutOutcome::Ok } else { RolloutOutcome::Crash });
            let records = account.records(&["ssm:/web", "s3://bucket/web.json"]).await;
            account.sandbox.inject(Fault {
                operation: operation.to_owned(),
                nth: Some(1 + seed.usize(..3)),
                kind: FaultKind::Garbled(garbled.clone()),
            });
            let (interrupter, interrupt) = evenkeel::deploy::Interrupt::new();
            let mut request = request(&[("app", image)]);
            request.policy.timeout = std::time::Duration::from_secs(600);
            let report = account.run_until(&request, interrupt, interrupter, &records).await;
            let mut shown = format!("{report:?}\n{}\n{}", report_text(&report), report_document(&report));
            if let Some(failure) = report.first_failure() {
                write!(shown, "{failure}\n{failure:?}").unwrap();
            }
            let what = format!("{operation} with {garbled:?}");
            // The lines that a container logged are shown on purpose.
            assert!(!has_secret(&shown.replace("s3cret-line", "")), "{what}: {shown}");
            assert!(report.exit_status() != 70, "{what}: {}", message(&report));
            cases += 1;
        }
    }
    say(&format!("{cases} deployments with one response that is not of AWS"));
}
