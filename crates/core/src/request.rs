//! What the user asked for, parsed once.

use std::fmt;
use std::time::Duration;

use super::arn::{Arn, last_part};
use super::failure::Failure;
use super::image::Images;
use super::one_off::Steps;
use super::quote::{cut, quoted};
use super::scheduled::Also;
use super::variables::VariableChanges;
use crate::words::{text, words};

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
    /// What runs beside it.
    pub steps: Steps,
    /// The variables to set and to give back.
    pub variables: VariableChanges,
    /// The rules and schedules that follow it.
    pub also: Vec<Also>,
}

impl DeployRequest {
    /// How long it may take until the service is updated: each task before may take as long as a rollout.
    #[must_use]
    pub fn longest_beginning(&self) -> Duration {
        let tasks = u32::try_from(self.steps.before.len()).unwrap_or(u32::MAX);
        self.policy.timeout.saturating_mul(tasks.saturating_add(1))
    }

    /// How long it may take in all: a rollout, a rollback, and each task.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.policy.timeout.saturating_mul(self.steps.count().saturating_add(2))
    }
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
    /// where the service's circuit breaker is on. 0 leaves failing tasks to ECS altogether.
    pub max_task_failures: Option<u32>,
    /// How long ECS may be unable to place a task; `None` takes the time that fits the reason.
    pub placement_grace: Option<Duration>,
    /// Leave out the checks that cost calls of their own: whether images are there.
    pub skip_verify: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30 * 60),
            on_failure: OnFailure::RollBack,
            no_wait: false,
            force_new_deployment: false,
            max_task_failures: None,
            placement_grace: None,
            skip_verify: false,
        }
    }
}

words! {
    /// What to do with a rollout that failed.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum OnFailure {
        /// Put the service back on the revision that it ran before.
        RollBack = "rollback",
        /// Leave the service as it is.
        Leave = "leave",
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $parts:literal) => {
        text!($(#[$doc])* $type);

        impl $type {
            /// Takes a name of 1 to 255 letters, digits, `-` and `_`, or an ARN.
            pub fn parse(text: &str) -> Result<Self, Failure> {
                parse_name(text, $what, $parts).map(|name| Self(name.to_owned()))
            }

            /// The Region, if an ARN was given.
            #[must_use]
            pub fn region(&self) -> Option<&str> {
                self.place().map(|place| place.region)
            }

            /// The account, if an ARN was given.
            #[must_use]
            pub fn account(&self) -> Option<&str> {
                self.place().map(|place| place.account)
            }

            /// Where it is, if an ARN was given.
            #[must_use]
            pub fn place(&self) -> Option<Location<'_>> {
                arn_parts(&self.0).map(|(place, _)| place)
            }

            /// The name without what stands before it in an ARN.
            #[must_use]
            pub fn short(&self) -> &str {
                last_part(&self.0)
            }
        }
    };
}

name!(
    /// A cluster's name or ARN.
    ClusterName,
    "cluster",
    1
);
name!(
    /// A service's name or ARN.
    ServiceName,
    "service",
    2
);

impl ServiceName {
    /// Takes one more service's name or ARN, and adds it to `services`.
    ///
    /// # Errors
    /// [`Failure::invalid_input`], also when `services` has it already; then nothing is added.
    pub fn parse_another(text: &str, services: &mut Vec<Self>) -> Result<(), Failure> {
        let service = Self::parse(text)?;
        if services.iter().any(|other| other.short() == service.short()) {
            let what = format!("service {} is given twice", cut(service.short(), 100));
            return Err(Failure::invalid_input(what).advice("Give each service once"));
        }
        services.push(service);
        Ok(())
    }

    /// The cluster's name, if an ARN was given that tells it; ARNs of before 2018 do not.
    #[must_use]
    pub fn cluster(&self) -> Option<&str> {
        let (_, resource) = arn_parts(&self.0)?;
        resource.strip_prefix("service/")?.split_once('/').map(|(cluster, _)| cluster)
    }
}

/// Where something is in AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location<'a> {
    /// The partition: `aws`, `aws-cn`, …
    pub partition: &'a str,
    /// The Region.
    pub region: &'a str,
    /// The account, twelve digits.
    pub account: &'a str,
}

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.partition, self.region, self.account)
    }
}

/// Whether ECS takes it as the name of a cluster, a service or a container.
pub(super) fn is_name(text: &str) -> bool {
    has_only(text, 255, "-_")
}

/// Whether it is a text of at most `longest` ASCII letters, digits and `other` characters, and not empty.
pub(super) fn has_only(text: &str, longest: usize, other: &str) -> bool {
    (1..=longest).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || other.contains(c))
}

