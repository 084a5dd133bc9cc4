//! The AWS side: SDK types become nouns of the domain, errors get their kind. Decides nothing.

// The SDK's enums are non-exhaustive: what it does not know yet becomes a named `Unknown` of ours.
#![allow(clippy::wildcard_enum_match_arm)]

mod connect;
mod ecs;
mod error;
mod raw_json;
mod retry;
mod shapes;

pub use connect::{Connection, connect};
pub use ecs::EcsClient;
