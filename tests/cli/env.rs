//! `eval "$(evenkeel deploy … --output env)"`, in the shells that people have.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use evenkeel_sandbox::{Rollout, RolloutOutcome};
use serde_json::json;

use crate::world::{APP_NEW, Account, NEW};

const DEPLOY: [&str; 7] = ["deploy", "--cluster", "prod", "--service", "web", "--output", "env"];

/// What a shell says after it took in the lines: the status, and the value of each variable.
fn evaluated(account: &Account, shell: &str, lines: &str, variables: &[&str]) -> (i32, Vec<String>) {
    let shown: String =
        variables.iter().map(|name| format!("printf '%s\\0' \"${{{name}-unset}}\"\n")).collect();
    let script = format!("eval \"$LINES_OF_EVENKEEL\"\nstatus=$?\n{shown}exit $status");
    let output = Command::new(shell)
        .args(["-c", &script])
        .env_clear()
        .env("LINES_OF_EVENKEEL", lines)
        .env("PATH", "/usr/bin:/bin")
        .current_dir(account.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let values = text.split_terminator('\0').map(str::to_owned).collect();
    (output.status.code().unwrap(), values)
}

#[test]
fn a_shell_gets_the_variables_and_the_status() {
    let account = Account::new();
    let ended = account.run(&[&DEPLOY[..], &["--image", APP_NEW]].concat());
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let names = [
        "EVENKEEL_OUTCOME",
        "EVENKEEL_REVISION",
        "EVENKEEL_LIVE_IMAGE_APP",
        "EVENKEEL_TASK_DEFINITION_ARN",
        "EVENKEEL_TASK_DEFINITION",
    ];
    for shell in ["bash", "sh"] {
        let (status, values) = evaluated(&account, shell, &ended.stdout, &names);
        assert_eq!(status, 0);
        assert_eq!(values[..3], ["deployed", "2", NEW]);
        assert!(values[3].ends_with("task-definition/web:2"), "{values:?}");
        assert_eq!(values[4], "web:2");
    }
}

#[test]
fn a_failure_is_the_status_of_eval_too() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Crash);
    let crashed = account.run(&[&DEPLOY[..], &["--image", APP_NEW]].concat());
    let missing = account.run(&DEPLOY);
    let usage = account.run(&[&DEPLOY[..], &["--frobnicate"]].concat());
    for (ended, status, outcome) in [(crashed, 1, "rolled_back"), (missing, 5, "failed"), (usage, 2, "unset")]
    {
        assert_eq!(ended.status, Some(status), "{ended:?}");
        let told = evaluated(&account, "bash", &ended.stdout, &["EVENKEEL_OUTCOME"]);
        assert_eq!(told, (status, vec![outcome.to_owned()]), "{ended:?}");
    }
}

#[test]
fn no_value_is_run_or_expanded() {
    let account = Account::new();
    let odd = "it's \"$(touch pwned)\" `touch pwned` $HOME \\ ; touch pwned\n& *";
    // ECS would refuse this image today, so nothing is registered: the image that is live stays.
    account.sandbox.add_old_revision(&json!({ "family": "api", "memory": "512", "containerDefinitions": [
        { "name": "app", "image": "api:1" }, { "name": "odd-one", "image": odd },
    ] }));
    account.call(
        "CreateService",
        json!({ "cluster": "prod", "serviceName": "api", "taskDefinition": "api", "desiredCount": 1 }),
    );
    let rollout = Rollout { outcome: RolloutOutcome::Ok, duration: Duration::from_millis(200) };
    account.sandbox.set_rollout("prod", "api", rollout);
    let arguments =
        ["deploy", "--cluster", "prod", "--service", "api", "--image", "app=api:1", "--output", "env"];
    let ended = account.run(&arguments);
    for shell in ["bash", "sh"] {
        let told = evaluated(&account, shell, &ended.stdout, &["EVENKEEL_LIVE_IMAGE_ODD_ONE"]);
        assert_eq!(told, (0, vec![odd.to_owned()]));
    }
    assert!(!account.path().join("pwned").exists());
}

#[test]
fn no_variable_is_an_option_s_twin() {
    let account = Account::new();
    let mut twins = BTreeSet::new();
    for command in ["deploy", "plan", "rollback", "live", "drift", "worker", "policy", "sandbox"] {
        let help = account.run(&[command, "--help"]).stdout;
        let named = help.split("[env: ").skip(1).filter_map(|rest| rest.split([']', '=']).next());
        twins.extend(named.map(str::to_owned));
    }
    assert!(twins.len() > 30, "{twins:?}");
    let lines = account.run(&[&DEPLOY[..], &["--image", APP_NEW]].concat()).stdout;
    let names = lines.lines().map(|line| line.strip_prefix("export ").unwrap().split('=').next().unwrap());
    for name in names {
        assert!(!twins.contains(name), "{name} would be an option of the next command");
        let prefixed = twins
            .iter()
            .find(|twin| name.starts_with("EVENKEEL_LIVE_") && twin.starts_with("EVENKEEL_LIVE_"));
        assert_eq!(prefixed, None);
    }
}

#[test]
fn a_plan_says_whether_anything_would_change() {
    let account = Account::new();
    let plan = ["plan", "--cluster", "prod", "--service", "web", "--output", "env", "--image", APP_NEW];
    assert_eq!(account.run(&plan).stdout, "export EVENKEEL_CHANGES='true'\n");
}
