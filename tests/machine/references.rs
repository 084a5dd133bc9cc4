//! Image references: what the parser refuses is never registered, what it takes is, and every way in agrees.

use std::collections::BTreeMap;

use evenkeel::cli::job_options;
use evenkeel_core::deployment::Outcome;
use evenkeel_core::image::Images;
use evenkeel_core::job::{JobConfiguration, Secret};
use evenkeel_core::one_off::Steps;
use evenkeel_core::request::{ClusterName, DeployRequest, Policy, ServiceName};
use evenkeel_core::runner::Runner;
use evenkeel_core::variables::VariableChanges;
use evenkeel_core::{image_definitions, image_detail};
use proptest::prelude::*;
use serde_json::json;

use crate::world::{Account, CLUSTER, SERVICE, message};

const HASH: &str = "94afd1f2e64d908bc90dbca0035a5b567abcdef00123456789abcdef01234567";

/// Texts of which about half are references: the parts that builds put together, each of which may be missing
/// or wrong.
fn texts() -> impl Strategy<Value = String> {
    let registry = prop_oneof![
        4 => Just("registry.example:5000/"),
        2 => Just("123456789012.dkr.ecr.eu-west-1.amazonaws.com/"),
        2 => Just(""),
        1 => Just("123456789012.dkr.ecr..amazonaws.com/"),
        1 => Just("https://registry.example/"),
        1 => Just("/"),
        1 => Just("registry..example/"),
        1 => Just("localhost/"),
    ];
    let repository = prop_oneof![
        6 => "[a-z]{2,6}(/[a-z0-9_.-]{1,6}){0,2}",
        1 => Just(String::new()),
        1 => Just("Shop/Web".to_owned()),
        1 => Just("$REPOSITORY".to_owned()),
    ];
    let tag = prop_oneof![
        4 => ":[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}",
        2 => Just(format!("@sha256:{HASH}")),
        2 => Just(format!(":1@sha256:{HASH}")),
        1 => Just(String::new()),
        1 => Just(":".to_owned()),
        1 => Just(":feature/login".to_owned()),
        1 => Just("@sha256:1".to_owned()),
        1 => Just(":1\r".to_owned()),
    ];
    (registry, repository, tag).prop_map(|(registry, repository, tag)| format!("{registry}{repository}{tag}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_is_refused_is_never_registered_and_what_is_taken_is(text in texts()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(deploys_or_refuses(&text));
    }
}

async fn deploys_or_refuses(text: &str) {
    let account = Account::new();
    let all = [by_definitions(text), by_detail(text), by_argument(text), by_property(text)];
    assert!(all.iter().all(|images| images.is_some() == all[0].is_some()), "{text:?}: {all:?}");
    for images in all.into_iter().flatten() {
        assert_eq!(images.get("app").unwrap().as_str(), text);
        let request = DeployRequest {
            cluster: ClusterName::parse(CLUSTER).unwrap(),
            services: vec![ServiceName::parse(SERVICE).unwrap()],
            images,
            policy: Policy { skip_verify: true, ..Policy::default() },
            steps: Steps::default(),
            variables: VariableChanges::default(),
            also: Vec::new(),
        };
        let report = account.run(&request).await;
        let done = [Outcome::Deployed, Outcome::Unchanged].contains(&report.outcome);
        assert!(done, "{text:?}: {}", message(&report));
        assert_eq!(account.sandbox.stored("web:2").unwrap()["containerDefinitions"][0]["image"], text);
    }
    let is_taken = by_argument(text).is_some();
    assert_eq!(account.effects("RegisterTaskDefinition"), usize::from(is_taken), "{text:?}");
}

fn by_definitions(text: &str) -> Option<Images> {
    let file = json!([{ "name": "app", "imageUri": text }]).to_string();
    image_definitions::parse("imagedefinitions.json", file.as_bytes(), Runner::Other).ok()
}

fn by_detail(text: &str) -> Option<Images> {
    let file = json!({ "ImageURI": text }).to_string();
    image_detail::parse("imageDetail.json", file.as_bytes(), "app").ok()
}

fn by_argument(text: &str) -> Option<Images> {
    let mut images = Images::default();
    images.assign(&format!("app={text}")).ok()?;
    Some(images)
}

/// The property, whose items are trimmed, so that it takes an image with white space around it.
fn by_property(text: &str) -> Option<Images> {
    if text != text.trim() {
        return by_argument(text);
    }
    let images = format!("app={text}");
    let given = [("ClusterName", CLUSTER), ("ServiceName", SERVICE), ("Images", images.as_str())];
    let properties: BTreeMap<String, Secret> =
        given.into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value))).collect();
    JobConfiguration::parse(&properties, job_options).ok()?.images
}
