//! Records in strict buckets: with Object Lock, with encryption demanded, in another Region.

use evenkeel::deploy::{Interrupt, Report};
use evenkeel_core::deployment::Outcome;
use evenkeel_core::failure::FailureKind;
use serde_json::Value;

use crate::world::{Account, ended, ending, message, request};

const NEW: (&str, &str) = ("app", "registry.example.com:5000/shop/web:2");
/// The bucket, and the two sinks in it with their keys.
const BUCKET: &str = "strict";
const SINKS: [(&str, &str); 2] =
    [("s3://strict/web.json", "web.json"), ("tfstate:s3://strict/web.tfstate", "web.tfstate")];

#[tokio::test(start_paused = true)]
async fn a_record_is_kept_in_a_bucket_with_object_lock() {
    for (sink, key) in SINKS {
        let account = Account::new();
        account.sandbox.lock_objects(BUCKET);
        let report = deploy(&account, sink).await;
        assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
        assert!(text(&account, key).contains("succeeded"), "{sink}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_write_is_encrypted_as_the_sink_says() {
    let kms = |key: Option<&str>| Some(("aws:kms".to_owned(), key.map(str::to_owned)));
    for (sink, key) in SINKS {
        let account = Account::new();
        account.sandbox.create_bucket(BUCKET, true);
        let denied = deploy(&account, sink).await;
        let failure = denied.first_failure().unwrap();
        assert_eq!(failure.kind(), FailureKind::Denied, "{failure}");
        assert_eq!(account.effects("UpdateService"), 0);

        let report = deploy(&account, &format!("{sink}?sse=aws:kms&kms-key-id=alias/shop")).await;
        assert_eq!(ending(&report).0, Outcome::Deployed, "{}", message(&report));
        assert_eq!(account.sandbox.encryption_of(BUCKET, key), kms(Some("alias/shop")));
        let report = deploy(&account, &format!("{sink}?sse=aws:kms")).await;
        assert_eq!(ending(&report).0, Outcome::Unchanged, "{}", message(&report));
    }
}

#[tokio::test(start_paused = true)]
async fn the_region_of_a_bucket_is_found_once_and_used_from_then_on() {
    for (sink, key) in SINKS {
        let account = Account::new();
        account.sandbox.move_bucket(BUCKET, "eu-central-1");
        let report = deploy(&account, sink).await;
        assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{}", message(&report));
        assert!(text(&account, key).contains("succeeded"), "{sink}");
        let calls = account.sandbox.calls();
        assert_eq!(calls.iter().filter(|call| call.status == Some(301)).count(), 1, "{calls:?}");
    }
}

async fn deploy(account: &Account, sink: &str) -> Report {
    let (interrupter, interrupt) = Interrupt::new();
    let records = account.records(&[sink]).await;
    account.run_until(&request(&[NEW]), interrupt, interrupter, &records).await
}

fn text(account: &Account, key: &str) -> String {
    let content = account.sandbox.object(BUCKET, key).unwrap();
    serde_json::from_slice::<Value>(&content).unwrap().to_string()
}
