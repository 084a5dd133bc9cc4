//! What is printed, and where: text, JSON, `plan`, `live`, and every option's twin.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::world::{APP_NEW, APP_OLD, Account, DEPLOY, Ended, NEW, OLD};

#[test]
fn the_result_goes_to_standard_output_and_progress_to_standard_error() {
    let account = Account::new();
    let ended = account.run(&[&DEPLOY[..5], &["--image", APP_NEW]].concat());
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.stdout.lines().count(), 1, "{ended:?}");
    assert!(ended.stdout.starts_with("web was deployed in "), "{ended:?}");
    for words in [
        ": it has run web:2 since 20",
        " UTC, in place of web:1; see https://eu-west-1.console.aws.amazon.com/ecs",
    ] {
        assert!(ended.stdout.contains(words), "{words}: {ended:?}");
    }
    for line in
        ["web: live is web:1", "registered web:2", "web: rollout of web:2 started as deployment ecs-svc/"]
    {
        assert!(ended.stderr.contains(line), "{line}: {ended:?}");
    }
}

#[test]
fn progress_is_shown_as_it_is_asked_for_and_as_standard_error_can_show_it() {
    let progress = |how: &str, variable: (&str, &str)| {
        let account = Account::new();
        let arguments = [&DEPLOY[..], &["--image", APP_NEW]].concat();
        let output =
            account.command(&arguments).env("EVENKEEL_PROGRESS", how).env(variable.0, variable.1).output();
        let ended = Ended::of(output.unwrap());
        ended.is(0, "deployed", None, &[]);
        ended.stderr
    };
    assert_eq!(progress("none", ("TERM", "xterm")), "");
    // Nothing can be drawn again in a pipe.
    for how in ["live", "plain"] {
        let told = progress(how, ("TERM", "xterm"));
        assert!(told.contains("of 2 tasks run") && told.ends_with("web: deployed\n"), "{told}");
        assert!(!told.contains('\x1b'), "{told}");
    }
    assert!(progress("plain", ("CLICOLOR_FORCE", "1")).ends_with("\x1b[32mweb: deployed\x1b[0m\n"));

    let account = Account::new();
    let ended = account.deploy(&["--progress", "bars"]);
    assert!(
        ended.status == Some(2) && ended.stderr.contains("[possible values: live, plain, none]"),
        "{ended:?}"
    );
}

#[test]
fn a_reader_that_goes_away_changes_nothing() {
    let account = Account::new();
    let arguments = [&DEPLOY[..], &["--image", APP_NEW]].concat();
    let mut child =
        account.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(account.effects("UpdateService"), 1);
}

