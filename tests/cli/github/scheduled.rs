//! Rules and schedules that follow a step's deployment.

use super::runner::run;
use crate::scheduled::account;
use crate::world::APP_NEW;

#[test]
fn the_summary_has_a_line_for_each() {
    let account = account();
    let step = run(
        &account,
        &[
            ("cluster", "prod"),
            ("service", "web"),
            ("images", APP_NEW),
            ("also", "rule:nightly\nschedule:jobs/hourly\n"),
        ],
    );
    assert_eq!(step.status, Some(0), "{step:#?}");
    let lines = "target report of rule nightly starts web:2 from now on, and no longer web:1\n\
                 schedule jobs/hourly starts web:2 from now on, and no longer web:1 (disabled)\n";
    let section = format!("#### Scheduled tasks\n\n```text\n{lines}```\n");
    assert!(step.summary.contains(&section), "{}", step.summary);
    // In the timeline, a sign that Mermaid may take for its own is a blank.
    assert!(step.summary.contains("    move schedule jobs hourly :done, "), "{}", step.summary);
}
