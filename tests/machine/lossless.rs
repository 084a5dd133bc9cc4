//! The copy is lossless: what is registered is what was live, but for the images.

use evenkeel_core::deployment::Outcome;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::definitions::{Generated, definition};
use crate::world::{Account, request};

const IMAGE: &str = "registry.example.com:5000/shop/web@sha256:\
                     2222222222222222222222222222222222222222222222222222222222222222";

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_deployed_definition_is_its_source_but_for_the_images(generated in definition()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(copies(&generated));
    }
}

async fn copies(generated: &Generated) {
    let account = Account::empty();
    for member in &generated.undeclared {
        account.sandbox.declare_member(member);
    }
    let mut source = generated.definition.clone();
    // The images of a confidential task cannot be replaced.
    if let Some(mode) = source.pointer_mut("/trustedExecutionConfiguration/isolationMode") {
        *mode = json!("ISOLATED_SANDBOX");
    }
    let source = &source;
    let family = source["family"].as_str().unwrap();
    account.call("RegisterTaskDefinition", source.clone());
    account.create_service("web", family, json!({}));

    let name = source["containerDefinitions"][0]["name"].as_str().unwrap();
    let report = account.run(&request(&[(name, IMAGE)])).await;
    assert_eq!(report.outcome, Outcome::Deployed, "{report:?}");

    let mut expected = account.call(
        "DescribeTaskDefinition",
        json!({ "taskDefinition": format!("{family}:1"), "include": ["TAGS"] }),
    );
    let mut stored = account.sandbox.stored(&format!("{family}:2")).unwrap();
    // ECS shows its own additions when it is read, and a copy of what it shows has them.
    let read = expected["taskDefinition"].as_object_mut().unwrap();
    for member in READ_ONLY {
        read.remove(member);
    }
    assert_eq!(without_tags(&mut stored), without_tags(&mut source_tags(source)));
    let mut expected = expected["taskDefinition"].take();
    expected["containerDefinitions"][0]["image"] = json!(IMAGE);
    assert_eq!(stored, expected);
}

/// What `DescribeTaskDefinition` adds and `RegisterTaskDefinition` refuses.
const READ_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "deregisteredAt",
    "deleteRequestedAt",
    "registeredBy",
];

fn source_tags(source: &Value) -> Value {
    json!({ "tags": source.get("tags") })
}

/// Takes the tags out, and says what they were; none and an empty list are the same to ECS.
fn without_tags(definition: &mut Value) -> Vec<Value> {
    let tags = definition.as_object_mut().unwrap().remove("tags").unwrap_or_default();
    tags.as_array().cloned().unwrap_or_default()
}
