//! A deployment, a rollback or a watch, as a command of its own: run to its end, and told.

use std::time::Duration;

use evenkeel_core::failure::{Failure, FailureKind};
use evenkeel_core::notification::Channel;
use evenkeel_core::one_off::ExecutionId;
use evenkeel_core::record::{DeployedBy, Sink};
use evenkeel_core::request::{DeployRequest, ServiceName};
use evenkeel_core::timestamp::Timestamp;

use crate::aws::{Aws, Connection};
use crate::deploy::{
    Interrupt, Polling, Progress, Report, World, deploy, report_last_rollouts, roll_back, watch_rollouts,
};
use crate::output::{self, Story};
use crate::record;

use super::args::{ConnectionArgs, ResultArg, RolloutArgs};
use super::call_site::CallSite;
use super::credentials_end::{credentials_end, outlived};
use super::environment::Environment;
use super::meaning;
use super::progress::ProgressStyle;
use super::signals::Signals;

/// What is to be done.
pub(super) enum Operation {
    /// Put services on new images.
    Deploy,
    /// Put a service back, on this revision or the last good one.
    RollBack(Option<String>),
    /// Follow the rollouts that are under way.
    Watch,
    /// Tell how the last rollouts ended.
    ReportLast,
}

/// A deployment with all that it needs.
pub(super) struct DeploymentCommand {
    pub(super) task: Operation,
    pub(super) request: DeployRequest,
    connection: Connection,
    /// The records of each service, in the request's order.
    records: Vec<Vec<Sink>>,
    channels: Vec<Channel>,
    poll: Duration,
    source: DeployedBy,
    execution: ExecutionId,
    credentials_end: Option<Timestamp>,
    progress: ProgressStyle,
}

impl DeploymentCommand {
    pub(super) fn new(
        task: Operation,
        request: DeployRequest,
        rollout: &RolloutArgs,
        connection: &ConnectionArgs,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        Ok(Self {
            task,
            records: meaning::records(rollout, &request)?,
            channels: Channel::parse_all(&rollout.notify)?,
            connection: meaning::connection(connection, Some(&request.cluster), environment),
            request,
            poll: rollout.poll,
            source: meaning::source(environment),
            execution: meaning::execution(environment),
            credentials_end: credentials_end(environment),
            progress: rollout.progress.style(environment),
        })
    }

    /// Follows rollouts, or tells how the last ones ended.
    pub(super) fn watching(
        task: Operation,
        request: DeployRequest,
        poll: Duration,
        progress: ProgressStyle,
        connection: &ConnectionArgs,
        environment: &Environment,
    ) -> Self {
        Self {
            task,
            records: Vec::new(),
            channels: Vec::new(),
            connection: meaning::connection(connection, Some(&request.cluster), environment),
            request,
            poll,
            source: meaning::source(environment),
            execution: meaning::execution(environment),
            credentials_end: credentials_end(environment),
            progress,
        }
    }

    /// Runs until the end, or until a second signal; tells what it came to, and returns the exit status.
    pub(super) async fn run(&self, format: ResultArg, site: &CallSite) -> u8 {
        let (interrupter, interrupt) = Interrupt::new();
        let mut story = Story::beginning(self.connection.clock.local());
        let lines = site.begin(&self.title());
        let report = match Signals::catch() {
            Ok(signals) => tokio::select! {
                report = self.carry_out(interrupt, &mut story) => report,
                second = signals.hand_on(interrupter) => Report::refused(cut_short(second)),
            },
            Err(failure) => Report::refused(failure),
        };
        drop(lines);
        site.tell(&report, &story, format)
    }

    fn title(&self) -> String {
        let what = match &self.task {
            Operation::Deploy => "Deployment",
            Operation::RollBack(_) => "Rollback",
            Operation::Watch => "Watch",
            Operation::ReportLast => "Last rollout",
        };
        let services: Vec<&str> = self.request.services.iter().map(ServiceName::short).collect();
        format!("{what} of {} in {}", services.join(", "), self.request.cluster.short())
    }

    async fn carry_out(&self, interrupt: Interrupt, story: &mut Story) -> Report {
        let aws = match Aws::deployer(&self.connection).await {
            Ok(aws) => aws,
            Err(failure) => return Report::refused(failure),
        };
        let clock = aws.clock();
        let (objects, parameters) = (aws.objects(), aws.parameters());
        let open = |sinks: &Vec<Sink>| record::open(sinks, &objects, &parameters);
        let records: Vec<_> = self.records.iter().map(open).collect();
        let world = World {
            ecs: &aws.cloud(),
            records: records.iter().map(Vec::as_slice).collect(),
            clock,
            polling: Polling::every(self.poll),
            interrupt,
            source: &self.source,
            execution: self.execution.clone(),
        };
        let mut view = self.progress.begin();
        let mut warning = None;
        let mut listen = |progress: Progress<'_>| {
            // The end of the credentials is by AWS's clock, which the reads before this have told.
            let begins = match self.task {
                Operation::Deploy | Operation::RollBack(_) => matches!(progress, Progress::Planned(_)),
                Operation::Watch => warning.is_none() && matches!(progress, Progress::Started { .. }),
                Operation::ReportLast => false,
            };
            if begins {
                warning = outlived(self.credentials_end, clock.now(), self.request.policy.timeout);
                if let Some(warning) = &warning {
                    view.tell(&Progress::Warning(warning));
                }
            }
            story.hear(&progress, clock.local());
            view.tell(&progress);
        };
        let mut report = match &self.task {
            Operation::Deploy => deploy(&world, &self.request, &mut listen).await,
            Operation::RollBack(to) => roll_back(&world, &self.request, to.as_deref(), &mut listen).await,
            Operation::Watch => watch_rollouts(&world, &self.request, &mut listen).await,
            Operation::ReportLast => report_last_rollouts(&world, &self.request, &mut listen).await,
        };
        report.warnings.extend(warning);
        if !self.channels.is_empty() {
            let notification = output::notification(&self.request, &report, story, &self.source);
            for warning in output::notify(&aws.notifier(), &self.channels, &notification).await {
                view.tell(&Progress::Warning(&warning));
                report.warnings.push(warning);
            }
        }
        report
    }
}

/// A second signal does not wait for the call that is under way, so what that call came to is not known.
pub(super) fn cut_short(second: FailureKind) -> Failure {
    Failure::new(second, "a second signal ended the command at once")
        .because("what was begun goes on in ECS")
        .advice("Run the same command again to follow it to its end")
}
