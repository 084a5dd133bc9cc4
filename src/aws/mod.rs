//! The AWS side: SDK types become nouns of the domain, errors get their kind. Decides nothing.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the SDK's enums are non-exhaustive: what it does not know yet becomes a named `Unknown` of ours"
)]

mod action_type;
mod buckets;
mod calls;
mod cloud;
mod codepipeline;
mod components;
mod connect;
mod connection_limit;
mod ecr;
mod ecs;
mod error;
mod job;
mod logs;
mod lost;
mod network;
mod notifier;
mod one_off;
mod raw_json;
mod retry;
mod s3;
mod scheduled;
mod settings;
mod shapes;
mod ssm;
mod time;

pub use calls::{Attempt, Calls};
pub use cloud::AwsCloud;
pub use codepipeline::CodePipelineQueue;
pub use connect::{Aws, Connection, connect};
pub use network::Network;
pub use notifier::AwsNotifier;
pub use s3::S3Objects;
pub use ssm::SsmParameters;
