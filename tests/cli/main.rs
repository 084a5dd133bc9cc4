//! The real binary against the embedded AWS over loopback: the contract of the command line.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod action_type;
mod buildspec;
#[path = "../container/docker.rs"]
mod docker;
mod drift;
mod endings;
mod env;
mod formats;
mod github;
mod given;
mod junit;
mod network;
mod notifications;
mod policy;
mod profiles;
mod readme;
mod record_commands;
mod records;
mod refusals;
mod rollback;
mod run;
mod scheduled;
mod serving;
mod signals;
mod surroundings;
mod variables;
mod watch;
mod world;
mod yaml;
