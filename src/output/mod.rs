//! What a person or a script gets to read.
//!
//! The result goes to standard output, progress and errors to standard error.

mod action_type;
mod drift;
mod env;
mod format;
pub mod github;
mod json;
mod junit;
mod live;
mod notification;
mod notify;
mod policy;
pub mod progress;
mod reasons;
mod record;
mod result;
mod scheduled;
mod story;
mod task;
mod text;
mod watch;

pub use action_type::{action_type_cloudformation, action_type_json, action_type_terraform};
pub use drift::{drift_document, drift_text};
pub use env::{exit_env, plan_env, report_env};
pub use json::{failed_document, plan_document, report_document};
pub use junit::report_junit;
pub use live::{external, live_document, live_text, tfvars};
pub use notification::notification;
pub use notify::notify;
pub use policy::policy_document;
pub use progress::Narrator;
pub use reasons::reasons_text;
pub use record::{records_document, records_text};
pub use result::{outcome_in_words, report_text, result_sentence};
pub use story::Story;
pub use task::{task_document, task_reasons_text, task_text, task_title};
pub use text::{failure_text, plan_text};
pub use watch::{watch_document, watch_text};
