//! How times, counts, ids and ECS's words are written for people: the one place for all that is no JSON.

use std::time::Duration;

use evenkeel_core::deployment::Outcome;
use evenkeel_core::one_off::TaskEnd;
use evenkeel_core::timestamp::Timestamp;

/// The shortest id that is shortened, in characters: a task's has 32, a deployment's 19, an account's 12.
const LONG: usize = 16;

/// How much is left of a long id, in characters.
const SHORT: usize = 8;

/// How many tasks of one event are named: one is enough to find the others.
const NAMED: usize = 1;

/// A time span in whole seconds: `0 s`, `45 s`, `1 min 5 s`, `2 h 3 min`.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let parts = match (hours, minutes, rest) {
        (0, 0, rest) => vec![(rest, "s")],
        (0, minutes, rest) => vec![(minutes, "min"), (rest, "s")],
        (hours, minutes, _) => vec![(hours, "h"), (minutes, "min")],
    };
    // `2 min`, not `2 min 0 s`.
    let said = parts.iter().enumerate().filter(|(at, (number, _))| *at == 0 || *number > 0);
    said.map(|(_, (number, unit))| format!("{number} {unit}")).collect::<Vec<_>>().join(" ")
}

/// How long something took that is over: `less than 1 s`, `1 min 5 s`.
pub(super) fn took(duration: Duration) -> String {
    if duration < Duration::from_secs(1) { "less than 1 s".to_owned() } else { span(duration) }
}

/// A point in time: `2026-11-22 23:43:50 UTC`.
pub(super) fn at(time: Timestamp) -> String {
    time.to_string().replace('T', " ").replace('Z', " UTC")
}

/// The tasks that run of those that are wanted: `2 of 3 tasks run`, `1 of 1 task runs`.
pub(super) fn tasks_run(running: u32, wanted: u32) -> String {
    let tasks = if wanted == 1 { "task runs" } else { "tasks run" };
    format!("{running} of {wanted} {tasks}")
}

/// The name of a service or cluster that may have been given as an ARN.
pub(super) fn name(given: &str) -> &str {
    given.rsplit('/').next().unwrap_or(given)
}

/// A stage of a rollout in words: `bake time` for `BAKE_TIME`.
pub(super) fn stage(stage: &str) -> String {
    stage.to_lowercase().replace('_', " ")
}

/// How a deployment ended, in words: `timed out` for `timed_out`. A rollback that somebody asked for ends as
/// `rolled back to web:1`.
pub(super) fn outcome(outcome: Outcome, rolled_back_to: Option<&str>) -> String {
    match (outcome, rolled_back_to) {
        (Outcome::Deployed, Some(revision)) => format!("rolled back to {revision}"),
        _ => outcome.as_str().replace('_', " "),
    }
}

/// An event of ECS without what only a machine reads: ids are shortened, ARNs lose what is the same in all of them, and
/// of many tasks one is named.
pub(super) fn event(said: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rest = said.trim_end_matches('.').split(' ').peekable();
    let mut tasks = 0;
    while let Some(word) = rest.next() {
        if word != "(task" {
            words.push(short_ids(without_account(word)));
            continue;
        }
        let id = rest.next().unwrap_or_default();
        tasks += 1;
        if tasks <= NAMED {
            words.push(format!("(task {}", short_ids(id)));
        } else if rest.peek() != Some(&"(task") {
            words.push(format!("and {} more", tasks - NAMED));
        }
    }
    words.join(" ")
}

/// How a one-off task ended for its container.
pub(super) fn task_end(container: &str, end: &TaskEnd) -> String {
    match end {
        TaskEnd::Exited(code) => format!("{container} ended with {code}"),
        TaskEnd::NeverRan => format!("{container} never ran"),
        TaskEnd::Stopped => format!("{container} was stopped before its end"),
        TaskEnd::TimedOut => format!("{container} took too long and was stopped"),
        TaskEnd::Forgotten => format!("how {container} ended is not known"),
        TaskEnd::NotLaunched(why) => format!("ECS started none: {why}"),
    }
}

/// The text with each long id cut to its first characters: `0f9de17a…`.
pub(super) fn short_ids(text: &str) -> String {
    let is_id = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let (mut short, mut rest) = (String::new(), text);
    while !rest.is_empty() {
        let (id, after) = rest.split_at(rest.find(|c| !is_id(c)).unwrap_or(rest.len()));
        if id.len() < LONG {
            short.push_str(id);
        } else {
            short.push_str(&id[..SHORT]);
            short.push('…');
        }
        let (between, next) = after.split_at(after.find(is_id).unwrap_or(after.len()));
        short.push_str(between);
        rest = next;
    }
    short
}

/// `targetgroup/web/6d0ecf831eec9f09` for an ARN of that resource, with what stands before the ARN.
fn without_account(word: &str) -> &str {
    let Some((before, arn)) = word.split_once("arn:") else { return word };
    // partition:service:region:account:resource
    let resource = arn.splitn(5, ':').nth(4);
    if before.is_empty() { resource.unwrap_or(word) } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (65, "1 min 5 s"),
            (3_599, "59 min 59 s"),
            (3_600, "1 h"),
            (7_385, "2 h 3 min"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        assert_eq!(took(Duration::from_millis(999)), "less than 1 s");
        assert_eq!(took(Duration::from_millis(1_000)), "1 s");
    }

    #[test]
    fn a_time_names_its_zone() {
        let time = Timestamp::from_unix(Duration::from_secs(1_795_391_030));
        assert_eq!(at(time), "2026-11-22 23:43:50 UTC");
    }

    #[test]
    fn an_event_has_no_id_of_32_digits_and_no_account() {
        let [one, two, three] = ["0f9de17a5b6c4d3e2f1a0b9c8d7e6f50", "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"];
        for (said, text) in [
            (format!("has started 1 tasks: (task {one})."), "has started 1 tasks: (task 0f9de17a…)"),
            (
                format!("has started 3 tasks: (task {one}) (task {two}) (task {three})."),
                "has started 3 tasks: (task 0f9de17a…) and 2 more",
            ),
            (
                "registered 1 targets in (target-group arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/6d0ecf831eec9f09)".to_owned(),
                "registered 1 targets in (target-group targetgroup/web/6d0ecf83…)",
            ),
            (
                "(deployment ecs-svc/8234567890123456789) deployment failed: tasks failed to start.".to_owned(),
                "(deployment ecs-svc/82345678…) deployment failed: tasks failed to start",
            ),
            ("has reached a steady state.".to_owned(), "has reached a steady state"),
            ("ünïcode decade deadbeef 12".to_owned(), "ünïcode decade deadbeef 12"),
        ] {
            assert_eq!(event(&said), text);
        }
    }
}
