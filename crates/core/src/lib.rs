//! The core: what Evenkeel knows and decides.
//!
//! This crate depends on no AWS crate and not on tokio, and reads no clock, environment or file (`tests/layers.rs` checks
//! both). Every function is pure. The [`ports`] say what a deployment needs of the world; other crates implement them.

pub mod arn;
pub mod brought;
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
mod members;
pub mod newest_rollout;
pub mod not_understood;
pub mod notification;
pub mod one_off;
pub mod placement;
pub mod plan;
pub mod policy;
pub mod poll_target;
pub mod ports;
pub mod primary_state;
mod quote;
pub mod record;
pub mod registry;
pub mod request;
pub mod rollout;
pub mod runner;
#[cfg(test)]
pub(crate) mod samples;
pub mod scheduled;
pub mod secrets;
pub mod service;
pub mod service_deployment;
pub mod stopped_task;
pub mod task_definition;
pub mod timestamp;
pub mod variables;
mod words;
