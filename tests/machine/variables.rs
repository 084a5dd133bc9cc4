//! Variables that the pipeline owns: set, kept, taken over and given back, and what the record says of them.

use std::time::Duration;

use evenkeel::deploy::{Interrupt, Report};
use evenkeel::record_commands::{self, Repair};
use evenkeel_core::deployment::Outcome;
use evenkeel_core::failure::FailureKind;
use evenkeel_core::record::DeployedBy;
use evenkeel_core::request::{ClusterName, DeployRequest, ServiceName};
use evenkeel_core::variables::{VariableChanges, VariableKind};
use evenkeel_sandbox::{Fault, FaultKind, RolloutOutcome};
use serde_json::{Value, json};

use crate::records::{Places, SSM};
use crate::world::{Account, CLUSTER, SERVICE, definition, ended, ending, message, request, say};

const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");

/// What options such as `set-env app:A=1` ask for.
pub(crate) fn changes(options: &[&str]) -> VariableChanges {
    let mut changes = VariableChanges::default();
    for option in options {
        let (option, text) = option.split_once(' ').unwrap_or((option, ""));
        let kind = |word: &str| VariableKind::ALL.into_iter().find(|kind| kind.word() == word).unwrap();
        match option.split_once('-').unwrap() {
            ("set", word) => changes.assign(kind(word), text).unwrap(),
            ("unset", word) => changes.unassign(kind(word), text).unwrap(),
            _ => changes.take_over = true,
        }
    }
    changes
}

fn asking(images: &[(&str, &str)], options: &[&str]) -> DeployRequest {
    DeployRequest { variables: changes(options), ..request(images) }
}

/// An account, and where the record of its service is.
struct Story {
    account: Account,
    places: Places,
}

impl Story {
    async fn new() -> Self {
        // ECS reads secrets by the execution role.
        let mut definition = definition();
        definition["executionRoleArn"] = json!("arn:aws:iam::123456789012:role/execution");
        Self::running(&definition).await
    }

    async fn running(definition: &Value) -> Self {
        let account = Account::running(definition);
        account.sandbox.put_parameter("/deploy/web/record", "{}").unwrap();
        let places = account.records(&[SSM]).await;
        Self { account, places }
    }

    async fn deploy(&self, images: &[(&str, &str)], options: &[&str]) -> Report {
        let (_interrupter, interrupt) = Interrupt::new();
        self.account.run_each(&asking(images, options), interrupt, vec![&self.places]).await
    }

    async fn deployed(&self, images: &[(&str, &str)], options: &[&str], live: &str) {
        let report = self.deploy(images, options).await;
        assert_eq!(ending(&report), ended(Outcome::Deployed, live, 0), "{}", message(&report));
    }

    fn record(&self) -> Value {
        serde_json::from_str(&self.account.sandbox.parameter("/deploy/web/record").unwrap().0).unwrap()
    }

    /// The first container of what runs.
    fn app(&self) -> Value {
        self.account.sandbox.stored(&self.account.live(SERVICE)).unwrap()["containerDefinitions"][0].clone()
    }

    fn writes(&self) -> usize {
        ["RegisterTaskDefinition", "UpdateService", "PutParameter"]
            .into_iter()
            .map(|operation| self.account.effects(operation))
            .sum()
    }
}

