//! The real binary against the embedded AWS over loopback: the contract of the command line.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod action_type;
mod bookkeeping;
mod buildspec;
mod drift;
mod endings;
mod env;
mod formats;
mod github;
mod junit;
mod notifications;
mod policy;
mod records;
mod refusals;
mod rollback;
mod serving;
mod signals;
mod world;