#[test]
fn image_definitions_come_from_a_file_from_standard_input_and_from_arguments() {
    let definitions = format!(r#"[{{"name": "app", "imageUri": "{NEW}"}}]"#);
    let account = Account::new();
    account.file("imagedefinitions.json", &definitions);
    account.run(&DEPLOY).is(0, "deployed", None, &[]);

    let account = Account::new();
    let from_input = [&DEPLOY[..], &["--image-definitions", "-"]].concat();
    account.run_with_input(&from_input, &definitions).is(0, "deployed", None, &[]);

    let account = Account::new();
    account.file("images.json", &definitions);
    let both = ["--image-definitions", "images.json", "--image", "proxy=envoy:2"];
    let ended = account.run(&[&DEPLOY[..], &both].concat());
    assert_eq!(ended.document()["services"][0]["images"], json!({ "app": NEW, "proxy": "envoy:2" }));

    let twice = ["--image-definitions", "images.json", "--image", "app=other:1"];
    account.run(&[&DEPLOY[..], &twice].concat()).is(3, "failed", Some("invalid_input"), &["app"]);
}

#[test]
fn plan_shows_the_change_and_writes_nothing() {
    let account = Account::new();
    let plan =
        |more: &[&str]| account.run(&[&["plan", "--cluster", "prod", "--service", "web"], more].concat());

    let ended = plan(&["--image", APP_NEW, "--detailed-exitcode"]);
    assert_eq!(ended.status, Some(8), "{ended:?}");
    assert!(
        ended.stdout.contains(&format!("~ containerDefinitions[app].image: {OLD} -> {NEW}")),
        "{ended:?}"
    );
    assert_eq!(plan(&["--image", APP_OLD, "--detailed-exitcode"]).status, Some(0));
    assert_eq!(plan(&["--image", APP_NEW]).status, Some(0));

    let document = plan(&["--image", APP_NEW, "--output", "json"]).document();
    assert_eq!(
        (&document["changes"], &document["services"][0]["action"]),
        (&json!(true), &json!("register"))
    );
    let document = plan(&["--image", APP_OLD, "--output", "json"]).document();
    assert_eq!(
        (&document["changes"], &document["services"][0]["action"]),
        (&json!(false), &json!("unchanged"))
    );
    let refused = plan(&["--image", "nope=a:1", "--output", "json"]);
    assert_eq!((refused.status, &refused.document()["failure"]["kind"]), (Some(3), &json!("invalid_input")));

    let dry = account.deploy(&["--dry-run"]);
    assert_eq!((dry.status, &dry.document()["schema"]), (Some(0), &json!("evenkeel.plan/v1")));
    assert_eq!((account.effects("RegisterTaskDefinition"), account.effects("UpdateService")), (0, 0));
}

#[test]
fn live_tells_what_runs_in_four_formats() {
    let account = Account::new();
    let live = |format: &str| {
        let ended = account.run(&["live", "--cluster", "prod", "--service", "web", "--output", format]);
        assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
        ended
    };
    assert!(live("text").stdout.contains(&format!("app    {OLD}")));
    let document = live("json").document();
    assert_eq!((&document["revision"], &document["images"]["proxy"]), (&json!(1), &json!("envoy:1")));
    let external: Value = serde_json::from_str(&live("external").stdout).unwrap();
    assert!(external.as_object().unwrap().values().all(Value::is_string), "{external}");
    assert_eq!((&external["image_app"], &external["revision"]), (&json!(OLD), &json!("1")));
    let tfvars: Value = serde_json::from_str(&live("tfvars").stdout).unwrap();
    assert_eq!(tfvars["evenkeel_live"]["images"]["app"], OLD);

    let missing = account.run(&["live", "--cluster", "prod", "--service", "nope", "--output", "json"]);
    assert_eq!((missing.status, &missing.document()["failure"]["kind"]), (Some(3), &json!("invalid_input")));
}

#[test]
fn every_option_has_a_twin_in_the_environment() {
    let account = Account::new();
    let help = account.run(&["deploy", "--help"]).stdout;
    let options: Vec<&str> = help.split_whitespace().filter(|word| word.starts_with("--")).collect();
    let mut twins = 0;
    for option in options.iter().map(|option| option.trim_end_matches(|c: char| !c.is_ascii_lowercase())) {
        let twin = format!("EVENKEEL_{}", option[2..].to_uppercase().replace('-', "_"));
        assert!(option == "--help" || help.contains(&format!("[env: {twin}]")), "{option}: {help}");
        twins += 1;
    }
    assert!(twins >= 20, "{twins}");

    let output = account
        .command(&["deploy"])
        .env("EVENKEEL_CLUSTER", "prod")
        .env("EVENKEEL_SERVICE", "web")
        .env("EVENKEEL_IMAGE", format!("app={NEW},proxy=envoy:2"))
        .env("EVENKEEL_NO_WAIT", "true")
        .env("EVENKEEL_OUTPUT", "json")
        .output()
        .unwrap();
    let ended = Ended::of(output);
    ended.is(0, "started", None, &[]);
    assert_eq!(account.effects("UpdateService"), 1);
}