fn env(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

#[tokio::test(start_paused = true)]
async fn variables_alone_are_a_deployment_and_once_more_is_none() {
    let story = Story::new().await;
    let options = ["set-env app:GIT_SHA=abc", "set-secret app:TOKEN=/shop/token", "set-label app:com.x=1"];
    story.deployed(&[], &options, "web:2").await;
    let app = story.app();
    assert_eq!(app["environment"], env(&[("EMPTY", ""), ("GIT_SHA", "abc")]));
    assert_eq!(app["secrets"], json!([{ "name": "TOKEN", "valueFrom": "/shop/token" }]));
    assert_eq!(app["dockerLabels"], json!({ "com.x": "1" }));
    assert_eq!(app["image"], definition()["containerDefinitions"][0]["image"]);
    let owned = json!({ "app": {
        "environment": { "GIT_SHA": "abc" }, "secrets": { "TOKEN": "/shop/token" }, "dockerLabels": { "com.x": "1" },
    }});
    let record = story.record();
    assert_eq!((&record["variables"], &record["images"]), (&owned, &json!({})));

    story.account.sandbox.clear_calls();
    let report = story.deploy(&[], &options).await;
    assert_eq!(ending(&report), ended(Outcome::Unchanged, "web:2", 0), "{}", message(&report));
    assert_eq!((story.writes(), json!(report.services[0].variables)), (0, owned));
}

#[tokio::test(start_paused = true)]
async fn a_record_without_variables_has_no_member_for_them() {
    let story = Story::new().await;
    story.deployed(&[NEW], &[], "web:2").await;
    assert_eq!(story.record().get("variables"), None);
}

#[tokio::test(start_paused = true)]
async fn a_later_deployment_keeps_what_is_owned_and_may_change_it_without_taking_over() {
    let story = Story::new().await;
    story.deployed(&[NEW], &["set-env app:A=1", "set-env proxy:B=1"], "web:2").await;
    story.deployed(&[("app", "web:3")], &[], "web:3").await;
    assert_eq!(story.app()["environment"], env(&[("EMPTY", ""), ("A", "1")]));
    story.deployed(&[], &["set-env app:A=2"], "web:4").await;
    let owned = json!({ "app": { "environment": { "A": "2" } }, "proxy": { "environment": { "B": "1" } } });
    let record = story.record();
    assert_eq!((&record["variables"], &record["images"]), (&owned, &json!({ "app": "web:3" })));
    assert_eq!(record["baseTaskDefinitionArn"], crate::records::arn("web:1"));
}

#[tokio::test(start_paused = true)]
async fn what_the_pipeline_does_not_own_is_taken_over_only_if_that_is_asked_for() {
    let story = Story::new().await;
    for value in ["", "other"] {
        let report = story.deploy(&[], &[&format!("set-env app:EMPTY={value}")]).await;
        assert_eq!(report.exit_status(), 3, "{}", message(&report));
        let told = message(&report);
        for word in
            ["environment variable EMPTY", "container app", "web:1", "--take-over", "nothing was changed"]
        {
            assert!(told.contains(word), "{word}: {told}");
        }
    }
    let secret = story.deploy(&[], &["set-secret app:EMPTY=/shop/empty"]).await;
    assert_eq!(secret.exit_status(), 3, "ECS takes a name once");
    assert_eq!(story.writes(), 0);

    // The value is there already: nothing is rolled out, and the record says who owns it.
    let report = story.deploy(&[], &["set-env app:EMPTY=", "take-over"]).await;
    assert_eq!(ending(&report), ended(Outcome::Unchanged, "web:1", 0), "{}", message(&report));
    assert_eq!(story.record()["variables"], json!({ "app": { "environment": { "EMPTY": "" } } }));
    story.deployed(&[], &["set-secret app:EMPTY=/shop/empty"], "web:2").await;
    assert_eq!(story.app()["environment"], json!([]));
    assert_eq!(story.record()["variables"], json!({ "app": { "secrets": { "EMPTY": "/shop/empty" } } }));
}

#[tokio::test(start_paused = true)]
async fn without_a_record_nobody_knows_what_is_owned() {
    let account = Account::new();
    let refused = account.run(&asking(&[], &["set-env app:EMPTY=1"])).await;
    assert_eq!(refused.exit_status(), 3);
    for word in ["without a record", "--record", "--take-over"] {
        assert!(message(&refused).contains(word), "{}", message(&refused));
    }
    let refused = account.run(&asking(&[], &["unset-env app:EMPTY"])).await;
    assert_eq!(refused.exit_status(), 3);
    assert!(message(&refused).contains("--record"), "{}", message(&refused));
    let report = account.run(&asking(&[], &["set-env app:A=1", "set-env app:EMPTY=1", "take-over"])).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
    assert_eq!(
        json!(report.services[0].variables),
        json!({ "app": { "environment": { "A": "1", "EMPTY": "1" } } })
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_has_the_value_from_before_or_is_gone() {
    let story = Story::new().await;
    story
        .deployed(
            &[],
            &["set-env app:EMPTY=full", "set-env app:A=1", "set-label app:l=1", "take-over"],
            "web:2",
        )
        .await;
    story.deployed(&[NEW], &[], "web:3").await;
    story.deployed(&[], &["unset-env app:EMPTY", "unset-env app:A", "unset-label app:l"], "web:4").await;
    let app = story.app();
    assert_eq!((&app["environment"], app.get("dockerLabels")), (&env(&[("EMPTY", "")]), None));
    let record = story.record();
    assert_eq!((record.get("variables"), &record["images"]), (None, &json!({ "app": NEW.1 })));

    story.account.sandbox.clear_calls();
    let report = story.deploy(&[], &["unset-env app:A"]).await;
    assert_eq!((report.exit_status(), story.writes()), (3, 0));
    assert!(message(&report).contains("the pipeline does not own it"), "{}", message(&report));
}

#[tokio::test(start_paused = true)]
async fn what_the_ancestor_had_is_not_known_once_that_is_deleted() {
    let story = Story::new().await;
    story.deployed(&[], &["set-env app:EMPTY=full", "take-over"], "web:2").await;
    let mut record = story.record();
    record["baseTaskDefinitionArn"] = json!(crate::records::arn("gone:1"));
    record.as_object_mut().unwrap().remove("replacesVersion");
    story.account.sandbox.put_parameter("/deploy/web/record", &record.to_string()).unwrap();
    let report = story.deploy(&[], &["unset-env app:EMPTY"]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:3", 0), "{}", message(&report));
    assert!(report.warnings[0].contains("gone:1 cannot be described"), "{:?}", report.warnings);
    assert_eq!(story.app()["environment"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_fails_leaves_the_ownership_as_it_was() {
    let story = Story::new().await;
    story.deployed(&[], &["set-env app:A=1"], "web:2").await;
    let before = story.record();
    for options in [&["set-env app:A=2", "set-env app:B=1"][..], &["unset-env app:A"]] {
        story.account.next_rollout(RolloutOutcome::Crash);
        let report = story.deploy(&[], options).await;
        assert_eq!(report.exit_status(), 1, "{}", message(&report));
        assert_eq!(story.account.live(SERVICE), "web:2");
        let record = story.record();
        assert_eq!((&record["variables"], &record["status"]), (&before["variables"], &json!("succeeded")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollback_records_what_the_revision_has_and_ends_no_ownership() {
    let story = Story::new().await;
    story.deployed(&[NEW], &[], "web:2").await;
    story.deployed(&[], &["set-env app:A=1", "set-secret app:EMPTY=/shop/empty", "take-over"], "web:3").await;
    story.deployed(&[], &["set-env app:A=2"], "web:4").await;
    let report = story.account.roll_back(None, &story.places).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:3", 0), "{}", message(&report));
    let owned = json!({ "app": { "environment": { "A": "1" }, "secrets": { "EMPTY": "/shop/empty" } } });
    assert_eq!(story.record()["variables"], owned);

    let report = story.account.roll_back(Some("1"), &story.places).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:1", 0), "{}", message(&report));
    let absent = json!({ "app": { "environment": { "A": null, "EMPTY": "" } } });
    assert_eq!(story.record()["variables"], absent);
    assert_eq!(json!(report.services[0].variables), absent);
    // Both are still owned.
    story.deployed(&[], &["set-env app:A=3", "set-env app:EMPTY=1"], "web:5").await;
}

#[tokio::test(start_paused = true)]
async fn the_newest_revision_is_adopted_and_a_failed_one_lacks_nothing() {
    let story = Story::new().await;
    let mut unused = story.account.sandbox.stored("web:1").unwrap();
    unused["containerDefinitions"][0]["environment"] = env(&[("EMPTY", ""), ("A", "1")]);
    story.account.call("RegisterTaskDefinition", unused);
    let report = story.deploy(&[], &["set-env app:A=1"]).await;
    assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
    assert_eq!((story.account.revisions("web"), report.warnings.len()), (2, 0));

    story.account.next_rollout(RolloutOutcome::Crash);
    assert_eq!(story.deploy(&[], &["set-env app:A=2"]).await.exit_status(), 1);
    story.account.next_rollout(RolloutOutcome::Ok);
    let report = story.deploy(&[], &["set-env app:A=3"]).await;
    assert_eq!((report.exit_status(), report.warnings), (0, Vec::<String>::new()));
    let mut unused = story.account.sandbox.stored("web:1").unwrap();
    unused["memory"] = json!("1024");
    story.account.call("RegisterTaskDefinition", unused);
    let report = story.deploy(&[], &["set-env app:A=4"]).await;
    assert!(report.warnings[0].contains("what it changes is not in the copy"), "{:?}", report.warnings);
}

#[tokio::test(start_paused = true)]
async fn each_service_has_its_own_variables_and_each_must_be_concerned() {
    let account = Account::new();
    let mut jobs = definition();
    jobs["family"] = json!("jobs");
    jobs["containerDefinitions"][0]["name"] = json!("worker");
    account.call("RegisterTaskDefinition", jobs);
    account.create_service("jobs", "jobs", json!({}));
    let (web, other) = (account.records(&[SSM]).await, account.records(&["ssm:/deploy/jobs"]).await);
    let services: Vec<_> = ["web", "jobs"].map(|name| ServiceName::parse(name).unwrap()).into();
    let run = async |options: &[&str]| {
        let (_interrupter, interrupt) = Interrupt::new();
        let asked = DeployRequest { services: services.clone(), ..asking(&[], options) };
        account.run_each(&asked, interrupt, vec![&web, &other]).await
    };
    let refused = run(&["set-env app:A=1"]).await;
    assert_eq!(refused.exit_status(), 3);
    assert!(
        message(&refused).contains("no image or variable is given for service jobs"),
        "{}",
        message(&refused)
    );
    let refused = run(&["set-env app:A=1", "set-env wroker:A=2"]).await;
    assert_eq!(refused.exit_status(), 3);
    assert!(message(&refused).contains("no container \"wroker\""), "{}", message(&refused));

    let report = run(&["set-env app:A=1", "set-env worker:A=2", "set-env proxy:P=1"]).await;
    assert_eq!(report.exit_status(), 0, "{}", message(&report));
    let record = |name: &str| {
        let text = account.sandbox.parameter(name).unwrap().0;
        serde_json::from_str::<Value>(&text).unwrap()["variables"].take()
    };
    let both = json!({ "environment": { "P": "1" } });
    assert_eq!(
        record("/deploy/web/record"),
        json!({ "app": { "environment": { "A": "1" } }, "proxy": both })
    );
    assert_eq!(record("/deploy/jobs"), json!({ "worker": { "environment": { "A": "2" } }, "proxy": both }));
    // What one of them has given back already is no mistake.
    let alone = DeployRequest { services: services[1..].to_vec(), ..asking(&[], &["unset-env proxy:P"]) };
    let (_interrupter, interrupt) = Interrupt::new();
    assert_eq!(account.run_each(&alone, interrupt, vec![&other]).await.exit_status(), 0);
    assert_eq!(run(&["unset-env proxy:P"]).await.exit_status(), 0);
    assert_eq!(record("/deploy/web/record"), json!({ "app": { "environment": { "A": "1" } } }));
}

#[tokio::test(start_paused = true)]
async fn a_rivals_revision_is_copied_with_our_variables_and_a_name_that_it_brought_is_taken_over_only_if_asked()
 {
    for (options, outcome) in [
        (&["set-env app:A=1"][..], 0),
        (&["set-env app:THEIRS=1"], 3),
        (&["set-env app:THEIRS=1", "take-over"], 0),
    ] {
        let story = Story::new().await;
        story.account.sandbox.before_call("UpdateService", 1, |sandbox| {
            let mut theirs = definition();
            theirs["memory"] = json!("1024");
            theirs["containerDefinitions"][0]["environment"] = env(&[("THEIRS", "x")]);
            sandbox.call("RegisterTaskDefinition", theirs).unwrap();
            let update = json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": "web" });
            sandbox.call("UpdateService", update).unwrap();
        });
        // Another run's write of the record is what tells that the service is to be looked at once more.
        story.account.sandbox.before_call("PutParameter", 1, |sandbox| {
            drop(sandbox.put_parameter("/deploy/web/record", "{}"))
        });
        let report = story.deploy(&[], options).await;
        let expected = [0, outcome].contains(&report.exit_status());
        assert!(expected, "{options:?}: {}", message(&report));
        let app = story.app();
        if report.exit_status() == 0 {
            let record = story.record();
            let owned = record["variables"]["app"]["environment"].as_object().unwrap().clone();
            assert_eq!(owned.values().collect::<Vec<_>>(), [&json!("1")], "{record:#}");
            assert_eq!(story.account.sandbox.stored(&story.account.live(SERVICE)).unwrap()["memory"], "1024");
        } else {
            assert_eq!(app["environment"], env(&[("THEIRS", "x")]), "{}", message(&report));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_repair_tells_what_runs_and_keeps_what_is_owned() {
    let story = Story::new().await;
    story.deployed(&[], &["set-env app:A=1", "set-env app:B=1"], "web:2").await;
    // Somebody registers a copy by hand, with another value and without a variable.
    let mut by_hand = story.account.sandbox.stored("web:2").unwrap();
    by_hand["containerDefinitions"][0]["environment"] = env(&[("EMPTY", ""), ("A", "by hand")]);
    story.account.call("RegisterTaskDefinition", by_hand);
    let update = json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": "web:3" });
    story.account.call("UpdateService", update);
    story.account.clock.sleep(Duration::from_secs(600)).await;
    let ecs = story.account.aws().await.cloud();
    let repair = Repair {
        cluster: &ClusterName::parse(CLUSTER).unwrap(),
        service: &ServiceName::parse(SERVICE).unwrap(),
        clock: story.account.clock,
        by: &DeployedBy { kind: "cli".to_owned(), id: None, url: None },
        force: false,
    };
    record_commands::repair(&ecs, &story.places, &repair).await.unwrap();
    let record = story.record();
    assert_eq!(record["variables"], json!({ "app": { "environment": { "A": "by hand", "B": null } } }));
    assert_eq!(record["taskDefinitionArn"], crate::records::arn("web:3"));
    assert_eq!(
        record["baseTaskDefinitionArn"],
        crate::records::arn("web:1"),
        "it is a copy but for what is owned"
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_that_would_be_too_long_is_refused_before_anything_is_changed() {
    let story = Story::new().await;
    let long = format!("set-label app:notes={}", "x".repeat(3_500));
    let report = story.deploy(&[], &[&long]).await;
    assert_eq!(report.exit_status(), 3, "{}", message(&report));
    assert_eq!(story.writes(), 0, "nothing was changed");
    let told = message(&report);
    assert!(told.contains("4096") && told.contains("ssm:/deploy/web/record"), "{told}");
    let size: usize = told.split("would have ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!((4_097..4_700).contains(&size), "{told}");

    let fits = format!("set-label app:notes={}", "x".repeat(2_000));
    story.deployed(&[], &[&fits], "web:2").await;
    // An object has room for more.
    story.account.sandbox.create_bucket("records", false);
    let object = Story { places: story.account.records(&["s3://records/web.json"]).await, ..story };
    object.deployed(&[], &[&long, "take-over"], "web:3").await;
}

#[tokio::test(start_paused = true)]
async fn the_value_that_is_set_is_shown_and_the_former_one_is_not() {
    let mut former = definition();
    former["containerDefinitions"][0]["environment"] = env(&[("EMPTY", ""), ("A", "formersecret")]);
    let story = Story::running(&former).await;
    let (aws, asked) = (story.account.aws().await, asking(&[], &["set-env app:A=shown-value", "take-over"]));
    let records = [&story.places[..]];
    let plan = evenkeel::deploy::prepare(&aws.cloud(), &records, &story.account.clock, &asked).await.unwrap();
    let changes = &plan.revisions[0].changes;
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0].path, "containerDefinitions[app].environment[A]");
    assert_eq!(
        (changes[0].from.as_deref(), changes[0].to.as_deref()),
        (Some("(hidden)"), Some("shown-value"))
    );
    let refused = DeployRequest { variables: changes_without_take_over(), ..asked };
    let refused = evenkeel::deploy::prepare(&aws.cloud(), &records, &story.account.clock, &refused).await;
    assert_eq!(
        refused.unwrap_err().kind(),
        FailureKind::InvalidInput,
        "the plan refuses what the deployment would"
    );
}

fn changes_without_take_over() -> VariableChanges {
    changes(&["set-env app:A=shown-value"])
}

/// A name that the killed run set is the pipeline's: the same command needs nobody to take it over.
#[tokio::test(start_paused = true)]
async fn the_same_command_after_a_kill_at_any_call_ends_as_if_nothing_had_happened() {
    let mut kills = 0;
    for (options, owned) in [
        (&["set-env app:NEW=1"][..], json!({ "app": { "environment": { "A": "1", "NEW": "1" } } })),
        (&["unset-env app:A"], Value::Null),
    ] {
        let begun = async || {
            let story = Story::new().await;
            story.deployed(&[], &["set-env app:A=1"], "web:2").await;
            story.account.sandbox.clear_calls();
            story
        };
        let whole = begun().await;
        whole.deployed(&[], options, "web:3").await;
        let calls = whole.account.operations();
        for (at, operation) in calls.iter().enumerate() {
            let nth = calls[..=at].iter().filter(|other| *other == operation).count();
            // One poll of a rollout is as good as another.
            if nth > 4 {
                continue;
            }
            let what = format!("{options:?}: killed at call {nth} of {operation}");
            let story = begun().await;
            let kind = FaultKind::HangAfter;
            story.account.sandbox.inject(Fault { operation: operation.clone(), nth: Some(nth), kind });
            tokio::select! {
                biased;
                () = story.account.sandbox.hung() => {}
                _ = story.deploy(&[], options) => {}
            }
            let recorded = |story: &Story| {
                let record = story.record();
                record["status"] == "succeeded" && record["variables"] == owned
            };
            let was_over = recorded(&story);
            let again = story.deploy(&[], options).await;
            // What has been given back, and is recorded so, is not given back twice.
            let is_refused = was_over && options[0].starts_with("unset") && again.exit_status() == 3;
            assert!(again.exit_status() == 0 || is_refused, "{what}: {}", message(&again));
            assert!(recorded(&story), "{what}: {:#}", story.record());
            assert_eq!(
                (story.account.live(SERVICE), story.account.revisions("web")),
                ("web:3".to_owned(), 3),
                "{what}"
            );
            let expected = whole.app()["environment"].clone();
            assert_eq!(
                (&story.app()["environment"], &story.record()["baseTaskDefinitionArn"]),
                (&expected, &json!(crate::records::arn("web:1"))),
                "{what}"
            );
            kills += 1;
        }
    }
    say(&format!("{kills} deployments of variables killed and run again"));
    assert!(kills > 20, "{kills}");
}
