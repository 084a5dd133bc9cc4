//! Commands on a machine whose clock is wrong.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use evenkeel::clock::{Clock, Timestamp};
use evenkeel::deploy::Interrupt;
use evenkeel::record_commands;
use evenkeel_core::deployment::Outcome;
use evenkeel_sandbox::{Rollout, RolloutOutcome};
use serde_json::{Value, json};

use crate::world::{Account, CLUSTER, SERVICE, START, ended, ending, message, request};

/// How far the clock is from AWS's, in seconds.
const SKEWS: [i64; 5] = [-600, -240, 0, 240, 600];

const WEB_2: &[(&str, &str)] = &[("app", "registry.example.com:5000/shop/web:2")];

/// An account whose commands run on a machine with such a clock.
fn skewed(skew: i64) -> Account {
    let shown = START.since_epoch().as_secs().checked_add_signed(skew).unwrap();
    let clock = Clock::starting_at(Timestamp::from_unix(Duration::from_secs(shown)));
    Account { clock, ..Account::new() }
}

fn lasting(account: &Account, outcome: RolloutOutcome, seconds: u64) {
    let rollout = Rollout { outcome, duration: Duration::from_secs(seconds) };
    account.sandbox.set_rollout(CLUSTER, SERVICE, rollout);
}

fn record(account: &Account) -> Value {
    serde_json::from_str(&account.sandbox.parameter("/record").unwrap().0).unwrap()
}

fn time(record: &Value, member: &str) -> Timestamp {
    let at = humantime::parse_rfc3339(record[member].as_str().unwrap()).unwrap();
    Timestamp::from_unix(at.duration_since(UNIX_EPOCH).unwrap())
}

fn refused(account: &Account) -> Vec<String> {
    let calls = account.sandbox.calls().into_iter();
    calls.filter(|call| matches!(call.status, Some(400 | 403))).map(|call| call.operation).collect()
}

#[tokio::test(start_paused = true)]
async fn a_deployment_lasts_and_is_recorded_by_the_clock_of_aws() {
    for skew in SKEWS {
        let account = skewed(skew);
        account.sandbox.put_parameter("/record", "{}").unwrap();
        lasting(&account, RolloutOutcome::Ok, 300);
        let mut request = request(WEB_2);
        request.policy.timeout = Duration::from_secs(400);
        account.sandbox.after_call("UpdateService", 1, move |sandbox| {
            let record: Value = serde_json::from_str(&sandbox.parameter("/record").unwrap().0).unwrap();
            // The three reads and the registration take no time here; a record has whole seconds, as `Date` has.
            let expires = time(&record, "expiresAt");
            let expected = START.plus(Duration::from_secs(800));
            assert!(expires.since(expected).max(expected.since(expires)).as_secs() <= 1, "{skew}: {expires}");
        });
        let records = account.records(&["ssm:/record"]).await;
        let (_interrupter, interrupt) = Interrupt::new();
        let report = account.run_each(&request, interrupt, vec![&records]).await;

        assert_eq!(ending(&report), ended(Outcome::Deployed, "web:2", 0), "{skew}: {}", message(&report));
        let took = report.services[0].duration.as_secs_f64();
        assert!((299.0..=306.0).contains(&took), "{skew}: {took} s");
        let at = time(&record(&account), "deployedAt");
        assert!((299..=306).contains(&at.since(START).as_secs()), "{skew}: {at}");
        // One for each client that began before the first response.
        let refused = refused(&account);
        println!("a clock {skew:+} s from AWS's: refused {refused:?}");
        assert_eq!(refused.len(), usize::from(skew.abs() > 300), "{skew}: {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stuck_rollout_times_out_when_its_time_is_over_by_the_clock_of_ecs() {
    for skew in SKEWS {
        let account = skewed(skew);
        lasting(&account, RolloutOutcome::Stuck, 60);
        let mut request = request(WEB_2);
        request.policy.timeout = Duration::from_secs(400);
        let report = account.run(&request).await;
        assert_eq!(ending(&report), ended(Outcome::TimedOut, "web:1", 7), "{skew}: {}", message(&report));
        let calls = account.sandbox.calls();
        let at = |name: &str| calls.iter().find(|call| call.operation == name).unwrap().at;
        let took = at("StopServiceDeployment").since(at("UpdateService")).as_secs_f64();
        assert!((399.0..=416.0).contains(&took), "{skew}: {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_is_joined_has_the_time_out_of_the_command_that_joins_it() {
    for skew in SKEWS {
        let account = skewed(skew);
        lasting(&account, RolloutOutcome::Stuck, 60);
        let mut request = request(WEB_2);
        request.policy.no_wait = true;
        account.run(&request).await;
        account.clock.sleep(Duration::from_secs(1000)).await;
        request.policy.no_wait = false;
        request.policy.timeout = Duration::from_secs(400);
        let joined = account.sandbox.calls().len();
        let report = account.run(&request).await;
        assert_eq!(report.outcome, Outcome::TimedOut, "{skew}: {}", message(&report));
        let calls = account.sandbox.calls();
        let stopped = calls.iter().find(|call| call.operation == "StopServiceDeployment").unwrap();
        let took = stopped.at.since(calls[joined].at).as_secs_f64();
        assert!((399.0..=416.0).contains(&took), "{skew}: {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_is_held_until_it_expires_by_the_clock_of_aws() {
    for (skew, minutes, is_held) in [(600, 5, true), (-600, -5, false), (0, 5, true), (0, -5, false)] {
        let account = Account::new();
        let (_interrupter, interrupt) = Interrupt::new();
        let records = account.records(&["ssm:/record"]).await;
        let held = Arc::new(Mutex::new(Value::Null));
        let seen = Arc::clone(&held);
        account.sandbox.after_call("UpdateService", 1, move |sandbox| {
            *seen.lock().unwrap() = serde_json::from_str(&sandbox.parameter("/record").unwrap().0).unwrap();
        });
        account.run_each(&request(WEB_2), interrupt, vec![&records]).await;
        let now = account.clock.now().since_epoch().as_secs();
        let mut record = held.lock().unwrap().clone();
        let at =
            |from_now| Timestamp::from_unix(Duration::from_secs(now.checked_add_signed(from_now).unwrap()));
        assert_eq!(record["status"], "in_progress");
        record["expiresAt"] = json!(at(60 * minutes).to_string());
        account.sandbox.put_parameter("/record", &record.to_string()).unwrap();

        // On another machine, whose clock has learnt nothing yet.
        let other = Account { clock: Clock::starting_at(at(skew)), ..account };
        let reset = record_commands::reset(&other.records(&["ssm:/record"]).await, &other.clock, false).await;
        assert_eq!(reset.is_err(), is_held, "{skew} {minutes}: {reset:?}");
    }
}
