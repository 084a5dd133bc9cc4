//! A deployment with one-off tasks is killed before and after each of its calls, and run again: as if nothing had happened.

use std::time::Duration;

use evenkeel_sandbox::{Fault, FaultKind};

use crate::steps_judge::{Disturbance, Ends, Play, Traces};
use crate::world::{Account, say};

/// Kills the deployment at this call, before or after the call takes effect; whether it came that far.
async fn killed(play: Play, account: &Account, (operation, nth): (&str, usize), kind: &FaultKind) -> bool {
    let (operation, nth) = (operation.to_owned(), Some(nth));
    account.sandbox.inject(Fault { operation, nth, kind: kind.clone() });
    let is_killed = tokio::select! {
        biased;
        () = account.sandbox.hung() => true,
        // It may poll once less than the one that was counted.
        _ = play.deploy(account, "test") => false,
    };
    account.sandbox.clear_faults();
    is_killed
}

/// Kills the play at each call of it, and runs it again in the `execution` after this time.
async fn killed_at_each_call(
    play: Play,
    execution: &str,
    kinds: &[FaultKind],
    later: Duration,
    traces: &mut Traces,
) -> usize {
    let mut kills = 0;
    for (operation, nth) in play.calls().await {
        for kind in kinds {
            let account = play.account();
            kills += usize::from(killed(play, &account, (&operation, nth), kind).await);
            account.clock.sleep(later).await;
            let report = play.deploy(&account, execution).await;
            let executions = if execution == "test" && later < HOURS { 1 } else { 2 };
            let by = Disturbance { executions, runs: 2, lasting: None };
            play.judge(
                &account,
                &report,
                by,
                &format!("{kind:?} at call {nth} of {operation}, {later:?} later"),
            );
            traces.add(&account);
        }
    }
    kills
}

const AT_ONCE: Duration = Duration::ZERO;

/// ECS knows a token for an hour after the end of its task.
const HOURS: Duration = Duration::from_secs(3 * 3600);

#[tokio::test(start_paused = true)]
async fn in_the_same_execution_each_task_runs_once() {
    let (mut kills, mut traces) = (0, Traces::default());
    let kinds = [FaultKind::HangBefore, FaultKind::HangAfter];
    kills += killed_at_each_call(Play::WELL, "test", &kinds, AT_ONCE, &mut traces).await;
    let minute = Duration::from_secs(60);
    kills += killed_at_each_call(Play::WELL, "test", &kinds[1..], minute, &mut traces).await;
    let distinct = traces.distinct();
    say(&format!("steps: {kills} kills and reruns in the same execution, {distinct} distinct traces"));
    assert!(kills > 100 && distinct > 80, "{kills} {distinct}");
}

#[tokio::test(start_paused = true)]
async fn in_another_execution_and_when_ecs_has_forgotten_the_token_a_pending_task_runs_again() {
    let (mut kills, mut traces) = (0, Traces::default());
    let kinds = [FaultKind::HangAfter];
    kills += killed_at_each_call(Play::WELL, "another", &kinds, AT_ONCE, &mut traces).await;
    kills += killed_at_each_call(Play::WELL, "test", &kinds, HOURS, &mut traces).await;
    let distinct = traces.distinct();
    say(&format!(
        "steps: {kills} kills and reruns in another execution or hours later, {distinct} distinct traces"
    ));
    assert!(kills > 70 && distinct > 50, "{kills} {distinct}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_fails_again_in_the_same_execution() {
    let (mut kills, mut traces) = (0, Traces::default());
    for play in
        [Play { before: Ends::With1, after: Ends::Well }, Play { before: Ends::Well, after: Ends::With1 }]
    {
        kills += killed_at_each_call(play, "test", &[FaultKind::HangAfter], AT_ONCE, &mut traces).await;
    }
    let distinct = traces.distinct();
    say(&format!("steps: {kills} kills and reruns of tasks that fail, {distinct} distinct traces"));
    assert!(kills > 50 && distinct > 40, "{kills} {distinct}");
}
