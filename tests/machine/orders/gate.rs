//! Holds each call that reads or writes the service or a record until the scheduler lets it go on.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::crash_loop::RunningTask;
use evenkeel_core::failure::Failure;
use evenkeel_core::job::ObjectAddress;
use evenkeel_core::log_stream::{LogPage, LogStream};
use evenkeel_core::one_off::{Launched, OneOffTask, TaskRequest, TaskSettings};
use evenkeel_core::placement::Departure;
use evenkeel_core::ports::{
    Cloud, ContainerRegistry, Ecs, EcsEffects, EffectError, Encryption, ListedServiceDeployment, Listing,
    Logs, ObjectHead, Objects, OneOffTasks, Parameters, Precondition, RecordStore, ScheduledTaskEffects,
    ScheduledTasks, Version,
};
use evenkeel_core::registry::{EcrImage, ImageLookup};
use evenkeel_core::request::ClusterName;
use evenkeel_core::scheduled::{Rule, ScheduledTask};
use evenkeel_core::service::{DeploymentId, Service, ServiceRevision};
use evenkeel_core::service_deployment::ServiceDeployment;
use evenkeel_core::stopped_task::StoppedTask;
use evenkeel_core::task_definition::{Revision, TaskDefinition};
use regex_lite::Regex;
use tokio::sync::oneshot;

use super::answers::Answers;

/// What a call reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Thing {
    Service,
    Parameter,
    Object,
    /// A run waits: time goes on, and with it the rollout of the service.
    Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Access {
    pub(super) thing: Thing,
    pub(super) writes: bool,
}

/// The calls of one run that wait at the gate, by what they are about: at most one each.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(Option<Arc<Mutex<Held>>>);

#[derive(Debug, Default)]
struct Held {
    waiting: BTreeMap<Thing, (bool, oneshot::Sender<()>)>,
    /// What the run has seen of each thing, one after the other: all that it goes by.
    seen: BTreeMap<Thing, u64>,
    answers: Answers,
    /// What the run reports, if it has ended.
    reported: Option<u64>,
}

impl Gate {
    /// A gate that holds calls and gives these answers again; the default lets all pass.
    pub(super) fn closed(answers: Answers) -> Self {
        Self(Some(Arc::new(Mutex::new(Held { answers, ..Held::default() }))))
    }

    fn held(&self) -> Option<MutexGuard<'_, Held>> {
        self.0.as_ref().map(|held| held.lock().unwrap())
    }

    pub(super) fn waiting(&self) -> Vec<Access> {
        let held = self.held().unwrap();
        held.waiting.iter().map(|(thing, (writes, _))| Access { thing: *thing, writes: *writes }).collect()
    }

    pub(super) fn let_on(&self, thing: Thing) {
        let (_, go_on) = self.held().unwrap().waiting.remove(&thing).unwrap();
        go_on.send(()).unwrap();
    }

    /// The order goes on by a step, of this run or another.
    pub(super) fn next_step(&self) {
        self.held().unwrap().answers.next_step();
    }

    /// What the run's calls were answered.
    pub(super) fn take_answers(&self) -> Answers {
        std::mem::take(&mut self.held().unwrap().answers)
    }

    /// What the run has seen so far, or if it has ended, what it reports: nothing goes by what it saw any more.
    pub(super) fn seen(&self) -> Result<u64, Vec<(Thing, u64)>> {
        let held = self.held().unwrap();
        held.reported.ok_or_else(|| held.seen.iter().map(|(thing, seen)| (*thing, *seen)).collect())
    }

    /// The run has ended.
    pub(super) fn end(&self, report: &str) {
        self.held().unwrap().reported = Some(digest(report));
    }

    /// The run sees this of a thing; times are left out, since they differ between orders that are alike otherwise.
    fn see(&self, thing: Thing, what: &impl std::fmt::Debug) {
        let Some(mut held) = self.held() else { return };
        let seen = held.seen.entry(thing).or_default();
        *seen = digest(&format!("{seen} {what:?}"));
    }

    /// What a call comes to: what it came to before, while the beginning of an order is played again.
    async fn answer<A: Clone + Send + 'static>(&self, call: String, asked: impl Future<Output = A>) -> A {
        let again = self.held().and_then(|mut held| held.answers.again(&call));
        let answer = match again {
            Some(answer) => answer,
            None => {
                let answer = asked.await;
                if let Some(mut held) = self.held() {
                    held.answers.keep(call, answer.clone());
                }
                answer
            }
        };
        // The SDK draws, too, and is not there the second time: what a run draws after a call is always the same.
        fastrand::seed(7);
        answer
    }

    async fn pass(&self, thing: Thing, writes: bool) {
        let (go_on, wait) = oneshot::channel();
        let Some(before) = self.held().map(|mut held| held.waiting.insert(thing, (writes, go_on))) else {
            return;
        };
        assert!(before.is_none(), "two calls about {thing:?}");
        wait.await.unwrap();
    }
}

