//! What GitHub Actions gets to read: commands in the log, outputs, and the step's summary.

mod commands;
mod outputs;
mod summary;
mod timeline;

pub use commands::{END_OF_GROUP, Fence, Level, annotation, fenced, group, mask};
pub use outputs::step_outputs;
pub use summary::{plan_summary, step_summary};
