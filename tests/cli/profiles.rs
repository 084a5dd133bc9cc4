//! `--profile`: whose credentials a command uses.

use crate::world::{APP_NEW, Account, DEPLOY, Ended};

const CREDENTIALS: &str = "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = s3cret-of-default\n\n\
                           [prod]\naws_access_key_id = AKIDPROD\naws_secret_access_key = s3cret-of-prod\n";

fn deployed(account: &Account, environment: &[(&str, &str)], more: &[&str]) -> Ended {
    let arguments = [&DEPLOY[..], &["--image", APP_NEW], more].concat();
    let ended = Ended::of(account.command(&arguments).envs(environment.iter().copied()).output().unwrap());
    assert!(!ended.stderr.contains("s3cret-of") && !ended.stdout.contains("s3cret-of"), "{ended:?}");
    ended
}

fn keys(account: &Account) -> Vec<String> {
    let mut keys: Vec<_> = account.sandbox.calls().into_iter().filter_map(|call| call.access_key).collect();
    keys.dedup();
    keys
}

#[test]
fn a_profile_that_is_named_comes_before_the_environment() {
    for (environment, more) in
        [(None, Some(["--profile", "prod"])), (Some(("EVENKEEL_PROFILE", "prod")), None)]
    {
        let account = Account::new();
        std::fs::create_dir(account.path().join(".aws")).unwrap();
        account.file(".aws/credentials", CREDENTIALS);
        account.sandbox.clear_calls();
        let more = more.iter().flatten().copied().collect::<Vec<_>>();
        let environment: Vec<_> = environment.into_iter().collect();
        deployed(&account, &environment, &more).is(0, "deployed", None, &[]);
        assert_eq!(keys(&account), ["AKIDPROD"]);
    }
}

#[test]
fn without_one_the_environment_comes_first() {
    let account = Account::new();
    std::fs::create_dir(account.path().join(".aws")).unwrap();
    account.file(".aws/credentials", CREDENTIALS);
    account.sandbox.clear_calls();
    deployed(&account, &[], &[]).is(0, "deployed", None, &[]);
    assert_eq!(keys(&account), ["AKIDEXAMPLE"]);
}

#[test]
fn a_profile_that_is_not_there_is_4_and_nothing_changes() {
    let account = Account::new();
    let ended = deployed(&account, &[], &["--profile", "nowhere"]);
    assert_eq!(ended.status, Some(4), "{ended:?}");
    assert_eq!(account.effects("RegisterTaskDefinition"), 0);
}