/// A number for what a text says but for times.
pub(super) fn digest(text: &str) -> u64 {
    static TIMES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"20\d\d-\d\d-\d\dT[0-9:.]+Z").unwrap());
    let mut hasher = DefaultHasher::new();
    TIMES.replace_all(text, "").hash(&mut hasher);
    hasher.finish()
}

/// What of a service a run may go by, but for times and the words of events.
fn view(service: &Service) -> impl std::fmt::Debug {
    let deployments = service.deployments.iter();
    let view = deployments.map(|it| {
        (it.task_definition.revision(), it.primary, it.rollout, it.desired, it.running, it.pending, it.failed)
    });
    view.collect::<Vec<_>>()
}

#[derive(Debug, Clone)]
pub(super) struct Gated<T> {
    pub(super) inner: T,
    pub(super) gate: Gate,
}

impl<E: Cloud> Ecs for Gated<E> {
    fn throttled(&self) -> u64 {
        self.inner.throttled()
    }

    async fn describe_services(
        &self,
        cluster: &ClusterName,
        services: &[&str],
    ) -> Result<Vec<Service>, Failure> {
        self.gate.pass(Thing::Service, false).await;
        let call = format!("DescribeServices {services:?}");
        let found = self.gate.answer(call, self.inner.describe_services(cluster, services)).await;
        self.gate.see(Thing::Service, &found.iter().flatten().map(view).collect::<Vec<_>>());
        found
    }

    async fn describe_task_definition(&self, name: &str) -> Result<Option<Revision>, Failure> {
        let call = format!("DescribeTaskDefinition {name}");
        self.gate.answer(call, self.inner.describe_task_definition(name)).await
    }

    async fn list_service_deployments(
        &self,
        service: &Service,
        which: Listing,
    ) -> Result<Vec<ListedServiceDeployment>, Failure> {
        let call = format!("ListServiceDeployments {which:?}");
        let listed = self.gate.answer(call, self.inner.list_service_deployments(service, which)).await;
        let statuses = listed.iter().flatten().map(|it| it.status).collect::<Vec<_>>();
        self.gate.see(Thing::Service, &statuses);
        listed
    }

    async fn describe_service_deployments(&self, arns: &[String]) -> Result<Vec<ServiceDeployment>, Failure> {
        let call = format!("DescribeServiceDeployments {arns:?}");
        let described = self.gate.answer(call, self.inner.describe_service_deployments(arns)).await;
        let statuses = described.iter().flatten().map(|it| (it.status, &it.tasks)).collect::<Vec<_>>();
        self.gate.see(Thing::Service, &statuses);
        described
    }

    async fn stopped_tasks(
        &self,
        service: &Service,
        deployment: &DeploymentId,
    ) -> Result<Vec<StoppedTask>, Failure> {
        let call = format!("stopped tasks {deployment:?}");
        self.gate.answer(call, self.inner.stopped_tasks(service, deployment)).await
    }

    async fn running_tasks(
        &self,
        service: &Service,
        deployment: &DeploymentId,
    ) -> Result<Vec<RunningTask>, Failure> {
        let call = format!("running tasks {deployment:?}");
        self.gate.answer(call, self.inner.running_tasks(service, deployment)).await
    }

    async fn departures(
        &self,
        service: &Service,
        deployment: &DeploymentId,
    ) -> Result<Vec<Departure>, Failure> {
        let call = format!("departures {deployment:?}");
        self.gate.answer(call, self.inner.departures(service, deployment)).await
    }

