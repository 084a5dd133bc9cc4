//! Evenkeel: the deploy step for Amazon ECS that keeps Terraform on an even keel.
//!
//! # Flow
//! `arguments → DeployRequest → observe → Plan → tick* → Report → exit status | output | record`
//!
//! * [`domain`] knows and decides: pure, without AWS types, tokio, a clock or the environment.
//! * [`deploy`] performs what was decided, over the [`ports`].
//! * [`aws`] and [`record`] are what stands behind the ports.
//! * [`cli`] and [`output`] are what a person or a script meets.
//! * `sandbox` is an embedded AWS: the tests' world and the README's first command.
//!
//! Imports point downward only; `tests/layers.rs` keeps it so.

pub mod artifact;
pub mod aws;
pub mod bookkeeping;
pub mod cli;
pub mod clock;
pub mod deploy;
pub mod domain;
pub mod drift;
pub mod live;
pub mod output;
pub mod ports;
pub mod record;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod worker;
