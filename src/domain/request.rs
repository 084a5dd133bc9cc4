//! What the user asked for, parsed once.

use std::fmt;
use std::time::Duration;

use super::failure::{Failure, FailureKind};
use super::image::Images;

/// A deployment that somebody asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct DeployRequest {
    /// The cluster.
    pub cluster: ClusterName,
    /// The services, each once, in the order given.
    pub services: Vec<ServiceName>,
    /// The images, by container.
    pub images: Images,
    /// How to go about it.
    pub policy: Policy,
}

/// How a deployment is carried out and judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How long a rollout may take, and a rollback again.
    pub timeout: Duration,
    /// What to do when it fails or does not end in time.
    pub on_failure: OnFailure,
    /// Return when the rollout has started.
    pub no_wait: bool,
    /// Start a deployment even if the images are live already.
    pub force_new_deployment: bool,
    /// How many tasks in a row may fail; `None` takes ECS's own threshold, and leaves it to ECS
    /// where the service's circuit breaker is on.
    pub max_task_failures: Option<u32>,
    /// How long ECS may be unable to place a task.
    pub placement_grace: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30 * 60),
            on_failure: OnFailure::RollBack,
            no_wait: false,
            force_new_deployment: false,
            max_task_failures: None,
            placement_grace: Duration::from_secs(5 * 60),
        }
    }
}

/// What to do with a rollout that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Put the service back on the revision that it ran before.
    RollBack,
    /// Leave the service as it is.
    Leave,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// Takes a name of 1 to 255 letters, digits, `-` and `_`, or an ARN.
            pub fn parse(text: &str) -> Result<Self, Failure> {
                parse_name(text, $what, $kind).map(|name| Self(name.to_owned()))
            }

            /// The name or ARN, as given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The Region, if an ARN was given.
            #[must_use]
            pub fn region(&self) -> Option<&str> {
                self.0.strip_prefix("arn:")?.split(':').nth(2)
            }

            /// The name without what stands before it in an ARN.
            #[must_use]
            pub fn short(&self) -> &str {
                self.0.rsplit('/').next().unwrap_or(&self.0)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A cluster's name or ARN.
    ClusterName,
    "cluster",
    "cluster/"
);
name!(
    /// A service's name or ARN.
    ServiceName,
    "service",
    "service/"
);

fn parse_name<'a>(text: &'a str, what: &str, resource: &str) -> Result<&'a str, Failure> {
    let is_name = |name: &str| {
        (1..=255).contains(&name.len())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    let arn_resource = text.strip_prefix("arn:").and_then(|arn| arn.splitn(5, ':').nth(4));
    let named = match arn_resource {
        Some(rest) => rest.strip_prefix(resource).is_some_and(|path| path.split('/').all(is_name)),
        None => is_name(text),
    };
    named.then_some(text).ok_or_else(|| {
        Failure::new(FailureKind::InvalidInput, format!("{text:?} is not a {what}"))
            .because("a name has 1 to 255 letters, digits, hyphens and underscores")
            .advice(format!("Give the {what}'s name or its ARN"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_an_arn_is_taken_as_it_stands() {
        for text in ["web", "Web_1-a", "arn:aws:ecs:eu-west-1:123456789012:service/prod/web"] {
            let name = ServiceName::parse(text).unwrap();
            assert_eq!((name.as_str(), name.short().len() <= text.len()), (text, true));
        }
        let arn = "arn:aws-cn:ecs:cn-north-1:123456789012:cluster/prod";
        let cluster = ClusterName::parse(arn).unwrap();
        assert_eq!((cluster.short(), cluster.region()), ("prod", Some("cn-north-1")));
        assert_eq!(ClusterName::parse("prod").unwrap().region(), None);
    }

    #[test]
    fn anything_else_is_refused_with_the_text_in_the_message() {
        let long = "x".repeat(256);
        for text in ["", " web", "a/b", "web;rm", "arn:aws:ecs:eu-west-1:1:cluster/prod", &long] {
            let failure = ServiceName::parse(text).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::InvalidInput);
            assert!(failure.to_string().contains(text), "{failure}");
        }
    }
}
