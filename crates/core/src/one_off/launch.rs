//! What `RunTask` is asked, and what it responds.

use crate::arn::TaskDefinitionArn;

use super::OneOffTask;

/// How a service launches its tasks, as far as `RunTask` takes it. Load balancers, Service Connect and service discovery are
/// not among that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskSettings {
    /// What the tasks run on.
    pub compute: Compute,
    /// The network of the tasks, for the mode `awsvpc`.
    pub network: Option<Network>,
    /// The version of the platform, on AWS Fargate.
    pub platform_version: Option<String>,
    /// The tasks get the tags of their definition.
    ///
    /// A service may pass on its own tags instead; `RunTask` refuses that, and takes the definition's.
    pub propagates_tags: bool,
    /// The tasks get the tags that ECS manages.
    pub has_managed_tags: bool,
}

/// What tasks run on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Compute {
    /// What the cluster's default strategy says.
    #[default]
    ClusterDefault,
    /// A launch type: `FARGATE`, `EC2`, `EXTERNAL`.
    LaunchType(String),
    /// A strategy of capacity providers, 20 at most.
    CapacityProviders(Vec<CapacityProvider>),
}

/// One item of a capacity provider strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapacityProvider {
    /// Its name.
    pub name: String,
    /// Its share of the tasks.
    pub weight: i32,
    /// How many tasks it gets first.
    pub base: i32,
}

/// The network of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The subnets, by id.
    pub subnets: Vec<String>,
    /// The security groups, by id; none takes the default of the VPC.
    pub security_groups: Vec<String>,
    /// `ENABLED` or `DISABLED`.
    pub public_ip: Option<String>,
}

/// One task to run. Nothing in it has a time or an address, so that the same task is the same request.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskRequest {
    /// The revision.
    pub revision: TaskDefinitionArn,
    /// The ARN of the cluster.
    pub cluster: String,
    /// What the task is started by.
    pub started_by: String,
    /// The container that the task is about.
    pub container: String,
    /// The container's command; its own, if there are no words.
    pub command: Vec<String>,
    /// Variables that are added to the container's environment.
    pub environment: Vec<(String, String)>,
    /// The task's CPU units instead of its definition's.
    pub cpu: Option<String>,
    /// The task's memory instead of its definition's.
    pub memory: Option<String>,
}

/// Its command and environment may hold secrets.
impl std::fmt::Debug for TaskRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { revision, container, .. } = self;
        f.debug_struct("TaskRequest")
            .field("revision", revision)
            .field("container", container)
            .finish_non_exhaustive()
    }
}

/// What `RunTask` responded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launched {
    /// The task, new or of an earlier request with this token.
    Started(Box<OneOffTask>),
    /// There is none: ECS has no room for it, or cannot place it.
    NotLaunched(NotLaunched),
    /// This token was used for another request, which started these tasks, by ARN.
    Conflict(Vec<String>),
}

/// A failure among `RunTask`'s `failures`: the response is no error, and there is no task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotLaunched {
    /// `RESOURCE:MEMORY`, `AGENT`, a sentence.
    pub reason: String,
    /// More on it.
    pub detail: Option<String>,
}

impl NotLaunched {
    /// Whether it may pass: room may become free, and an agent may connect again. What no instance offers stays so (Amazon ECS
    /// developer guide, "API failures messages").
    #[must_use]
    pub fn may_pass(&self) -> bool {
        let reason = self.reason.to_lowercase();
        reason.starts_with("resource:") || reason == "agent" || reason.starts_with("capacity is unavailable")
    }

    /// Whether the reason is one of ECS's codes, and no sentence.
    #[must_use]
    pub fn is_code(&self) -> bool {
        !self.reason.contains(' ')
    }
}

impl std::fmt::Display for NotLaunched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason.trim_end_matches('.'))?;
        self.detail.iter().try_for_each(|detail| write!(f, " ({})", detail.trim_end_matches('.')))
    }
}
