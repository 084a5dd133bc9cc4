//! What the deployment needs of the world, in its own nouns.

mod masked;

use std::future::Future;
use std::ops::Range;

use crate::arn::TaskDefinitionArn;
use crate::crash_loop::RunningTask;
pub use crate::encryption::Encryption;
use crate::failure::Failure;
use crate::job::{Answer, ArtifactCredentials, Job, JobId, ObjectAddress, Secret};
use crate::log_stream::{LogPage, LogStream};
use crate::notification::{Channel, Notification};
use crate::one_off::{Launched, OneOffTask, TaskRequest, TaskSettings};
use crate::placement::Departure;
use crate::registry::{EcrImage, ImageLookup};
use crate::request::ClusterName;
use crate::scheduled::{Rule, ScheduledTask};
use crate::service::{DeploymentId, Service, ServiceRevision};
use crate::service_deployment::{ServiceDeployment, ServiceDeploymentStatus};
use crate::stopped_task::StoppedTask;
use crate::task_definition::{Revision, TaskDefinition};
use crate::timestamp::Timestamp;

pub use masked::Masked;

/// A call that is under way, to be awaited on any thread: it comes to a `T`, or to why there is none.
pub trait Pending<T, E = Failure>: Future<Output = Result<T, E>> + Send {}

impl<T, E, F: Future<Output = Result<T, E>> + Send> Pending<T, E> for F {}

/// What is read of Amazon ECS.
///
/// Errors are [`Failure`]s whose kind tells whether to try again later
/// ([`Unavailable`](crate::failure::FailureKind::Unavailable)) or not. Short bouts of
/// throttling and lost connections are dealt with inside.
pub trait Ecs: Sync {
    /// Describes the services that exist; a missing one is left out. Any number: ten to a call.
    fn describe_services(&self, cluster: &ClusterName, services: &[&str]) -> impl Pending<Vec<Service>>;

    /// Describes a revision by its ARN, or a family's newest active one; `None` if there is none.
    fn describe_task_definition(&self, name: &str) -> impl Pending<Option<Revision>>;

    /// The ARNs of some of the service's service deployments with their target revisions, newest
    /// first, all pages.
    fn list_service_deployments(
        &self,
        service: &Service,
        which: Listing,
    ) -> impl Pending<Vec<ListedServiceDeployment>>;

    /// Describes service deployments by ARN; one that is missing is left out. Twenty to a call.
    fn describe_service_deployments(&self, arns: &[String]) -> impl Pending<Vec<ServiceDeployment>>;

    /// The tasks of one of a service's deployments that stopped of late, at most a hundred of which
    /// are looked at. ECS forgets them after about an hour.
    fn stopped_tasks(&self, service: &Service, deployment: &DeploymentId) -> impl Pending<Vec<StoppedTask>>;

    /// The tasks of one of a service's deployments that run, at most a hundred of which are looked at.
    fn running_tasks(&self, service: &Service, deployment: &DeploymentId) -> impl Pending<Vec<RunningTask>>;

    /// The tasks of a service's other deployments than this one that ECS stops or has stopped of late,
    /// at most a hundred of which are looked at.
    fn departures(&self, service: &Service, deployment: &DeploymentId) -> impl Pending<Vec<Departure>>;

    /// Describes service revisions by ARN; one that is missing is left out. Twenty to a call.
    fn describe_service_revisions(&self, arns: &[String]) -> impl Pending<Vec<ServiceRevision>>;

    /// How many attempts of calls were refused for their rate so far: AWS wants fewer calls, also where the next
    /// attempt went well.
    fn throttled(&self) -> u64;
}

/// What a deployment changes in Amazon ECS. Code that is given only [`Ecs`] cannot change a service.
///
/// A short bout of throttling is dealt with inside, as in the reads.
pub trait EcsEffects: OneOffTasks + ScheduledTaskEffects {
    /// Registers a revision. Has no idempotency token: see [`EffectError::Unknown`].
    fn register_task_definition(
        &self,
        definition: &TaskDefinition,
    ) -> impl Pending<TaskDefinitionArn, EffectError>;

