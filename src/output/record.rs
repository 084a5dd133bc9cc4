//! Records, for people and scripts.

use evenkeel_core::record::{Record, Status};
use serde_json::{Value, json};

use crate::record_commands::{Done, Kept, RecordContent};

/// `evenkeel.records/v1`.
#[must_use]
pub fn records_document(records: &[Kept]) -> Value {
    let kept = |kept: &Kept| {
        let (status, record) = match &kept.content {
            RecordContent::Missing => ("missing", Value::Null),
            RecordContent::Empty => ("empty", Value::Null),
            RecordContent::Record(record) => (status(record), json!(record)),
        };
        json!({ "place": kept.place, "done": done(kept.done), "status": status, "record": record })
    };
    json!({ "schema": "evenkeel.records/v1", "records": records.iter().map(kept).collect::<Vec<_>>() })
}

/// A line for each record, and one for each of its images.
#[must_use]
pub fn records_text(records: &[Kept]) -> String {
    let mut lines = Vec::new();
    for kept in records {
        let done = match kept.done {
            Done::Nothing => String::new(),
            Done::Made | Done::Repaired | Done::Reset => format!("{}: ", done(kept.done)),
        };
        let place = &kept.place;
        match &kept.content {
            RecordContent::Missing => lines.push(format!("{place}  {done}nothing is there")),
            RecordContent::Empty => lines.push(format!("{place}  {done}nothing was deployed")),
            RecordContent::Record(record) => {
                lines.push(format!("{place}  {done}{}", summary(record)));
                lines.extend(record.images.iter().map(|(name, image)| format!("  {name}  {image}")));
                lines.extend(record.variables.lines().into_iter().map(|line| format!("  {line}")));
            }
        }
    }
    lines.join("\n") + "\n"
}

fn summary(record: &Record) -> String {
    let short = |arn: &str| arn.rsplit('/').next().unwrap_or(arn).to_owned();
    let what = format!(
        "{} descends from {}, {} {}",
        short(&record.task_definition_arn),
        short(&record.base_task_definition_arn),
        record.deployed_at,
        record.deployed_by().kind,
    );
    match (&record.status, &record.candidate) {
        (Status::Succeeded, _) => what,
        (Status::InProgress, candidate) => {
            let images = candidate.iter().flat_map(|candidate| &candidate.images);
            let images = images.map(|(name, image)| format!("{name}={image}"));
            let variables = candidate.iter().flat_map(|candidate| candidate.variables.names());
            let images: Vec<String> = images.chain(variables.map(ToString::to_string)).collect();
            let until = record.expires_at.as_deref().unwrap_or("an unknown time");
            format!("in progress until {until}: {}; before it {what}", images.join(", "))
        }
    }
}

fn status(record: &Record) -> &'static str {
    match record.status {
        Status::Succeeded => "succeeded",
        Status::InProgress => "in_progress",
    }
}

fn done(done: Done) -> &'static str {
    match done {
        Done::Nothing => "nothing",
        Done::Made => "made",
        Done::Repaired => "repaired",
        Done::Reset => "reset",
    }
}
