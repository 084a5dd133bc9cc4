//! Evenkeel: the deploy step for Amazon ECS that keeps Terraform on an even keel.

pub mod clock;
pub mod domain;
#[cfg(feature = "sandbox")]
pub mod sandbox;