/// Whether it is the number of an AWS account.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether it is made like a partition or a Region: lower-case letters, digits and hyphens.
pub(super) fn is_label(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(allowed)
}

/// Where the resource of an ECS ARN is, and which it is.
fn arn_parts(text: &str) -> Option<(Location<'_>, &str)> {
    let Arn { partition, region, account, resource, .. } = Arn::of(text, "ecs")?;
    let sound = is_label(partition) && is_label(region) && is_account(account);
    sound.then_some((Location { partition, region, account }, resource))
}

/// Takes the name of a `what`, or its ARN, in which up to `parts` names follow the word for what it is.
fn parse_name<'a>(text: &'a str, what: &str, parts: usize) -> Result<&'a str, Failure> {
    let named = match arn_parts(text) {
        Some((_, resource)) => {
            let path = resource.strip_prefix(what).and_then(|rest| rest.strip_prefix('/'));
            path.is_some_and(|path| path.split('/').all(is_name) && path.split('/').count() <= parts)
        }
        None => is_name(text),
    };
    named.then_some(text).ok_or_else(|| {
        Failure::invalid_input(format!("{} is not a {what}", quoted(text)))
            .because("a name has 1 to 255 letters, digits, hyphens and underscores")
            .advice(format!("Give the {what}'s name or its ARN"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    #[test]
    fn a_name_or_an_arn_is_taken_as_it_stands() {
        for text in ["web", "Web_1-a", "arn:aws:ecs:eu-west-1:123456789012:service/prod/web"] {
            let name = ServiceName::parse(text).unwrap();
            assert_eq!((name.as_str(), name.short().len() <= text.len()), (text, true));
        }
        let arn = "arn:aws-cn:ecs:cn-north-1:123456789012:cluster/prod";
        let cluster = ClusterName::parse(arn).unwrap();
        assert_eq!((cluster.short(), cluster.region()), ("prod", Some("cn-north-1")));
        assert_eq!(cluster.account(), Some("123456789012"));
        assert_eq!(cluster.place().unwrap().to_string(), "aws-cn:cn-north-1:123456789012");
        assert_eq!(ClusterName::parse("prod").unwrap().place(), None);
    }

    #[test]
    fn a_service_s_arn_tells_its_cluster_if_it_is_not_of_the_old_form() {
        let cluster = |text: &str| ServiceName::parse(text).unwrap().cluster().map(str::to_owned);
        assert_eq!(cluster("arn:aws:ecs:eu-west-1:123456789012:service/prod/web").as_deref(), Some("prod"));
        assert_eq!(cluster("arn:aws:ecs:eu-west-1:123456789012:service/web"), None);
        assert_eq!(cluster("web"), None);
    }

    #[test]
    fn a_service_is_taken_once_also_when_it_is_named_in_another_way() {
        let mut services = Vec::new();
        ServiceName::parse_another("web", &mut services).unwrap();
        ServiceName::parse_another("api", &mut services).unwrap();
        let twice =
            ServiceName::parse_another("arn:aws:ecs:eu-west-1:123456789012:service/prod/web", &mut services);
        assert_eq!(twice.unwrap_err().to_string(), "service web is given twice. Give each service once");
        assert_eq!(services.iter().map(ServiceName::as_str).collect::<Vec<_>>(), ["web", "api"]);
    }

    #[test]
    fn anything_else_is_refused_with_the_text_in_the_message() {
        for text in [
            "",
            " web",
            "a/b",
            "web;rm",
            "arn:aws:ecs:eu-west-1:123456789012:cluster/prod",
            "arn:aws:ecs:eu-west-1:123456789012:service/",
            "arn:aws:ecs:eu-west-1:123456789012:service/a/b/c",
            "arn:aws:ecs:eu-west-1:1:service/web",
            "arn:aws:ecs::123456789012:service/web",
            "arn:aws:iam:eu-west-1:123456789012:service/web",
        ] {
            let failure = ServiceName::parse(text).unwrap_err();
            assert_eq!(failure.kind(), FailureKind::InvalidInput);
            assert!(failure.to_string().starts_with(&format!("{text:?} is not a service: ")), "{failure}");
        }
        let long = ServiceName::parse(&"x".repeat(256)).unwrap_err().to_string();
        assert!(long.starts_with(&format!("{:?}… is not a service", "x".repeat(100))), "{long}");
        assert!(ClusterName::parse("arn:aws:ecs:eu-west-1:123456789012:cluster/a/b").is_err());
    }
}