    /// Puts a service on a revision; `force` starts a deployment also when it is the live one.
    fn update_service(
        &self,
        service: &Service,
        revision: &TaskDefinitionArn,
        force: bool,
    ) -> impl Pending<Service, EffectError>;

    /// Asks ECS to roll a service deployment back. To ask again does nothing more.
    fn roll_back_service_deployment(&self, arn: &str) -> impl Pending<()>;
}

/// One-off tasks on Amazon ECS, beside the tasks of services.
pub trait OneOffTasks: Sync {
    /// How a service launches its tasks.
    fn task_settings(&self, service: &Service) -> impl Pending<TaskSettings>;

    /// Starts one task. `token` makes a repetition safe: ECS responds with the task that an equal request with that token
    /// has started.
    fn run_task(
        &self,
        task: &TaskRequest,
        settings: &TaskSettings,
        token: &str,
    ) -> impl Pending<Launched, EffectError>;

    /// The task of this id or ARN; nothing, where ECS does not know it yet or no longer.
    fn one_off_task(&self, cluster: &str, id: &str) -> impl Pending<Option<OneOffTask>>;

    /// The tasks that were started by `started_by` and are to run, a hundred at most.
    fn one_off_tasks(&self, cluster: &str, started_by: &str) -> impl Pending<Vec<OneOffTask>>;

    /// Stops a task; one that is over stays so.
    fn stop_task(&self, cluster: &str, id: &str, reason: &str) -> impl Pending<()>;
}

/// The rules of Amazon EventBridge and the schedules of Amazon EventBridge Scheduler, as they are.
pub trait ScheduledTasks: Sync {
    /// A rule with all its targets; nothing, where there is no such rule or event bus.
    fn rule(&self, bus: &str, name: &str) -> impl Pending<Option<Rule>>;

    /// The event bus and the name of each rule with a target of this ARN, on all event buses of the account and Region.
    fn rules_on(&self, target: &str) -> impl Pending<Vec<(String, String)>>;

    /// A schedule; nothing, where there is none or no such group.
    fn schedule(&self, group: &str, name: &str) -> impl Pending<Option<ScheduledTask>>;

    /// The group and the name of each schedule with a target of this ARN, in all groups of the account and Region.
    fn schedules_on(&self, target: &str) -> impl Pending<Vec<(String, String)>>;
}

/// What a deployment changes in Amazon EventBridge and EventBridge Scheduler.
pub trait ScheduledTaskEffects: Sync {
    /// Puts `task`, a target or a schedule, in the place of the one that is there. To do it again changes nothing more.
    ///
    /// # Errors
    /// [`Unavailable`](crate::failure::FailureKind::Unavailable) also where another change of it is under way.
    fn replace(&self, task: &ScheduledTask) -> impl Pending<()>;
}

/// Amazon CloudWatch Logs.
pub trait Logs: Sync {
    /// The next lines of a stream, oldest first: from `from` on, or from its beginning. Nothing while there is no such
    /// stream.
    fn log_page(&self, stream: &LogStream, from: Option<&str>) -> impl Pending<Option<LogPage>>;

    /// The last `lines` lines of a stream, oldest first; none if there is no such stream.
    fn log_tail(&self, stream: &LogStream, lines: u16) -> impl Pending<Vec<String>>;
}

/// Amazon ECR.
pub trait ContainerRegistry: Sync {
    /// Looks an image up.
    fn find_image(&self, image: &EcrImage) -> impl Pending<ImageLookup>;
}

/// What a deployment reads of AWS in one identity: ECS, what tells of images and containers, and scheduled tasks.
pub trait Cloud: Ecs + Logs + ContainerRegistry + ScheduledTasks {}

impl<T: Ecs + Logs + ContainerRegistry + ScheduledTasks> Cloud for T {}

/// Which service deployments to list; ECS gives them in no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Those that were created at this time or later, by the clock of ECS.
    Since(Timestamp),
    /// Those that ended as asked.
    Successful,
}

