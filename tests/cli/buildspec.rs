//! The commands of the example buildspec, and of the pipeline's action of commands, run under a shell as
//! CodeBuild runs them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use evenkeel_sandbox::RolloutOutcome;
use serde_json::Value;

use crate::junit::Element;
use crate::world::Account;
use crate::yaml;

/// What a build came to.
#[derive(Debug)]
struct Build {
    /// Whether each phase succeeded.
    phases: Vec<(String, bool)>,
    /// The exported variables; none where one is not set.
    exported: Vec<(String, Option<String>)>,
    log: String,
}

/// Runs the example buildspec's commands; `docker` is what the engine does, in shell.
fn build(account: &Account, shell: &str, docker: &str) -> Build {
    let spec = yaml::read(include_str!("../../pipeline/codebuild/deploy.buildspec.yml"));
    account.sandbox.push_image("shop/web", "4f2c", &["linux/amd64"]);
    tool(account, "docker", &format!("echo docker \"$@\"\n{docker}"));
    tool(account, "evenkeel", concat!("exec ", env!("CARGO_BIN_EXE_evenkeel"), " \"$@\""));
    let commands = |phase: &'static str| (phase, yaml::texts(&spec["phases"][phase]["commands"]));
    let phases = ["build", "post_build"].map(commands);
    let variables = spec["env"]["variables"].as_object().unwrap();
    let variables = variables.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
    run(account, shell, &phases, variables, &yaml::texts(&spec["env"]["exported-variables"]))
}

/// Runs the commands of all phases in one shell: a command that fails ends its phase, and
/// `post_build` comes after a build that failed, too (AWS CodeBuild user guide, "Build phase
/// transitions").
fn run<'a>(
    account: &Account,
    shell: &str,
    phases: &[(&str, Vec<&str>)],
    variables: impl Iterator<Item = (&'a str, &'a str)>,
    exported: &[&str],
) -> Build {
    let mut script = "CODEBUILD_BUILD_SUCCEEDING=1; export CODEBUILD_BUILD_SUCCEEDING\n".to_owned();
    for (phase, commands) in phases {
        script.push_str("phase=0\n");
        for command in commands {
            let quoted = command.replace('\'', r"'\''");
            script.extend(["[ $phase != 0 ] || eval '", quoted.as_str(), "' || phase=$?\n"]);
        }
        script.extend(["echo \"phase ", phase, " $phase\" >&3\n"]);
        script.push_str("[ $phase = 0 ] || CODEBUILD_BUILD_SUCCEEDING=0\n");
    }
    for name in exported {
        script.extend(["[ -z \"${", name, "+set}\" ] || echo \"export ", name, " $", name, "\" >&3\n"]);
    }
    let in_account = account.command(&[]);
    let in_account = in_account.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let mut command = Command::new(shell);
    command.args(["-c", &format!("exec 3>told\n{script}")]).env_clear().envs(in_account).envs(variables);
    command.env("PATH", format!("{}:/usr/bin:/bin", tools(account).display()));
    command.env("CODEBUILD_RESOLVED_SOURCE_VERSION", "4f2c").env("CODEBUILD_BUILD_ID", "web:1f2e");
    let output = command.current_dir(account.path()).output().unwrap();
    let told = fs::read_to_string(account.path().join("told")).unwrap();
    let after = |word: &str| -> Vec<(String, String)> {
        let lines = told.lines().filter_map(|line| line.strip_prefix(word)?.trim_start().split_once(' '));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let values = after("export");
    let value = |name: &str| values.iter().find(|(set, _)| set == name).map(|(_, value)| value.clone());
    Build {
        phases: after("phase").into_iter().map(|(name, status)| (name, status == "0")).collect(),
        exported: exported.iter().map(|name| ((*name).to_owned(), value(name))).collect(),
        log: String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
    }
}

/// Where the commands find what they run.
fn tools(account: &Account) -> PathBuf {
    account.path().join("tools")
}

/// A program of this name, in shell.
fn tool(account: &Account, name: &str, script: &str) {
    fs::create_dir_all(tools(account)).unwrap();
    let path = tools(account).join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn phases(build: bool, post_build: bool) -> Vec<(String, bool)> {
    vec![("build".to_owned(), build), ("post_build".to_owned(), post_build)]
}

fn report(account: &Account) -> Element {
    Element::read(&fs::read_to_string(account.path().join("evenkeel-junit.xml")).unwrap())
}

#[test]
fn a_build_that_succeeds_is_deployed_and_tells_the_pipeline() {
    for shell in ["bash", "sh"] {
        let account = Account::new();
        let build = build(&account, shell, "");
        assert_eq!(build.phases, phases(true, true), "{build:#?}");
        let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:4f2c";
        assert!(build.log.contains(&format!("docker push {image}")), "{build:#?}");
        let arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web";
        let exported = build.exported.iter().map(|(name, value)| (name.as_str(), value.clone().unwrap()));
        assert_eq!(
            exported.collect::<Vec<_>>(),
            [
                ("EVENKEEL_OUTCOME", "deployed".to_owned()),
                ("EVENKEEL_TASK_DEFINITION_ARN", format!("{arn}:2")),
                ("EVENKEEL_PREVIOUS_TASK_DEFINITION_ARN", format!("{arn}:1")),
                ("EVENKEEL_REVISION", "2".to_owned()),
            ]
        );
        assert_eq!(report(&account).attribute("failures"), "0");
        assert!(account.sandbox.parameter("/deploy/web/record").unwrap().0.contains("succeeded"));
    }
}

#[test]
fn a_build_that_fails_deploys_nothing() {
    let account = Account::new();
    let build = build(&account, "bash", "exit 1");
    assert_eq!(build.phases, phases(false, false), "{build:#?}");
    assert!(build.exported.iter().all(|(_, value)| value.is_none()), "{build:#?}");
    assert!(account.sandbox.calls().is_empty());
    assert!(!account.path().join("evenkeel-junit.xml").exists());
}

#[test]
fn a_rollout_that_fails_fails_the_build_and_reports_why() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Crash);
    let build = build(&account, "bash", "");
    assert_eq!(build.phases, phases(true, false), "{build:#?}");
    assert!(build.log.contains("the service is back on web:1"), "{build:#?}");
    assert_eq!(report(&account).attribute("failures"), "1");
}

#[test]
fn the_action_of_commands_fetches_evenkeel_and_deploys_the_input_artifact() {
    let action: Value =
        serde_json::from_str(include_str!("../../pipeline/codepipeline/commands.json")).unwrap();
    let account = Account::new();
    let image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:4f2c";
    account.sandbox.push_image("shop/web", "4f2c", &["linux/amd64"]);
    account.file("imagedefinitions.json", &format!("[{{\"name\":\"app\",\"imageUri\":\"{image}\"}}]"));
    // `aws s3 cp FROM TO`
    tool(
        &account,
        "aws",
        concat!("test \"$1 $2\" = 's3 cp' && cp ", env!("CARGO_BIN_EXE_evenkeel"), " \"$4\""),
    );
    let commands = [("commands", yaml::texts(&action["commands"]))];
    let ended = run(&account, "bash", &commands, [].into_iter(), &yaml::texts(&action["outputVariables"]));
    assert_eq!(ended.phases, [("commands".to_owned(), true)], "{ended:#?}");
    let values: Vec<_> = ended.exported.iter().map(|(_, value)| value.as_deref().unwrap()).collect();
    let live = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:2";
    assert_eq!(values, ["deployed", live, "2"], "{ended:#?}");
}
