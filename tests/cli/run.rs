//! `evenkeel run`: what is printed where, its statuses, and its document.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use evenkeel_sandbox::{FaultKind, TaskEnding, TaskScript};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::world::{Account, Ended, quick_task};

pub(crate) const RUN: [&str; 7] = ["run", "--cluster", "prod", "--service", "web", "--container", "app"];
const MIGRATE: [&str; 3] = ["--", "migrate", "--output=json"];

/// An account whose service runs a revision with logs, and whose one-off tasks end so.
pub(crate) fn account(ending: TaskEnding, log: &[&str]) -> Account {
    let account = Account::new();
    let described = account.call("DescribeTaskDefinition", json!({ "taskDefinition": "web" }));
    let mut containers = described["taskDefinition"]["containerDefinitions"].clone();
    containers[0]["logConfiguration"] = json!({
        "logDriver": "awslogs",
        "options": { "awslogs-group": "/shop", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web" },
    });
    let definition = json!({ "family": "web", "memory": "512", "containerDefinitions": containers });
    account.call("RegisterTaskDefinition", definition);
    account.call("UpdateService", json!({ "cluster": "prod", "service": "web", "taskDefinition": "web:2" }));
    account.sandbox.set_task_lag(Duration::ZERO);
    account.sandbox.play_tasks(
        "",
        TaskScript {
            ending,
            log: log.iter().map(|line| (Duration::ZERO, (*line).to_owned())).collect(),
            ..quick_task()
        },
    );
    account
}

/// Runs with these options, and `-- migrate …`, as a document.
fn run(account: &Account, more: &[&str]) -> Ended {
    account.run(&[&RUN[..], &["--output", "json"], more, &MIGRATE].concat())
}

#[test]
fn the_result_goes_to_standard_output_and_the_log_to_standard_error() {
    let account = account(TaskEnding::Exits(0), &["one", "two"]);
    let secret = ["--env", "TOKEN= s3cret-in-environment "];
    let ended = account.run(&[&RUN[..], &secret, &MIGRATE].concat());
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let task = account.sandbox.one_off_tasks().remove(0);
    let id = task.arn.rsplit('/').next().unwrap();
    let told = format!("container app of web:2 ended with 0 after less than 1 s (task {id})\n");
    assert!(ended.stdout == told || ended.stdout == told.replace("less than 1 s", "1 s"), "{ended:?}");
    for line in [
        "task: started for container app of web:2, as ",
        "app | one\napp | two\n",
        "task: app ended with 0\n",
    ] {
        assert!(ended.stderr.contains(line), "{line:?}: {ended:?}");
    }
    assert_eq!(task.command, ["migrate", "--output=json"]);
    assert_eq!(task.environment, [("TOKEN".to_owned(), " s3cret-in-environment ".to_owned())]);

    let quiet = account.run(&[&RUN[..], &["--progress", "none"], &MIGRATE].concat());
    assert_eq!((quiet.status, quiet.stderr.as_str()), (Some(0), ""), "{quiet:?}");
}

#[test]
fn the_document_tells_the_task_and_its_end() {
    let account = account(TaskEnding::Exits(0), &[]);
    let ended = run(&account, &["--cpu", "512", "--memory", "1024"]);
    ended.is(0, "succeeded", None, &[]);
    let document = ended.document();
    let task = account.sandbox.one_off_tasks().remove(0);
    assert_eq!(
        (&document["cluster"], &document["service"], &document["container"], &document["exitCode"]),
        (&json!("prod"), &json!("web"), &json!("app"), &json!(0))
    );
    assert_eq!(
        (&document["taskArn"], &document["taskDefinitionArn"]),
        (&json!(task.arn), &json!(task.task_definition))
    );
    let overrides = &task.request["overrides"];
    assert_eq!((&overrides["cpu"], &overrides["memory"]), (&json!("512"), &json!("1024")));
    assert_eq!((&document["failure"], &document["warnings"]), (&Value::Null, &json!([])));
}

#[test]
fn a_container_that_fails_is_1_and_its_own_status_where_that_is_asked_for() {
    for (ending, more, status) in [
        (TaskEnding::Exits(3), &[][..], 1),
        (TaskEnding::Exits(3), &["--container-exit-status"], 3),
        (TaskEnding::Exits(125), &["--container-exit-status"], 125),
        (TaskEnding::Exits(126), &["--container-exit-status"], 1),
        (TaskEnding::OutOfMemory, &["--container-exit-status"], 1),
        (TaskEnding::CannotPull, &["--container-exit-status"], 1),
        (TaskEnding::Exits(0), &["--container-exit-status"], 0),
    ] {
        let account = account(ending, &["last words"]);
        let ended = run(&account, more);
        if status == 0 {
            ended.is(0, "succeeded", None, &[]);
            continue;
        }
        ended.is(status, "failed", Some("task_failed"), &["container app of web:2"]);
        let document = ended.document();
        let container = &document["failure"]["tasks"][0]["containers"][0];
        assert_eq!((&container["name"], &document["exitCode"]), (&json!("app"), &container["exitCode"]));
        let has_run = !container["exitCode"].is_null();
        assert_eq!(
            container["logTail"],
            if has_run { json!(["last words"]) } else { json!([]) },
            "{ending:?}"
        );
        // The log was shown as it came, and is not told again.
        assert_eq!(ended.stderr.matches("last words").count(), usize::from(has_run), "{ended:?}");
    }
    let account = account(TaskEnding::Exits(3), &["last words"]);
    let quiet = account.run(&[&RUN[..], &["--progress", "none"], &MIGRATE].concat());
    assert!(quiet.stdout.starts_with("container app of web:2 ended with 3 after "), "{quiet:?}");
    assert!(quiet.stderr.starts_with("error: container app of web:2 ended with 3: task "), "{quiet:?}");
    assert!(quiet.stderr.ends_with(":\n    last words\n"), "{quiet:?}");
}

#[test]
fn wrong_usage_is_2_and_wrong_input_3() {
    let account = account(TaskEnding::Exits(0), &[]);
    for (more, words) in [
        (&["--env", "s3cret-in-environment"][..], "--env names no variable"),
        (&["--env", "A=1", "--env", "A=s3cret-in-environment"], "--env gives A twice"),
        (&["--cpu", "0"], "--cpu"),
        (&["--memory", "1G"], "--memory"),
        (&["--on-interrupt", "kill"], "[possible values: stop, leave]"),
        (&["--poll", "2s..15s"], "--poll"),
        (&["--frobnicate"], "--frobnicate"),
        (&["migrate"], "unexpected argument"),
    ] {
        let ended = run(&account, more);
        ended.is(2, "failed", Some("usage"), &[words]);
        assert_eq!(ended.document()["taskArn"], Value::Null);
    }
    let no_name = account.run(&["run", "--service", "web", "--cluster", "a/b", "--output", "json"]);
    no_name.is(3, "failed", Some("invalid_input"), &["\"a/b\" is not a cluster"]);
    assert!(account.sandbox.calls().is_empty());
    for (arguments, words) in [
        (&["--service", "none"][..], &["service none not found in cluster prod"][..]),
        (&["--service", "web"], &["no container is given, and web:2 has several", "app, proxy"]),
        (&["--service", "web", "--container", "db"], &["web:2 has no container \"db\"", "app, proxy"]),
        (
            &["--service", "web", "--container", "app", "--task-definition", "7"],
            &["no task definition web:7"],
        ),
    ] {
        let ended = account.run(&[&["run", "--cluster", "prod", "--output", "json"], arguments].concat());
        ended.is(3, "failed", Some("invalid_input"), words);
        assert_eq!(ended.document()["cluster"], "prod");
    }
    assert!(account.sandbox.one_off_tasks().is_empty());
}

#[test]
fn a_denial_is_4_and_no_answer_75_and_too_long_7() {
    for (operation, kind, status, failure) in [
        ("RunTask", FaultKind::Denied, 4, "denied"),
        ("DescribeServices", FaultKind::ErrorBefore, 75, "unavailable"),
        ("ListTasks", FaultKind::Denied, 4, "denied"),
    ] {
        let account = account(TaskEnding::Exits(0), &[]);
        account.always(operation, kind);
        run(&account, &[]).is(status, "failed", Some(failure), &[operation]);
    }
    let account = account(TaskEnding::NeverEnds, &[]);
    let ended = run(&account, &["--timeout", "1s"]);
    ended.is(
        7,
        "timed_out",
        Some("timed_out"),
        &["did not end within 1 s", "its task was stopped", "--timeout"],
    );
    assert!(account.effects("StopTask") == 1);
}

#[test]
fn a_signal_leaves_the_task_or_stops_it() {
    for (signal, more, status, kind) in
        [("-INT", &[][..], 130, "interrupted"), ("-TERM", &["--on-interrupt", "stop"], 143, "terminated")]
    {
        let account = account(TaskEnding::NeverEnds, &["working"]);
        let arguments = [&RUN[..], &["--output", "json"], more, &MIGRATE].concat();
        let mut child =
            account.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        while !told.contains("app | working") {
            assert_ne!(stderr.read_line(&mut told).unwrap(), 0, "{told}");
        }
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        stderr.read_to_string(&mut told).unwrap();
        let mut ended = Ended::of(child.wait_with_output().unwrap());
        ended.stderr = told;
        let arn = account.sandbox.one_off_tasks()[0].arn.clone();
        let advice = format!("`aws ecs stop-task --cluster prod --task {arn}`");
        let words = if more.is_empty() { ["goes on in ECS", &advice] } else { ["was stopped", &arn] };
        ended.is(status, "interrupted", Some(kind), &words);
        assert_eq!(account.effects("StopTask"), usize::from(!more.is_empty()));
        assert_eq!(ended.document()["taskArn"], json!(arn));
    }
}

#[test]
fn a_second_signal_ends_the_command_with_a_document() {
    let account = account(TaskEnding::Exits(0), &[]);
    account.always("RunTask", FaultKind::HangBefore);
    let arguments = [&RUN[..], &["--output", "json"], &MIGRATE].concat();
    let child = account.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    Builder::new_current_thread().build().unwrap().block_on(account.sandbox.hung());
    for signal in ["-INT", "-TERM"] {
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    }
    let ended = Ended::of(child.wait_with_output().unwrap());
    let (status, kind) = match ended.status {
        Some(130) => (130, "interrupted"),
        Some(143) => (143, "terminated"),
        other => panic!("{other:?}: {ended:?}"),
    };
    ended.is(status, "interrupted", Some(kind), &["second signal", "goes on in ECS"]);
}

#[test]
fn credentials_that_expire_before_the_time_out_are_warned_of() {
    let account = account(TaskEnding::Exits(0), &[]);
    let arguments = [&RUN[..], &["--output", "json", "--timeout", "30m"], &MIGRATE].concat();
    let mut command = account.command(&arguments);
    let ended = Ended::of(command.env("AWS_CREDENTIAL_EXPIRATION", "2026-01-01T00:00:00Z").output().unwrap());
    ended.is(0, "succeeded", None, &[]);
    let warnings = ended.document()["warnings"].to_string();
    assert!(warnings.contains("the AWS credentials expire at"), "{ended:?}");
    assert_eq!(ended.stderr.matches("the AWS credentials expire at").count(), 1, "{ended:?}");
}

#[test]
fn a_command_runs_once_in_a_build() {
    let account = account(TaskEnding::Exits(3), &["once"]);
    let run_in = |variables: &[(&str, &str)]| {
        let arguments = [&RUN[..], &["--output", "json"], &MIGRATE].concat();
        let mut command = account.command(&arguments);
        let ended = Ended::of(command.envs(variables.iter().copied()).output().unwrap());
        ended.is(1, "failed", Some("task_failed"), &[]);
        assert!(ended.stderr.contains("app | once"), "{ended:?}");
        account.sandbox.one_off_tasks().len()
    };
    let github = |attempt| [("GITHUB_RUN_ID", "42"), ("GITHUB_RUN_ATTEMPT", attempt)];
    for (variables, tasks) in [
        (&[("CODEBUILD_BUILD_ID", "web:1")][..], 1),
        (&[("CODEBUILD_BUILD_ID", "web:1")], 1),
        (&[("CODEBUILD_BUILD_ID", "web:2")], 2),
        (&github("1"), 3),
        (&github("1"), 3),
        (&github("2"), 4),
        // Without a build, each command is a task of its own.
        (&[], 5),
        (&[], 6),
    ] {
        assert_eq!(run_in(variables), tasks, "{variables:?}");
    }
}

#[test]
fn its_policy_allows_every_call_and_no_deployment() {
    let account = account(TaskEnding::NeverEnds, &["working"]);
    let policy = ["policy", "--for", "run", "--cluster", "prod", "--service", "web", "--family", "web"];
    let open = account.run(&policy);
    assert_eq!(
        open.stderr,
        "note: it is open to any where these are not given: --log-group\n\
         note: without --role no task of a task definition that names roles can be run: iam:PassRole is left out\n"
    );
    let policy: Value = serde_json::from_str(&open.stdout).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let allowed: BTreeSet<&str> = statements
        .iter()
        .flat_map(|statement| statement["Action"].as_array().unwrap())
        .map(|action| action.as_str().unwrap())
        .collect();
    assert!(!allowed.contains("ecs:UpdateService") && !allowed.contains("ecs:RegisterTaskDefinition"));
    account.sandbox.clear_calls();
    run(&account, &["--timeout", "1s"]).is(7, "timed_out", Some("timed_out"), &[]);
    let calls = account.sandbox.calls();
    assert!(calls.iter().any(|call| call.operation == "StopTask"));
    for call in calls {
        let names = ["ecs", "logs"].map(|service| format!("{service}:{}", call.operation));
        assert!(
            names.iter().any(|name| allowed.contains(name.as_str())),
            "{} is not allowed",
            call.operation
        );
    }
}

#[test]
fn help_says_when_a_command_runs_once() {
    let help = Account::new().run(&["run", "--help"]).stdout;
    for words in
        ["the same command again follows its task to the end", "[env: EVENKEEL_CONTAINER_EXIT_STATUS]"]
    {
        assert!(help.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{words}: {help}");
    }
}
