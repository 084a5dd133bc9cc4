//! The example buildspec's commands, run under a shell as CodeBuild runs them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use evenkeel::sandbox::RolloutOutcome;

use crate::junit::Element;
use crate::world::Account;

const BUILDSPEC: &str = include_str!("../../pipeline/codebuild/deploy.buildspec.yml");

/// What a build came to.
#[derive(Debug)]
struct Build {
    /// Whether each phase succeeded.
    phases: Vec<(String, bool)>,
    /// The exported variables; none where one is not set.
    exported: Vec<(String, Option<String>)>,
    log: String,
}

/// The lines below a key at this depth.
fn below<'a>(lines: &[&'a str], key: &str, depth: usize) -> Vec<&'a str> {
    let blanks = " ".repeat(depth);
    let lines = lines.iter().skip_while(|line| **line != format!("{blanks}{key}:")).skip(1).copied();
    lines.take_while(|line| line.is_empty() || line.starts_with(&format!("{blanks} "))).collect()
}

/// The items of a list: each on its line, or below a `|`.
fn items(lines: &[&str]) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in
        lines.iter().map(|line| line.trim_start()).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        match line.strip_prefix("- ") {
            Some("|") => items.push(String::new()),
            Some(item) => items.push(item.to_owned()),
            None => items.last_mut().unwrap().extend([line, "\n"]),
        }
    }
    items
}

/// Runs the commands of both phases in one shell: a command that fails ends its phase, and
/// `post_build` comes after a build that failed, too (AWS CodeBuild user guide, "Build phase
/// transitions").
fn build(account: &Account, shell: &str, docker: &str) -> Build {
    let tools = account.path().join("tools");
    fs::create_dir_all(&tools).unwrap();
    let _ = symlink(env!("CARGO_BIN_EXE_evenkeel"), tools.join("evenkeel"));
    fs::write(tools.join("docker"), format!("#!/bin/sh\necho docker \"$@\"\n{docker}\n")).unwrap();
    fs::set_permissions(tools.join("docker"), fs::Permissions::from_mode(0o755)).unwrap();

    account.sandbox.push_image("shop/web", "4f2c", &["linux/amd64"]);

    let lines: Vec<&str> = BUILDSPEC.lines().collect();
    let environment = below(&lines, "env", 0);
    let exported = items(&below(&environment, "exported-variables", 2));
    let phases = below(&lines, "phases", 0);
    let mut script = "CODEBUILD_BUILD_SUCCEEDING=1; export CODEBUILD_BUILD_SUCCEEDING\n".to_owned();
    for phase in ["build", "post_build"] {
        let commands = items(&below(&below(&phases, phase, 2), "commands", 4));
        assert!(commands.len() > 2, "{phase}: {commands:?}");
        script.push_str("phase=0\n");
        for command in commands {
            let quoted = command.replace('\'', r"'\''");
            script.extend(["[ $phase != 0 ] || eval '", quoted.as_str(), "' || phase=$?\n"]);
        }
        script.extend(["echo \"phase ", phase, " $phase\" >&3\n"]);
        script.push_str("[ $phase = 0 ] || CODEBUILD_BUILD_SUCCEEDING=0\n");
    }
    for name in &exported {
        script.extend(["[ -z \"${", name, "+set}\" ] || echo \"export ", name, " $", name, "\" >&3\n"]);
    }
    let mut command = account.command(&[]);
    let path = format!("{}:/usr/bin:/bin", tools.display());
    let variables = command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let variables: Vec<_> = variables.collect();
    command = Command::new(shell);
    command.args(["-c", &format!("exec 3>told\n{script}")]).env_clear().envs(variables).env("PATH", path);
    for line in below(&environment, "variables", 2) {
        let (name, value) = line.trim().split_once(": ").unwrap();
        command.env(name, value);
    }
    command.env("CODEBUILD_RESOLVED_SOURCE_VERSION", "4f2c").env("CODEBUILD_BUILD_ID", "web:1f2e");
    let output = command.current_dir(account.path()).output().unwrap();
    let told = fs::read_to_string(account.path().join("told")).unwrap();
    let after = |word: &str| -> Vec<(String, String)> {
        let lines = told.lines().filter_map(|line| line.strip_prefix(word)?.trim_start().split_once(' '));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let values = after("export");
    let value = |name: &String| values.iter().find(|(set, _)| set == name).map(|(_, value)| value.clone());
    Build {
        phases: after("phase").into_iter().map(|(name, status)| (name, status == "0")).collect(),
        exported: exported.iter().map(|name| (name.clone(), value(name))).collect(),
        log: String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
    }
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
