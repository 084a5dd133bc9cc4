//! A signal ends the wait: it says what goes on, and a rerun follows it to its end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use evenkeel_sandbox::{FaultKind, RolloutOutcome};
use tokio::runtime::Builder;

use crate::world::{APP_NEW, Account, DEPLOY, Ended};

#[test]
fn sigint_is_130_and_sigterm_143_and_a_rerun_joins() {
    for (signal, status, kind) in [("-INT", 130, "interrupted"), ("-TERM", 143, "terminated")] {
        let account = Account::new();
        account.next_rollout(RolloutOutcome::Stuck);
        let arguments = [&DEPLOY[..], &["--image", APP_NEW]].concat();
        let mut child =
            account.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        while !told.contains("rollout of web:2 started") {
            assert_ne!(stderr.read_line(&mut told).unwrap(), 0, "{told}");
        }
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        stderr.read_to_string(&mut told).unwrap();
        let mut ended = Ended::of(child.wait_with_output().unwrap());
        ended.stderr = told;

        let words = ["service web", "the rollout of web:2 goes on in ECS", "Run the same command again"];
        ended.is(status, "started", Some(kind), &words);

        account.deploy(&["--no-wait"]).is(0, "started", None, &[]);
        assert_eq!((account.effects("RegisterTaskDefinition"), account.effects("UpdateService")), (1, 1));
    }
}

#[test]
fn a_second_signal_ends_the_command_with_a_document() {
    let account = Account::new();
    account.always("UpdateService", FaultKind::HangBefore);
    let arguments = [&DEPLOY[..], &["--image", APP_NEW]].concat();
    let child = account.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    Builder::new_current_thread().build().unwrap().block_on(account.sandbox.hung());
    // The first one never cuts an effect in two. They are two kinds, because two of one kind can arrive as one.
    for signal in ["-INT", "-TERM"] {
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    }
    let ended = Ended::of(child.wait_with_output().unwrap());
    let kind = match ended.status {
        Some(130) => "interrupted",
        Some(143) => "terminated",
        other => panic!("{other:?}: {ended:?}"),
    };
    ended.is(ended.status.unwrap(), "failed", Some(kind), &["second signal", "goes on in ECS"]);
}
