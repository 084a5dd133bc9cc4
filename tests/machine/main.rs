//! Deployments on the embedded AWS, in process and under paused time: the real SDK path, and hours
//! of rollout in no time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod beginnings;
mod buckets;
#[path = "../campaign/mod.rs"]
mod campaign;
mod clocks;
mod crashes;
#[path = "../definitions/mod.rs"]
mod definitions;
mod endings;
mod faults;
mod followed;
mod garbled;
mod histories;
mod lossless;
mod model;
mod orders;
mod overtaken;
mod reasons;
mod records;
mod records_kept;
mod records_of_several;
mod references;
mod rivals;
mod rollbacks;
mod run;
mod run_again;
mod run_faults;
mod scheduled;
mod scheduled_drawn;
mod scheduled_faults;
#[path = "../scheduled_tasks/mod.rs"]
mod scheduled_tasks;
mod secrets;
mod steps;
mod steps_faults;
mod steps_judge;
mod steps_killed;
mod stories;
mod transient;
#[path = "../twins/mod.rs"]
mod twins;
mod variables;
mod verify;
mod watching;
mod world;
