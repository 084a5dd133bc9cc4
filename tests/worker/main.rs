//! The worker on the embedded AWS: every job ends, exactly once, and as the truth is.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod answers;
mod beginnings;
mod buckets;
#[path = "../campaign/mod.rs"]
mod campaign;
mod clocks;
#[path = "../container/docker.rs"]
mod docker;
mod garbled;
mod line;
mod loops;
mod many;
mod operation;
mod options;
mod other_version;
mod processes;
mod replicas;
mod scale;
mod scheduled;
#[path = "../scheduled_tasks/mod.rs"]
mod scheduled_tasks;
mod schedules;
mod secrets;
mod served;
mod steps;
mod steps_faults;
mod stories;
mod twin_jobs;
#[path = "../twins/mod.rs"]
mod twins;
mod variables;
mod versions;
mod world;
