//! Evenkeel: the deploy step for Amazon ECS that keeps Terraform on an even keel.
//!
//! # Flow
//! `arguments → DeployRequest → observe → Plan → tick* → Report → exit status | output | record`
//!
//! * [`evenkeel_core`] knows and decides, and has the ports: pure, without AWS types, tokio, a clock or the environment.
//! * [`deploy`] performs what was decided, over the ports; [`one_off`] runs tasks beside a service's own, and
//!   [`scheduled`] finds those that rules and schedules start.
//! * [`aws`] and [`record`] are what stands behind the ports.
//! * [`cli`] and [`output`] are what a person or a script meets.
//! * `evenkeel_sandbox` is an embedded AWS: the tests' world and the README's first command.
//!
//! Imports point downward only: the crates see to it, and `tests/layers.rs` within this one.

pub mod artifact;
pub mod aws;
pub mod cli;
pub mod clock;
pub mod deploy;
pub mod drift;
pub mod live;
pub mod one_off;
pub mod output;
pub mod record;
pub mod record_commands;
pub mod scheduled;
pub mod worker;
