//! Scheduled tasks that follow a deployment, on emulators that nobody here wrote: a rule's target and a schedule get the
//! new revision, and everything else of them is what it was.
//!
//! Both emulators have EventBridge's rules with targets of ECS on several buses, and EventBridge Scheduler with groups. A
//! target they keep with members that no SDK knows, and a schedule's target too; of a schedule's own members they keep those
//! that they know. Neither checks a client token, refuses an update that conflicts, fails a target in a response that is a
//! success, or has rules that an AWS service manages. Of moto, a rollout never completes, so there the adapter is tested.

use std::io::Write as _;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use evenkeel::aws::{Aws, AwsCloud, Connection};
use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::ports::{Access as _, Identity, ScheduledTaskEffects as _, ScheduledTasks as _};
use evenkeel_core::scheduled::ScheduledTask;
use serde_json::{Value, json};

use crate::NEW;
use crate::emulator::{Emulator, Kind};
use crate::evenkeel::Evenkeel;

const OTHER: &str = "arn:aws:ecs:eu-central-1:000000000000:task-definition/other:7";
const CLUSTER: &str = "arn:aws:ecs:eu-central-1:000000000000:cluster/prod";

#[test]
fn ministack_has_rules_and_schedules_moved_and_nothing_else_of_them_changed() {
    let Some(emulator) = super::start(Kind::Ministack) else { return };
    let evenkeel = Evenkeel::against(&emulator);
    let world = emulator.create_world();
    let former = world["service"]["taskDefinition"].as_str().unwrap();
    let before = create(&emulator, former);
    let also =
        ["--also", "rule:nightly", "--also", "rule:paid/receipt@shop", "--also", "schedule:night/report"];

    let deployed = evenkeel.run(&[&["deploy", "--image", &format!("app={NEW}")], &also[..]].concat());
    assert_eq!((deployed.status, &deployed.document["outcome"]), (0, &json!("deployed")), "{deployed:?}");
    let live = deployed.only_service()["taskDefinitionArn"].as_str().unwrap().to_owned();
    assert_ne!(live, former);
    let after = read(&emulator);
    let mut expected = before.clone();
    for place in ["/targets/0/1", "/targets/1/0", "/schedules/0/Target"] {
        rename(&mut expected, place, former, &live);
    }
    assert_eq!(without_dates(&after), without_dates(&expected));
    assert_eq!(after["schedules"][0]["State"], "DISABLED");

    let again = evenkeel.run(&[&["deploy", "--image", &format!("app={NEW}")], &also[..]].concat());
    assert_eq!((again.status, &again.document["outcome"]), (0, &json!("unchanged")), "{again:?}");
    assert_eq!(read(&emulator), after, "nothing was written");

    // The one that nobody named yet, and none of another family.
    let family = evenkeel.run(&["deploy", "--image", &format!("app={NEW}"), "--also", "family"]);
    assert_eq!((family.status, &family.document["outcome"]), (0, &json!("unchanged")), "{family:?}");
    rename(&mut expected, "/schedules/1/Target", former, &live);
    assert_eq!(without_dates(&read(&emulator)), without_dates(&expected));

    // Each service by the SDK's own variable for it, and nothing of the others.
    let mut by_variables = evenkeel.command("test");
    by_variables.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    for service in ["ECS", "EVENTBRIDGE", "SCHEDULER"] {
        by_variables.env(format!("AWS_ENDPOINT_URL_{service}"), emulator.url());
    }
    by_variables.args(["deploy", "--cluster", "prod", "--service", "web", "--image", &format!("app={NEW}")]);
    let output = by_variables.args(["--also", "family", "--output", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn moto_has_rules_and_schedules_replaced_and_nothing_else_of_them_changed() {
    let Some(emulator) = super::start(Kind::Moto) else { return };
    let [former, live] = ["web:1", "web:2"].map(arn);
    let before = create(&emulator, &former);
    let cloud = cloud(&emulator).await;
    assert_eq!(cloud.rule("default", "daily").await.unwrap(), None);
    assert_eq!(cloud.schedule("night", "daily").await.unwrap(), None);
    let mut rules = cloud.rules_on(CLUSTER).await.unwrap();
    rules.sort();
    let named = |of: &str, name: &str| (of.to_owned(), name.to_owned());
    assert_eq!(rules, [named("default", "nightly"), named("shop", "paid")]);
    let mut schedules = cloud.schedules_on(CLUSTER).await.unwrap();
    schedules.sort();
    assert_eq!(schedules, [named("default", "digest"), named("default", "other"), named("night", "report")]);
    assert_eq!(cloud.rules_on(&CLUSTER.replace("prod", "test")).await.unwrap(), []);

    let rule = cloud.rule("default", "nightly").await.unwrap().unwrap();
    assert!(!rule.is_enabled && rule.targets.len() == 2);
    let report = cloud.schedule("night", "report").await.unwrap().unwrap();
    assert!(!report.is_enabled());
    let tasks = ScheduledTask::of_rule("default", "nightly", rule).into_iter().chain([report]);
    let revision = TaskDefinitionArn::parse(&live).unwrap();
    for task in tasks.filter(|task| task.definition() == Some(&former)) {
        cloud.replace(&task.with_revision(&revision)).await.unwrap();
    }
    let mut expected = before;
    rename(&mut expected, "/targets/0/1", &former, &live);
    rename(&mut expected, "/schedules/0/Target", &former, &live);
    assert_eq!(without_dates(&read(&emulator)), without_dates(&expected));
}

fn arn(revision: &str) -> String {
    format!("arn:aws:ecs:eu-central-1:000000000000:task-definition/{revision}")
}

/// Makes rules and schedules that start `definition`, and one of each that starts another family.
fn create(emulator: &Emulator, definition: &str) -> Value {
    let mut input = tempfile::NamedTempFile::new().unwrap();
    write!(input, "{}", json!({ "definition": definition, "other": OTHER })).unwrap();
    emulator.script("scheduled.py", "create", input.path())
}

fn read(emulator: &Emulator) -> Value {
    emulator.script("scheduled.py", "read", "/dev/null")
}

/// Has the target at `place` start another revision than it does.
fn rename(all: &mut Value, place: &str, former: &str, live: &str) {
    let named = &mut all.pointer_mut(place).unwrap()["EcsParameters"]["TaskDefinitionArn"];
    assert_eq!(*named, former, "{place}");
    *named = live.into();
}

/// All of it but the dates of the last change.
fn without_dates(all: &Value) -> Value {
    let mut all = all.clone();
    for schedule in all["schedules"].as_array_mut().unwrap() {
        assert!(schedule.as_object_mut().unwrap().remove("LastModificationDate").is_some());
    }
    all
}

/// The adapter before the emulator.
async fn cloud(emulator: &Emulator) -> AwsCloud {
    let redirected = SharedHttpClient::new(Redirected {
        url: emulator.url().to_owned(),
        client: aws_smithy_http_client::Builder::new().build_http(),
    });
    let aws = Aws::load(&Connection { embedded: Some(redirected), ..Connection::default() }).await.unwrap();
    let identity = Identity { region: Some("eu-central-1".to_owned()), ..Identity::default() };
    aws.ecs(&identity).await.unwrap()
}

/// Sends every request to one address, whatever host it is meant for.
#[derive(Debug, Clone)]
struct Redirected<C> {
    url: String,
    client: C,
}

impl HttpClient for Redirected<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let client = self.client.http_connector(settings, components);
        SharedHttpConnector::new(Redirected { url: self.url.clone(), client })
    }
}

impl HttpConnector for Redirected<SharedHttpConnector> {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let (_, rest) = request.uri().split_once("://").unwrap();
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        let uri = format!("{}/{path}", self.url);
        request.set_uri(uri).unwrap();
        self.client.call(request)
    }
}
