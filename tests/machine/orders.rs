//! Two or three deploy one service at once, in every order of the calls that read or write the service and the
//! record: one ends well, nobody who is not live says `deployed`, no change is lost, and each record names what runs.

#[path = "orders/answers.rs"]
mod answers;
#[path = "orders/explore.rs"]
mod explore;
#[path = "orders/gate.rs"]
mod gate;
#[path = "orders/play.rs"]
mod play;

use std::collections::BTreeMap;

use evenkeel::deploy::Report;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::record::Status;
use serde_json::{Value, json};

use crate::records::{arn, record};
use crate::world::{Account, CLUSTER, SERVICE, ending, say};
use explore::{Played, commuting_pairs, every_order, every_order_with, one_order, orders_by_seed, words};
use play::Rivals;

const SSM: &[&str] = &["ssm:/deploy/web/record"];
const S3: &[&str] = &["s3://records/web.json"];
const BOTH: &[&str] = &["ssm:/deploy/web/record", "s3://records/web.json"];

const DIFFERENT: &[(&str, &str)] = &[("app", "shop/app:2"), ("cache", "shop/cache:2"), ("log", "shop/log:2")];
const SAME: &[(&str, &str)] = &[("app", "shop/app:2"), ("app", "shop/app:2"), ("app", "shop/app:2")];
const OTHER: &[(&str, &str)] = &[("app", "shop/app:2"), ("app", "shop/app:3")];
const MIXED: &[(&str, &str)] = &[("app", "shop/app:2"), ("cache", "shop/cache:2"), ("app", "shop/app:3")];

/// No run sets variables.
const NONE: &[&str] = &[];

