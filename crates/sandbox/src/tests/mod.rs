//! The embedded AWS as its clients see it: through the SDK, in process and over loopback.

mod codepipeline;
mod ecr;
mod faults;
mod field;
mod hooks;
mod logs;
mod notifications;
mod one_off_endings;
mod one_off_refusals;
mod one_off_tasks;
mod one_off_tokens;
mod outcomes;
mod read_lag;
mod refusals;
mod requests;
mod rollouts;
mod s3;
mod services;
mod ssm;
mod strategies;
mod sts;
mod task_definitions;
mod time;
mod transport;
mod world;
