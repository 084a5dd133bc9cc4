//! What was measured of each rollout, and the bounds for it.

use std::time::Duration;

use evenkeel_core::timestamp::Timestamp;

use super::world::Call;

/// How late verdicts may be, in seconds: in the median, at the ninetieth percentile, at most.
const LATE: [f64; 3] = [1.2, 2.2, 3.0];
/// How many calls of a process may watch in any minute, and how many others there may be for its service.
const CALLS: (usize, usize) = (32, 8);

const WATCHING: [&str; 2] = ["DescribeServices", "DescribeServiceDeployments"];
const OTHERS: [&str; 5] =
    ["ListServiceDeployments", "DescribeServiceRevisions", "ListTasks", "DescribeTasks", "GetLogEvents"];

/// The measured rollouts of one service.
pub(super) struct Row {
    pub(super) service: String,
    /// What its shape is.
    pub(super) what: String,
    pub(super) verdicts: Vec<Verdict>,
    /// The most calls in any minute that watch, and the most others.
    pub(super) calls: (usize, usize),
}

/// In seconds.
pub(super) struct Verdict {
    /// From the update to the moment at which ECS showed how the rollout ended.
    pub(super) decided: f64,
    /// From then on until the process ended, or began to roll back. Negative for a verdict that came before.
    pub(super) late: f64,
}

impl Verdict {
    pub(super) fn new(began: Timestamp, decided: Timestamp, told: Timestamp) -> Self {
        let seconds = |at: Timestamp| at.since(began).as_secs_f64();
        Self { decided: seconds(decided), late: seconds(told) - seconds(decided) }
    }
}

/// The most calls in any minute that watch, and the most others.
pub(super) fn busiest(calls: &[&Call]) -> (usize, usize) {
    (densest_minute(calls, &WATCHING), densest_minute(calls, &OTHERS))
}

fn densest_minute(calls: &[&Call], operations: &[&str]) -> usize {
    let counted = calls.iter().filter(|call| operations.contains(&call.operation.as_str()));
    let times: Vec<Timestamp> = counted.map(|call| call.at).collect();
    let minute = Duration::from_secs(60);
    let from =
        |first: &Timestamp| times.iter().filter(|at| **at >= *first && at.since(*first) < minute).count();
    times.iter().map(from).max().unwrap_or_default()
}

/// A line for each service, and the percentiles.
pub(super) fn table(rows: &[Row]) -> String {
    let mut lines = vec![format!(
        "{:<9} {:<64} {:>14} {:>13} {:>10}",
        "service", "up + drain + settle", "decided", "late by", "calls/min"
    )];
    for Row { service, what, verdicts, calls: (watching, others) } in rows {
        let each = |of: fn(&Verdict) -> f64, digits: usize| {
            let shown = verdicts.iter().map(|verdict| format!("{:.digits$} s", of(verdict)));
            shown.collect::<Vec<_>>().join(", ")
        };
        let (decided, late) = (each(|it| it.decided, 0), each(|it| it.late, 2));
        lines.push(format!("{service:<9} {what:<64} {decided:>14} {late:>13} {watching:>5} + {others}"));
    }
    let [median, most_of_ten, worst] = percentiles(rows);
    lines.push(format!(
        "late by {median:.2} s in the median, {most_of_ten:.2} s at the ninetieth percentile, {worst:.2} s at most"
    ));
    lines.join("\n")
}

/// What is outside the bounds.
pub(super) fn beyond(rows: &[Row]) -> Vec<String> {
    let mut beyond = Vec::new();
    for Row { service, verdicts, calls: (watching, others), .. } in rows {
        if let Some(Verdict { late, .. }) = verdicts.iter().find(|it| !(0.0..=LATE[2]).contains(&it.late)) {
            beyond.push(format!("{service}: late by {late:.2} s, not 0 to {} s", LATE[2]));
        }
        if *watching > CALLS.0 {
            beyond.push(format!("{service}: {watching} calls watched in a minute, not {} at most", CALLS.0));
        }
        if *others > CALLS.1 {
            beyond.push(format!("{service}: {others} other calls in a minute, not {} at most", CALLS.1));
        }
    }
    for ((late, most), what) in
        percentiles(rows).iter().zip(LATE).zip(["the median", "the ninetieth percentile"])
    {
        if *late > most {
            beyond.push(format!("{what} is late by {late:.2} s, not {most} s at most"));
        }
    }
    beyond
}

/// The median, the ninetieth percentile and the latest of all verdicts.
fn percentiles(rows: &[Row]) -> [f64; 3] {
    let mut late: Vec<f64> = rows.iter().flat_map(|row| &row.verdicts).map(|verdict| verdict.late).collect();
    late.sort_by(f64::total_cmp);
    [50, 90, 100].map(|percent| late[(late.len() * percent).div_ceil(100) - 1])
}
