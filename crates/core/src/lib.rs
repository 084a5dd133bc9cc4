//! The core: what Evenkeel knows and decides.
//!
//! This crate has no AWS crate, no tokio, no clock and no environment to lean on. Every function is pure: what it needs to
//! know it is handed. What a deployment needs of the world are the [`ports`], which other crates stand behind.

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
mod members;
pub mod not_understood;
pub mod notification;
pub mod outlook;
pub mod placement;
pub mod plan;
pub mod policy;
pub mod ports;
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