/// A line of `ListServiceDeployments`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedServiceDeployment {
    /// Its ARN.
    pub arn: String,
    /// The service revision that it rolls out.
    pub target: String,
    /// How far it is.
    pub status: ServiceDeploymentStatus,
    /// When it was created, by the clock of ECS.
    pub created: Timestamp,
}

/// Why an effect was not reported as done.
#[derive(Debug, Clone)]
pub enum EffectError {
    /// It certainly did not happen.
    Refused(Failure),
    /// Its answer was lost: it may have happened. Look before doing it again.
    Unknown(Failure),
}

/// Where the record of a deployment is kept, as a JSON document; an empty object is there as long as
/// nothing was deployed.
pub trait RecordStore: Sync {
    /// Where it is, for people.
    fn place(&self) -> String;

    /// Reads the document and which one it is; `None` if there is nothing.
    fn read(&self) -> impl Pending<Option<(Vec<u8>, Version)>>;

    /// Replaces the version `over` (nothing: where nothing is) by `content`, and gives the new version; `None` if
    /// something else is there, which then stays. A lost response is looked for.
    fn write(&self, over: Option<&Version>, content: &[u8]) -> impl Pending<Option<Version>>;

    /// How much too long a document is to be kept here; nothing if there is room for it.
    fn excess(&self, content: &[u8]) -> Option<Excess> {
        let _ = content;
        None
    }
}

/// A document that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// How many bytes it has.
    pub bytes: usize,
    /// How many it may have.
    pub longest: usize,
}

/// The Parameter Store of AWS Systems Manager, as far as a record needs it. A parameter's versions are
/// numbered from 1 without a gap (AWS Systems Manager API reference, `PutParameter`).
pub trait Parameters: Sync {
    /// A parameter's value and version, or those of an earlier version; `None` if there is none.
    fn get(&self, name: &str, version: Option<u64>) -> impl Pending<Option<(String, u64)>>;

    /// Makes a parameter and gives its version; `None` if it exists already.
    fn create(&self, name: &str, value: &str) -> impl Pending<Option<u64>>;

    /// Gives a parameter another value, whatever it has, and tells the version that this made.
    fn overwrite(&self, name: &str, value: &str) -> impl Pending<u64>;
}

/// Those who are told that a deployment has ended.
pub trait Notifier: Sync {
    /// Tells `notification` on a channel. It may be told twice, where an answer is lost.
    ///
    /// # Errors
    /// A [`Failure`] that never shows a webhook's address.
    fn notify(&self, channel: &Channel, notification: &Notification) -> impl Pending<()>;
}

/// CodePipeline's queue of jobs for one custom action type.
///
/// Short bouts of throttling and lost connections are dealt with inside.
pub trait JobQueue: Sync {
    /// Takes up to `capacity` (1 or more) jobs that nobody has acknowledged yet. A job may be
    /// offered again, also to somebody else, until it is.
    fn poll(&self, capacity: usize) -> impl Pending<Vec<Offer>>;

    /// How many attempts of polls were refused for their rate so far.
    fn throttled(&self) -> u64;

    /// Accepts an offer; whether the job is ours now.
    fn acknowledge(&self, job: &JobId, nonce: &Secret) -> impl Pending<Acknowledgement>;

    /// The job as it is now, with fresh credentials; `None` if CodePipeline does not know it.
    fn details(&self, job: &JobId) -> impl Pending<Option<Job>>;

    /// Answers the job; whether the answer counted. It does not when the job was over already: it
    /// was answered before, timed out, or its action was abandoned.
    fn answer(&self, job: &JobId, answer: &Answer) -> impl Pending<bool>;
}

/// What an acknowledgement came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgement {
    /// The job is ours.
    Ours,
    /// Another worker has it, it was offered again since, or it is over: none of these is an error.
    NotOurs,
    /// A response was lost, and the repetition was refused: because the first attempt took effect, or because the
    /// job was offered again in between.
    Unsure,
}

/// A job that can be had by acknowledging it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The job.
    pub job: Job,
    /// What proves that it was offered to us; it is not ours to show.
    pub nonce: Secret,
}

