//! The core: what Evenkeel knows and decides.
//!
//! Nothing here mentions an AWS crate, tokio, a clock or the environment; `tests/layers.rs` keeps
//! it so. Every function is pure: what it needs to know it is handed.

pub mod arn;
mod canonical;
pub mod caveat;
pub mod checkpoint;
pub mod console;
pub mod crash_loop;
pub mod deployment;
pub mod diff;
pub mod drift;
pub mod encryption;
pub mod evidence;
pub mod failure;
pub mod image;
pub mod image_definitions;
pub mod image_detail;
pub mod job;
mod lasting;
pub mod log_stream;
pub(crate) mod members;
pub mod not_understood;
pub mod notification;
pub mod outlook;
pub mod placement;
pub mod plan;
pub mod policy;
mod quote;
pub mod record;
pub mod registry;
pub mod request;
pub mod rollout;
pub mod runner;
#[cfg(test)]
pub(crate) mod samples;
pub mod secrets;
pub mod service;
pub mod service_deployment;
pub mod standing;
pub mod stopped_task;
pub mod task_definition;
pub mod timestamp;