/// Two runs, each step of which is a call of ECS or a conditional write of a record, in every order.
async fn two_in_every_order(images: &'static [(&'static str, &'static str)], sinks: &'static [&'static str]) {
    let rivals = Rivals { images: &images[..2], variables: NONE, sinks, each_call: false };
    let orders = every_order(&rivals, async |played: Played| drop(judge(&rivals, played).await)).await;
    say(&format!("two rivals with {:?} in {sinks:?}: {orders}", rivals.images));
    assert!(orders.ends > 50, "{orders}");
}

#[tokio::test(start_paused = true)]
async fn two_with_different_containers_and_an_object_in_every_order() {
    two_in_every_order(DIFFERENT, S3).await;
}

#[tokio::test(start_paused = true)]
async fn two_with_the_same_image_and_an_object_in_every_order() {
    two_in_every_order(SAME, S3).await;
}

#[tokio::test(start_paused = true)]
async fn two_with_the_same_image_a_parameter_and_an_object_in_every_order() {
    two_in_every_order(SAME, BOTH).await;
}

#[tokio::test(start_paused = true)]
async fn two_with_different_images_of_one_container_in_every_order() {
    two_in_every_order(OTHER, S3).await;
}

/// Two runs that set variables or give one back, and what the pipeline may own in the end.
fn with_variables() -> [(Rivals, Vec<Value>); 3] {
    let rivals = |images, variables| Rivals { images, variables, sinks: S3, each_call: false };
    let owned = |pairs: Value| json!({ "app": { "environment": pairs } });
    [
        (
            rivals(&DIFFERENT[..2], &["set-env app:A=1", "set-env app:B=1"]),
            vec![owned(json!({ "A": "1", "B": "1" }))],
        ),
        (
            rivals(&DIFFERENT[..2], &["set-env app:A=1", "set-env app:A=2"]),
            vec![owned(json!({ "A": "1" })), owned(json!({ "A": "2" }))],
        ),
        (
            rivals(&DIFFERENT[..2], &["unset-env app:OLD", "set-env app:A=1"]),
            vec![owned(json!({ "A": "1" }))],
        ),
    ]
}

/// The record tells what is owned, and what runs has just that.
async fn judge_variables(rivals: &Rivals, owned: &[Value], played: Played) {
    let order = words(&played.order);
    let account = judge(rivals, played).await;
    let told = json!(record(&account.records(S3).await[0]).await.unwrap().variables);
    assert!(owned.contains(&told), "{:?} {order}: {told}", rivals.variables);
    let live = account.sandbox.stored(&account.live(SERVICE)).unwrap();
    let environment = live["containerDefinitions"][0]["environment"].as_array().cloned();
    let there: BTreeMap<_, _> = environment
        .into_iter()
        .flatten()
        .map(|item| (item["name"].as_str().unwrap().to_owned(), item["value"].clone()))
        .collect();
    assert_eq!(json!(there), told["app"]["environment"], "{:?} {order}", rivals.variables);
}

#[tokio::test(start_paused = true)]
async fn two_with_variables_in_orders_by_seed() {
    let mut drawn = 0;
    for (seed, (rivals, owned)) in (1..).zip(with_variables()) {
        let judge = async |played: Played| judge_variables(&rivals, &owned, played).await;
        drawn += orders_by_seed(&rivals, seed, 12, judge).await;
    }
    say(&format!("two rivals with variables: 36 distinct orders of {drawn} by seed"));
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: run by hand, `cargo test --test machine -- --ignored orders`"]
async fn two_with_variables_in_every_order() {
    for (rivals, owned) in with_variables() {
        let judge = async |played: Played| judge_variables(&rivals, &owned, played).await;
        let orders = every_order(&rivals, judge).await;
        say(&format!("two rivals with {:?}: {orders}", rivals.variables));
        assert!(orders.ends > 50, "{orders}");
    }
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: run by hand, `cargo test --test machine -- --ignored orders`"]
async fn two_with_a_parameter_and_an_object_in_every_order() {
    two_in_every_order(DIFFERENT, BOTH).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: run by hand, `cargo test --test machine -- --ignored orders`"]
async fn two_with_a_parameter_in_every_order_of_each_call() {
    let rivals = Rivals { images: &DIFFERENT[..2], variables: NONE, sinks: SSM, each_call: true };
    let orders = every_order(&rivals, async |played: Played| drop(judge(&rivals, played).await)).await;
    say(&format!("two rivals with {:?} in {SSM:?}, call by call: {orders}", rivals.images));
    assert!(orders.ends > 50, "{orders}");
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: run by hand, `cargo test --test machine -- --ignored orders`"]
async fn three_in_every_order_with_three_switches() {
    for (images, sinks) in [(DIFFERENT, S3), (SAME, S3), (MIXED, SSM)] {
        three_with_three_switches(Rivals { images, variables: NONE, sinks, each_call: true }).await;
    }
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: run by hand, `cargo test --test machine -- --ignored orders`"]
async fn three_different_with_a_parameter_and_an_object_in_every_order_with_three_switches() {
    three_with_three_switches(Rivals { images: DIFFERENT, variables: NONE, sinks: BOTH, each_call: false })
        .await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: run by hand, `cargo test --test machine -- --ignored orders`"]
async fn three_same_with_a_parameter_and_an_object_in_every_order_with_three_switches() {
    three_with_three_switches(Rivals { images: SAME, variables: NONE, sinks: BOTH, each_call: false }).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes an hour: run by hand, `cargo test --test machine -- --ignored orders`"]
async fn three_mixed_with_a_parameter_and_an_object_in_every_order_with_three_switches() {
    three_with_three_switches(Rivals { images: MIXED, variables: NONE, sinks: BOTH, each_call: false }).await;
}

async fn three_with_three_switches(rivals: Rivals) {
    let orders =
        every_order_with(&rivals, 3, async |played: Played| drop(judge(&rivals, played).await)).await;
    say(&format!(
        "three rivals with {:?} in {:?}: {orders} of up to 3 switches",
        rivals.images, rivals.sinks
    ));
    assert!(orders.ends > 50, "{orders}");
}

/// The second run's end removes the first one's mark, and the third run's end replaces what the second one recorded.
#[tokio::test(start_paused = true)]
async fn the_first_of_three_overtakes_each_of_the_others_after_its_end() {
    three_that_begin("0s 0p 0P 1s 1p 1p 1P 1S 1t 1s 1p 1P 0S 2s 2p 2p 2P 2S 2t 2s 2p 2P 0p").await;
}

/// The third run's end removes the mark of the second one, which has not yet recorded what it deployed; the first run
/// then makes a copy of the second one's revision.
#[tokio::test(start_paused = true)]
async fn the_mark_of_a_revision_that_is_copied_is_put_back() {
    three_that_begin("0s 0p 0P 1s 1p 1p 1P 1S 1t 1s 1p 0S 2s 2p 2p 2P 2S 2t 2s 2p 2P 1P").await;
}

async fn three_that_begin(beginning: &str) {
    let rivals = Rivals { images: MIXED, variables: NONE, sinks: SSM, each_call: true };
    drop(judge(&rivals, one_order(&rivals, beginning).await).await);
}

/// What "every order" leaves out is an order that leads to the same state as one that is played.
#[tokio::test(start_paused = true)]
async fn two_steps_that_commute_lead_to_the_same_state_in_either_order() {
    let mut random = fastrand::Rng::with_seed(14);
    let mut swapped = BTreeMap::new();
    for (images, sinks) in [(DIFFERENT, BOTH), (SAME, BOTH), (OTHER, S3)] {
        for each_call in [false, true] {
            let rivals = Rivals { images: &images[..2], variables: NONE, sinks, each_call };
            for _ in 0..8 {
                for pair in commuting_pairs(&rivals, &mut random).await {
                    *swapped.entry(pair).or_insert(0) += 1;
                }
            }
        }
    }
    say(&format!("two steps that commute, swapped: {swapped:?}"));
    assert!(swapped.len() > 3, "{swapped:?}");
}

#[tokio::test(start_paused = true)]
async fn three_in_orders_by_seed() {
    three_by_seed(40).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: run by hand, `cargo test --test machine -- --ignored orders`"]
async fn three_in_five_thousand_orders_by_seed() {
    three_by_seed(560).await;
}

/// Three runs, each call of which is a step: of each of nine kinds of rivals so many orders, no two of them alike.
async fn three_by_seed(each: usize) {
    let (mut distinct, mut drawn) = (0, 0);
    let all =
        [DIFFERENT, SAME, MIXED].into_iter().flat_map(|images| [SSM, S3, BOTH].map(|sinks| (images, sinks)));
    for (seed, (images, sinks)) in (1..).zip(all) {
        let rivals = Rivals { images, variables: NONE, sinks, each_call: true };
        drawn +=
            orders_by_seed(&rivals, seed, each, async |played: Played| drop(judge(&rivals, played).await))
                .await;
        distinct += each;
    }
    say(&format!("three rivals: {distinct} distinct orders of {drawn} by seed"));
}

/// What must hold when all have ended.
async fn judge(rivals: &Rivals, mut played: Played) -> Account {
    let order = words(&played.order);
    let reports = played.play.reports().await;
    let account = &played.play.account;
    let told: Vec<String> = reports.iter().map(told).collect();
    let what = format!("{:?} in {:?}: {order}\n{}", rivals.images, rivals.sinks, told.join("\n"));

    let statuses: Vec<u8> = reports.iter().map(Report::exit_status).collect();
    assert!(statuses.iter().all(|status| [0, 6].contains(status)), "{what}");
    assert!(statuses.contains(&0), "nobody ends well: {what}");
    let succeeded = succeeded(account);
    for report in reports.iter().filter(|report| report.outcome == Outcome::Deployed) {
        let (_, deployed, _) = ending(report);
        assert!(
            succeeded.contains(&deployed.unwrap()),
            "a run reports `deployed`, and ECS has no successful deployment of its revision: {what}"
        );
    }

    let live = account.live(SERVICE);
    let images = images_of(account, &live);
    let mut wanted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (container, image) in rivals.images {
        wanted.entry(container).or_default().push(image);
    }
    for (container, wanted) in &wanted {
        assert!(
            wanted.contains(&images[*container].as_str()),
            "the change of {container} is lost: {images:?} {what}"
        );
    }
    let service = account.call("DescribeServices", json!({ "cluster": CLUSTER, "services": [SERVICE] }));
    assert_eq!(service["services"][0]["deployments"][0]["rolloutState"], "COMPLETED", "{what}");

    for place in account.records(rivals.sinks).await {
        let record = record(&place).await.unwrap();
        let what = format!("{record:?} {what}");
        assert_eq!((record.status, &record.task_definition_arn), (Status::Succeeded, &arn(&live)), "{what}");
        assert_eq!(record.base_task_definition_arn, arn("web:1"), "{what}");
        assert!(record.marks().all(|mark| mark.is_over), "{what}");
        let owned: BTreeMap<String, String> =
            wanted.keys().map(|container| ((*container).to_owned(), images[*container].clone())).collect();
        assert_eq!(record.images, owned, "{what}");
    }
    if let Some((value, _)) = account.sandbox.parameter("/deploy/web/record") {
        let value: Value = serde_json::from_str(&value).unwrap();
        assert_eq!(value["taskDefinitionArn"], arn(&live), "the newest version does not count: {what}");
    }
    Account { sandbox: account.sandbox.clone(), clock: account.clock }
}

/// The revisions, `web:2`, of the deployments that ECS calls successful.
pub(crate) fn succeeded(account: &Account) -> Vec<String> {
    let listed = account.call(
        "ListServiceDeployments",
        json!({ "cluster": CLUSTER, "service": SERVICE, "status": ["SUCCESSFUL"] }),
    );
    let listed = listed["serviceDeployments"].as_array().unwrap();
    let targets: Vec<&Value> = listed.iter().map(|it| &it["targetServiceRevisionArn"]).collect();
    let described = account.call("DescribeServiceRevisions", json!({ "serviceRevisionArns": targets }));
    let revisions = described["serviceRevisions"].as_array().unwrap().iter();
    revisions
        .map(|it| it["taskDefinition"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
        .collect()
}

fn told(report: &Report) -> String {
    let live = report.services.first().and_then(|service| service.task_definition.clone());
    let failure = report.first_failure().map(ToString::to_string).unwrap_or_default();
    format!("  {:?} {live:?} {failure}", report.outcome)
}

fn images_of(account: &Account, revision: &str) -> BTreeMap<String, String> {
    let stored = account.sandbox.stored(revision).unwrap();
    let containers = stored["containerDefinitions"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    containers.iter().map(|it| (text(&it["name"]), text(&it["image"]))).collect()
}
