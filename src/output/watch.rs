//! What a watch came to.

use serde_json::Value;

use crate::deploy::{Report, ServiceReport};

use super::json::report_document;
use super::result::result_sentence;

/// What a watch came to: `evenkeel.watch/v1`, which has the members of a deployment's document.
#[must_use]
pub fn watch_document(report: &Report) -> Value {
    let mut document = report_document(report);
    document["schema"] = "evenkeel.watch/v1".into();
    document
}

/// What a watch came to, a line for each service.
#[must_use]
pub fn watch_text(report: &Report) -> String {
    let line = |service: &ServiceReport| match &service.note {
        Some(note) => format!("{}: {note}\n", service.service),
        None => result_sentence(service) + "\n",
    };
    report.services.iter().map(line).collect()
}
