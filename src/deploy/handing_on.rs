//! What a slice hands on to the next one.

use std::time::Duration;

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::checkpoint::{Checkpoint, ServiceCheckpoint};
use evenkeel_core::deployment::{Outcome, Phase, Way, Why};
use evenkeel_core::failure::Failure;
use evenkeel_core::one_off::{Step, StepsProgress, TaskPhase};
use evenkeel_core::plan::{CarriedFrom, CarriedVariablesFrom};
use evenkeel_core::rollout::Rollout;
use evenkeel_core::service::DeploymentId;
use evenkeel_core::timestamp::Timestamp;
use serde_json::Map;

use super::context::Context;
use super::run::Run;

/// Where the deployment stands.
pub(super) fn checkpoint<E>(cx: &Context<'_, E>, runs: &[Run]) -> Checkpoint {
    let services = runs.iter().map(|run| run.checkpoint(&cx.planned(run).base));
    Checkpoint {
        execution: cx.slice.map(|slice| slice.from.execution.clone()).unwrap_or_default(),
        began: cx.began,
        services: if runs.iter().all(Run::is_untouched) { Vec::new() } else { services.collect() },
        steps: cx.steps.clone(),
        unknown: cx.slice.map(|slice| slice.from.unknown.clone()).unwrap_or_default(),
    }
}

/// A checkpoint as long as any that this deployment can come to.
pub(super) fn largest_checkpoint<E>(cx: &Context<'_, E>, runs: &[Run]) -> Checkpoint {
    let id = || Some(DeploymentId::new(format!("ecs-svc/{}", u64::MAX)));
    let services = runs.iter().map(|run| {
        let revision = cx.planned(run).base.sibling(u64::from(u32::MAX));
        let since = Timestamp::from_unix(Duration::from_secs(u64::from(u32::MAX)));
        let rollout = Rollout { revision: revision.clone(), deployment: id(), replaced: id(), since };
        let why = Why { outcome: Outcome::RolledBack, reason: String::new() };
        ServiceCheckpoint {
            phase: Phase::Undoing { rollout, to: Some(revision.clone()), why, way: Way::Asked(since) },
            began_on: Some(revision.clone()),
            base: revision.clone(),
            target: Some(revision),
            deployment: id(),
            service_deployment: Some("x".repeat(24)),
            plans_again: 1,
            carried: CarriedFrom::new(),
            carried_variables: CarriedVariablesFrom::new(),
            failed: None,
            unknown: Map::new(),
        }
    });
    let steps = runs.iter().enumerate().filter(|_| cx.request.steps.count() > 0);
    let steps = steps.map(|(at, run)| {
        let since = Timestamp::from_unix(Duration::from_secs(u64::from(u32::MAX)));
        let task = TaskPhase::Started { id: "x".repeat(32), since, was_shown: false };
        let progress = StepsProgress { done: 9, task: Some(task), failed: Some(Step::Before), service: at };
        (cx.planned(run).base.sibling(u64::from(u32::MAX)), progress)
    });
    Checkpoint { services: services.collect(), steps: steps.collect(), ..checkpoint(cx, runs) }
}

impl Run {
    fn checkpoint(&self, base: &TaskDefinitionArn) -> ServiceCheckpoint {
        let last = |arn: &String| arn.rsplit('/').next().unwrap_or_default().to_owned();
        ServiceCheckpoint {
            phase: self.phase.clone(),
            began_on: self.began_on.clone(),
            base: base.clone(),
            target: self.target.clone(),
            deployment: self.deployment.clone(),
            service_deployment: self.service_deployment.as_ref().map(last),
            plans_again: self.plans_again,
            carried: self.carried.origins(),
            carried_variables: self.carried_variables.origins(),
            failed: self.failure.as_ref().map(Failure::kind),
            unknown: self.unknown.clone(),
        }
    }
}
