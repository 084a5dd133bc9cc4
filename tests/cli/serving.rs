//! The embedded AWS as a developer's playground: served, with the variables that point at it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::world::{APP_NEW, Account, Ended};

#[test]
fn a_client_that_takes_the_printed_variables_reaches_it() {
    let elsewhere = Account::new();
    let mut server = elsewhere
        .command(&["sandbox", "--serve", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(server.stdout.take().unwrap());
    let lines: Vec<String> = stdout.lines().take(4).map(Result::unwrap).collect();
    let variables = lines.iter().map(|line| line.strip_prefix("export ").unwrap().split_once('=').unwrap());

    let output = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["deploy", "--cluster", "demo", "--service", "web", "--image", APP_NEW])
        .args(["--no-wait", "--output", "json"])
        .env_clear()
        .envs(variables)
        .output()
        .unwrap();
    Ended::of(output).is(0, "started", None, &[]);
    assert!(elsewhere.sandbox.calls().is_empty());

    let interrupt = Command::new("kill").args(["-INT", &server.id().to_string()]).status();
    assert!(interrupt.unwrap().success());
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_told() {
    let account = Account::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = account.run(&["sandbox", "--serve", &address]);
    assert_eq!(ended.status, Some(5), "{ended:?}");
    assert!(ended.stderr.contains(&address), "{ended:?}");
}