/// Amazon S3, as far as it is needed: whole small objects, pieces of large ones, and writes that
/// depend on what is there.
pub trait Objects: Sync {
    /// An object's size and version; `None` if it does not exist (or, to a caller who may not list
    /// the bucket, [`Denied`](crate::failure::FailureKind::Denied)).
    fn head(&self, at: &ObjectAddress) -> impl Pending<Option<ObjectHead>>;

    /// The bytes of an object in `range`, which lies within its size, as long as it still has
    /// `version`.
    fn read_range(&self, at: &ObjectAddress, range: Range<u64>, version: &Version) -> impl Pending<Vec<u8>>;

    /// A whole object with its version, if it exists; one of more than `limit` bytes is refused
    /// without being read.
    fn read(&self, at: &ObjectAddress, limit: u64) -> impl Pending<Option<(Vec<u8>, Version)>>;

    /// Writes an object if `condition` holds; `None` if it does not. An answer that was lost may
    /// come as `None` although the write was ours: read and compare.
    fn write(
        &self,
        at: &ObjectAddress,
        content: Vec<u8>,
        condition: &Precondition,
        encryption: &Encryption,
    ) -> impl Pending<Option<Version>>;

    /// Deletes an object that has `version`; whether it had.
    fn delete(&self, at: &ObjectAddress, version: &Version) -> impl Pending<bool>;

    /// The keys that begin with `prefix` and their versions, all pages.
    fn list(&self, bucket: &str, prefix: &str) -> impl Pending<Vec<(String, Version)>>;
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// How many bytes it has.
    pub size: u64,
    /// Its version.
    pub version: Version,
}

/// Which of the contents that a thing has had one after the other: an object's entity tag, for example.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub String);

/// On what a write depends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// On nothing.
    Always,
    /// There is nothing yet.
    Absent,
    /// It still has this version.
    Unchanged(Version),
}

/// Where claims are kept: small documents by key, with conditional writes.
///
/// A key is a job's id. A lost answer to a write may come as "not so": read and compare.
pub trait ClaimStore: Send + Sync {
    /// Where it is, for people.
    fn place(&self) -> String;

    /// All claims and their versions, without their content.
    fn list(&self) -> impl Pending<Vec<(JobId, Version)>>;

    /// A claim, if there is one.
    fn read(&self, job: &JobId) -> impl Pending<Option<(Vec<u8>, Version)>>;

    /// Writes a claim if `condition` holds; `None` if it does not.
    fn write(&self, job: &JobId, content: &[u8], condition: &Precondition) -> impl Pending<Option<Version>>;

    /// Removes a claim that has `version`; whether it had.
    fn remove(&self, job: &JobId, version: &Version) -> impl Pending<bool>;
}

/// Opens AWS in the name of whom a job acts for. Makes no call.
pub trait Access: Send + Sync + 'static {
    /// Amazon ECS, and what stands around a deployment.
    type Ecs: Cloud + EcsEffects + Send + Sync + 'static;
    /// Amazon S3.
    type Objects: Objects + Clone + Send + Sync + 'static;
    /// The Parameter Store.
    type Parameters: Parameters + Clone + Send + Sync + 'static;
    /// Where notifications are sent.
    type Notifier: Notifier + Send + Sync + 'static;

    /// Amazon ECS, as this identity.
    fn ecs(&self, identity: &Identity) -> impl Pending<Self::Ecs>;

    /// Where records are kept in AWS, as this identity.
    fn records(&self, identity: &Identity) -> impl Pending<(Self::Objects, Self::Parameters)>;

    /// Where notifications are sent, as this identity.
    fn notifier(&self, identity: &Identity) -> impl Pending<Self::Notifier>;

    /// Amazon S3, as far as a job's own credentials open it.
    fn artifacts(&self, credentials: &ArtifactCredentials) -> Self::Objects;
}

/// Who calls Amazon ECS and keeps the record, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Identity {
    /// The Region; else the worker's own.
    pub region: Option<String>,
    /// The role to assume; else the worker's own identity.
    pub role_arn: Option<String>,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<Secret>,
    /// What the role's session is called, so that its account's trail tells whose it was.
    pub session: String,
}