    async fn describe_service_revisions(&self, arns: &[String]) -> Result<Vec<ServiceRevision>, Failure> {
        let call = format!("DescribeServiceRevisions {arns:?}");
        self.gate.answer(call, self.inner.describe_service_revisions(arns)).await
    }
}

impl<E: Cloud + EcsEffects> EcsEffects for Gated<E> {
    async fn register_task_definition(
        &self,
        definition: &TaskDefinition,
    ) -> Result<TaskDefinitionArn, EffectError> {
        let call = format!("RegisterTaskDefinition {definition:?}");
        self.gate.answer(call, self.inner.register_task_definition(definition)).await
    }

    async fn update_service(
        &self,
        service: &Service,
        revision: &TaskDefinitionArn,
        force: bool,
    ) -> Result<Service, EffectError> {
        self.gate.pass(Thing::Service, true).await;
        let call = format!("UpdateService {revision} {force}");
        let updated = self.gate.answer(call, self.inner.update_service(service, revision, force)).await;
        self.gate.see(Thing::Service, &updated.as_ref().map(view).ok());
        updated
    }

    async fn roll_back_service_deployment(&self, arn: &str) -> Result<(), Failure> {
        self.gate.pass(Thing::Service, true).await;
        let call = format!("StopServiceDeployment {arn}");
        self.gate.answer(call, self.inner.roll_back_service_deployment(arn)).await
    }
}

impl<E: Cloud + EcsEffects> OneOffTasks for Gated<E> {
    async fn task_settings(&self, service: &Service) -> Result<TaskSettings, Failure> {
        self.inner.task_settings(service).await
    }

    async fn run_task(
        &self,
        task: &TaskRequest,
        settings: &TaskSettings,
        token: &str,
    ) -> Result<Launched, EffectError> {
        self.inner.run_task(task, settings, token).await
    }

    async fn one_off_task(&self, cluster: &str, id: &str) -> Result<Option<OneOffTask>, Failure> {
        self.inner.one_off_task(cluster, id).await
    }

    async fn one_off_tasks(&self, cluster: &str, started_by: &str) -> Result<Vec<OneOffTask>, Failure> {
        self.inner.one_off_tasks(cluster, started_by).await
    }

    async fn stop_task(&self, cluster: &str, id: &str, reason: &str) -> Result<(), Failure> {
        self.inner.stop_task(cluster, id, reason).await
    }
}

impl<E: Cloud> ScheduledTasks for Gated<E> {
    async fn rule(&self, bus: &str, name: &str) -> Result<Option<Rule>, Failure> {
        self.inner.rule(bus, name).await
    }

    async fn rules_on(&self, target: &str) -> Result<Vec<(String, String)>, Failure> {
        self.inner.rules_on(target).await
    }

    async fn schedule(&self, group: &str, name: &str) -> Result<Option<ScheduledTask>, Failure> {
        self.inner.schedule(group, name).await
    }

    async fn schedules_on(&self, target: &str) -> Result<Vec<(String, String)>, Failure> {
        self.inner.schedules_on(target).await
    }
}

impl<E: Cloud + EcsEffects> ScheduledTaskEffects for Gated<E> {
    async fn replace(&self, task: &ScheduledTask) -> Result<(), Failure> {
        self.inner.replace(task).await
    }
}

impl<E: Cloud> Logs for Gated<E> {
    async fn log_page(&self, stream: &LogStream, from: Option<&str>) -> Result<Option<LogPage>, Failure> {
        self.inner.log_page(stream, from).await
    }

    async fn log_tail(&self, stream: &LogStream, lines: u16) -> Result<Vec<String>, Failure> {
        self.gate.answer(format!("GetLogEvents {stream:?}"), self.inner.log_tail(stream, lines)).await
    }
}

impl<E: Cloud> ContainerRegistry for Gated<E> {
    async fn find_image(&self, image: &EcrImage) -> Result<ImageLookup, Failure> {
        self.gate.answer(format!("DescribeImages {image:?}"), self.inner.find_image(image)).await
    }
}

impl<P: Parameters> Parameters for Gated<P> {
    async fn get(&self, name: &str, version: Option<u64>) -> Result<Option<(String, u64)>, Failure> {
        // What an earlier version holds never changes.
        if version.is_none() {
            self.gate.pass(Thing::Parameter, false).await;
        }
        let call = format!("GetParameter {name} {version:?}");
        let found = self.gate.answer(call, self.inner.get(name, version)).await;
        self.gate.see(Thing::Parameter, &found);
        found
    }

