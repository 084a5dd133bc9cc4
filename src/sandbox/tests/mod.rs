//! The embedded AWS as its clients see it: through the SDK, in process and over loopback.

mod codepipeline;
mod faults;
mod requests;
mod rollouts;
mod s3;
mod services;
mod ssm;
mod sts;
mod task_definitions;
mod transport;
mod world;
