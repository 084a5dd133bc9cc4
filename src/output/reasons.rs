//! Why a rollout failed, beside the one line that every failure has.

use crate::deploy::Report;

use super::text::printable;

/// The tasks that failed and what their containers logged last, a line each; empty when there is no
/// more to tell than the failures themselves do.
#[must_use]
pub fn reasons_text(report: &Report) -> String {
    let mut lines = Vec::new();
    for service in report.services.iter().filter(|service| service.failure.is_some()) {
        let several = report.services.len() > 1;
        let who = if several { format!("{}: ", service.service) } else { String::new() };
        let details = service.evidence.details();
        lines.extend(details.iter().map(|line| format!("  {who}{}\n", printable(line))));
    }
    lines.concat()
}
