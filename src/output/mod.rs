//! What a person or a script gets to read.
//!
//! The result goes to standard output, progress and errors to standard error.

mod action_type;
mod drift;
mod github;
mod json;
mod live;
mod policy;
mod reasons;
mod record;
mod text;

pub use action_type::{action_type_cloudformation, action_type_json, action_type_terraform};
pub use drift::{drift_document, drift_text};
pub use github::summary_markdown;
pub use json::{failed_document, plan_document, report_document};
pub use live::{external, live_document, live_text, tfvars};
pub use policy::policy_document;
pub use reasons::reasons_text;
pub use record::{records_document, records_text};
pub use text::{Narrator, failure_text, plan_text, report_text};
