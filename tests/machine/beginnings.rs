//! What comes before a deployment's first tick: a signal or the time-out ends it, whatever call does not answer.

use std::time::Duration;

use evenkeel::deploy::{Interrupt, Report};
use evenkeel::record::FileStore;
use evenkeel_core::failure::FailureKind;
use evenkeel_sandbox::{Fault, FaultKind};

use crate::world::{Account, request};

/// The calls before the first tick of a deployment whose image is in Amazon ECR, and of a rollback.
const OF_A_DEPLOYMENT: [&str; 3] = ["DescribeServices", "DescribeTaskDefinition", "BatchGetImage"];
const OF_A_ROLLBACK: [&str; 3] = ["DescribeServices", "ListServiceDeployments", "DescribeTaskDefinition"];

const IMAGE: (&str, &str) = ("app", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:2");

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Deploys or rolls back while AWS does not answer `operation`, until a signal comes; how long that took.
async fn cut_short(
    operation: &str,
    is_rollback: bool,
    timeout: Duration,
    signal: Duration,
) -> (Report, Duration) {
    let account = Account::new();
    account.sandbox.push_image("shop/web", "2", &["linux/amd64"]);
    let fault = Fault { operation: operation.to_owned(), nth: None, kind: FaultKind::HangBefore };
    account.sandbox.inject(fault);
    let (interrupter, interrupt) = Interrupt::new();
    let mut request = request(if is_rollback { &[] } else { &[IMAGE] });
    request.policy.timeout = timeout;
    let began = account.clock.now();
    let ends = async {
        if is_rollback {
            // Without a revision to go back to, the last good one is looked for first.
            let to = (operation == "DescribeTaskDefinition").then_some("1");
            account.roll_back_as::<FileStore>(&request, to, &[], interrupt).await
        } else {
            account.run_each::<FileStore>(&request, interrupt, vec![]).await
        }
    };
    let comes = async {
        account.clock.sleep(signal).await;
        interrupter.raise(FailureKind::Terminated);
        std::future::pending::<()>().await;
    };
    let report = tokio::select! {
        report = ends => report,
        () = comes => unreachable!(),
    };
    let operations = account.operations();
    let writes = ["RegisterTaskDefinition", "UpdateService"];
    assert!(!writes.iter().any(|write| operations.iter().any(|it| it == write)), "{operations:?}");
    (report, account.clock.now().since(began))
}

fn all() -> impl Iterator<Item = (&'static str, bool)> {
    let deployment = OF_A_DEPLOYMENT.into_iter().map(|operation| (operation, false));
    deployment.chain(OF_A_ROLLBACK.into_iter().map(|operation| (operation, true)))
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_what_comes_before_the_first_tick() {
    for (operation, is_rollback) in all() {
        let (report, took) = cut_short(operation, is_rollback, seconds(1800), seconds(3)).await;
        let told = report.first_failure().unwrap().to_string();
        assert!(report.exit_status() == 143 && took < seconds(4), "{operation}: {took:?} {told}");
        assert_eq!(
            told,
            "the deployment was interrupted before it began: no service was changed. Run the same command again",
            "{operation}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_out_ends_what_comes_before_the_first_tick() {
    for (operation, is_rollback) in all() {
        let (report, took) = cut_short(operation, is_rollback, seconds(10), seconds(1800)).await;
        let told = report.first_failure().unwrap().to_string();
        assert!(report.exit_status() == 7 && took < seconds(11), "{operation}: {took:?} {told}");
        assert!(told.starts_with("the deployment did not begin within its 10 s: "), "{told}");
    }
}