    async fn create(&self, name: &str, value: &str) -> Result<Option<u64>, Failure> {
        self.gate.pass(Thing::Parameter, true).await;
        let call = format!("PutParameter {name} {value}");
        let created = self.gate.answer(call, self.inner.create(name, value)).await;
        self.gate.see(Thing::Parameter, &(&created, value));
        created
    }

    async fn overwrite(&self, name: &str, value: &str) -> Result<u64, Failure> {
        self.gate.pass(Thing::Parameter, true).await;
        let call = format!("PutParameter over {name} {value}");
        let written = self.gate.answer(call, self.inner.overwrite(name, value)).await;
        self.gate.see(Thing::Parameter, &(&written, value));
        written
    }
}

impl<O: Objects> Objects for Gated<O> {
    async fn head(&self, at: &ObjectAddress) -> Result<Option<ObjectHead>, Failure> {
        self.gate.answer(format!("HeadObject {at:?}"), self.inner.head(at)).await
    }

    async fn read_range(
        &self,
        at: &ObjectAddress,
        range: Range<u64>,
        version: &Version,
    ) -> Result<Vec<u8>, Failure> {
        let call = format!("GetObject {at:?} {range:?} {version:?}");
        self.gate.answer(call, self.inner.read_range(at, range, version)).await
    }

    async fn read(&self, at: &ObjectAddress, limit: u64) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        self.gate.pass(Thing::Object, false).await;
        let found = self.gate.answer(format!("GetObject {at:?}"), self.inner.read(at, limit)).await;
        let contents = found.iter().flatten().map(|(content, _)| String::from_utf8_lossy(content));
        self.gate.see(Thing::Object, &contents.collect::<Vec<_>>());
        found
    }

    async fn write(
        &self,
        at: &ObjectAddress,
        content: Vec<u8>,
        condition: &Precondition,
        encryption: &Encryption,
    ) -> Result<Option<Version>, Failure> {
        self.gate.pass(Thing::Object, true).await;
        let text = String::from_utf8_lossy(&content).into_owned();
        let call = format!("PutObject {at:?} {text} {condition:?}");
        let written = self.gate.answer(call, self.inner.write(at, content, condition, encryption)).await;
        self.gate.see(Thing::Object, &(written.as_ref().is_ok_and(Option::is_some), text));
        written
    }

    async fn delete(&self, at: &ObjectAddress, version: &Version) -> Result<bool, Failure> {
        let call = format!("DeleteObject {at:?} {version:?}");
        self.gate.answer(call, self.inner.delete(at, version)).await
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<(String, Version)>, Failure> {
        self.gate.answer(format!("ListObjects {bucket} {prefix}"), self.inner.list(bucket, prefix)).await
    }
}

impl<R: RecordStore> Gated<R> {
    fn thing(&self) -> Thing {
        if self.inner.place().starts_with("ssm:") { Thing::Parameter } else { Thing::Object }
    }
}

impl<R: RecordStore> RecordStore for Gated<R> {
    fn place(&self) -> String {
        self.inner.place()
    }

    async fn read(&self) -> Result<Option<(Vec<u8>, Version)>, Failure> {
        self.gate.pass(self.thing(), false).await;
        let call = format!("read {}", self.inner.place());
        let found = self.gate.answer(call, self.inner.read()).await;
        let content =
            found.iter().flatten().map(|(content, _)| String::from_utf8_lossy(content)).collect::<Vec<_>>();
        self.gate.see(self.thing(), &content);
        found
    }

    async fn write(&self, over: Option<&Version>, content: &[u8]) -> Result<Option<Version>, Failure> {
        self.gate.pass(self.thing(), true).await;
        let call = format!("write {} {over:?} {}", self.inner.place(), String::from_utf8_lossy(content));
        let written = self.gate.answer(call, self.inner.write(over, content)).await;
        self.gate.see(
            self.thing(),
            &(written.as_ref().is_ok_and(Option::is_some), String::from_utf8_lossy(content)),
        );
        written
    }
}
