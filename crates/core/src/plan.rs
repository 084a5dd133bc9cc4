//! What a deployment will do, decided before anything is written.

mod carried;
mod carried_variables;

use std::collections::{BTreeMap, BTreeSet};

use super::arn::TaskDefinitionArn;
use super::brought::Brought;
use super::diff::{Change, diff};
use super::failure::Failure;
use super::one_off::{Step, TaskCommand};
use super::quote::{cut, listed};
use super::request::{DeployRequest, ServiceName};
use super::rollout::has_completed;
use super::scheduled::PlannedMove;
use super::service::{Controller, Service};
use super::task_definition::{PackedDefinition, Revision, TaskDefinition};
use super::variables::{VariableEdits, Variables};

pub use carried::{Carried, CarriedFrom};
pub use carried_variables::{CarriedChange, CarriedVariables, CarriedVariablesFrom};

/// What a deployment will do: one revision for each one that is live now, and the services to put
/// on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The revisions to deploy. Services that share a live revision share one of these.
    pub revisions: Vec<PlannedRevision>,
    /// The services, in the order asked for.
    pub services: Vec<PlannedService>,
    /// The scheduled tasks that are to start one of the revisions once that is live.
    pub scheduled: Vec<PlannedMove>,
    /// What the user should know before it happens.
    pub warnings: Vec<String>,
}

/// A revision that is to be live.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRevision {
    /// The live revision that it is copied from.
    pub base: TaskDefinitionArn,
    /// The base's images, by container.
    pub base_images: BTreeMap<String, String>,
    /// The variables that are set in the copy or given back.
    pub variables: VariableEdits,
    /// What the base has for them.
    pub base_variables: Variables,
    /// The copy, with the images and variables that were asked for.
    pub definition: PackedDefinition,
    /// Where it comes from.
    pub source: RevisionOrigin,
    /// The family's newest revision as it was seen: what an answer that got lost is looked for
    /// beyond.
    pub newest: TaskDefinitionArn,
    /// How it differs from the base.
    pub changes: Vec<Change>,
    /// Whether the newest revision changes more than what is asked for, so that the copy
    /// lacks something of it.
    pub lacks_of_newest: bool,
}

impl PlannedRevision {
    /// What is copied from, and what the record says it descends from: a revision that ran before is no
    /// copy of the one that it takes the place of.
    #[must_use]
    pub fn origin(&self) -> &TaskDefinitionArn {
        match &self.source {
            RevisionOrigin::Return(arn) => arn,
            RevisionOrigin::Live | RevisionOrigin::Adopt(_) | RevisionOrigin::Register => &self.base,
        }
    }

    /// Whether no service of the plan has run it yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        match &self.source {
            RevisionOrigin::Register | RevisionOrigin::Adopt(_) => true,
            RevisionOrigin::Live | RevisionOrigin::Return(_) => false,
        }
    }

    /// What it is called; nothing, where it has to be registered.
    #[must_use]
    pub fn exists_as(&self) -> Option<&TaskDefinitionArn> {
        match &self.source {
            RevisionOrigin::Live => Some(&self.base),
            RevisionOrigin::Adopt(arn) | RevisionOrigin::Return(arn) => Some(arn),
            RevisionOrigin::Register => None,
        }
    }

    /// Whether it ran before; then no image may be put into somebody else's revision instead.
    #[must_use]
    pub fn is_a_return(&self) -> bool {
        matches!(self.source, RevisionOrigin::Return(_))
    }
}

/// Where a planned revision comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevisionOrigin {
    /// The live revision has all that is asked for already.
    Live,
    /// The family's newest revision is the very copy, made earlier and not yet live.
    Adopt(TaskDefinitionArn),
    /// It ran before, and the service goes back to it.
    Return(TaskDefinitionArn),
    /// It has to be registered.
    Register,
}

/// A service that is to run a planned revision.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedService {
    /// The service as it was observed.
    pub service: Service,
    /// Its revision's place in [`Plan::revisions`].
    pub revision: usize,
}

/// A one-off task that is to run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedTask<'a> {
    /// When.
    pub step: Step,
    /// In which container.
    pub container: &'a str,
    /// In the surroundings of which service.
    pub service: &'a Service,
}

/// The revisions that a plan is made from: a live one, and its family's newest.
#[derive(Debug, Clone, PartialEq)]
pub struct Lineage {
    /// The revision that runs.
    pub live: Revision,
    /// The family's newest active revision, when it is another one.
    pub newer: Option<Revision>,
}

impl Plan {
    /// Plans the deployment of `request` on `services`, whose live revisions are in `lineages`, and the edits of their
    /// variables in `edits`.
    ///
    /// # Errors
    /// [`Failure::invalid_input`] for a service that cannot be deployed to, an image or a variable that names
    /// a container of none of the services, and a service that none of them concerns.
    pub fn new(
        request: &DeployRequest,
        services: Vec<Service>,
        lineages: &BTreeMap<TaskDefinitionArn, Lineage>,
        edits: &BTreeMap<TaskDefinitionArn, VariableEdits>,
    ) -> Result<Self, Failure> {
        let mut plan =
            Self { revisions: Vec::new(), services: Vec::new(), scheduled: Vec::new(), warnings: Vec::new() };
        for service in services {
            let lineage = lineage_of(&service, lineages)?;
            let base = &lineage.live.arn;
            let planned = plan.revisions.iter().position(|planned| planned.base == *base);
            let revision = planned.unwrap_or_else(|| {
                let variables = edits.get(base).cloned().unwrap_or_default();
                let brought = Brought { images: request.images.clone(), variables };
                plan.revisions.push(PlannedRevision::new(lineage, &brought));
                plan.revisions.len() - 1
            });
            plan.services.push(PlannedService { service, revision });
        }
        plan.refuse_unmatched(request)?;
        plan.refuse_unmatched_steps(request)?;
        plan.refuse_pinned()?;
        plan.warn();
        Ok(plan)
    }

    /// The revision that `service` is to run.
    #[must_use]
    pub fn revision_of(&self, service: &PlannedService) -> &PlannedRevision {
        &self.revisions[service.revision]
    }

    /// Whether carrying it out would change anything in AWS.
    #[must_use]
    pub fn changes_anything(&self, request: &DeployRequest) -> bool {
        request.policy.force_new_deployment
            || self.revisions.iter().any(|revision| revision.source != RevisionOrigin::Live)
            || self.scheduled.iter().any(|planned| self.moves(planned))
    }

    /// Whether a scheduled task is to start another revision than it does.
    #[must_use]
    pub fn moves(&self, PlannedMove { task, revision }: &PlannedMove) -> bool {
        let becomes = self.revisions[*revision].exists_as();
        !becomes.is_some_and(|becomes| task.named().is_some_and(|named| named.is(becomes)))
    }

    /// The families of its revisions, each with the place of its revision. Where several become the same revision, the first
    /// stands for them.
    #[must_use]
    pub fn families(&self) -> Vec<(&str, usize)> {
        let is_first = |(at, revision): &(usize, &PlannedRevision)| {
            let becomes = revision.exists_as();
            becomes.is_none() || self.revisions[..*at].iter().all(|other| other.exists_as() != becomes)
        };
        let revisions = self.revisions.iter().enumerate().filter(is_first);
        revisions.map(|(at, revision)| (revision.base.family(), at)).collect()
    }

    /// The one-off tasks that it comes with, in their order: those of each new revision.
    #[must_use]
    pub fn tasks<'a>(&'a self, request: &'a DeployRequest) -> Vec<PlannedTask<'a>> {
        let mut tasks = Vec::new();
        for (step, TaskCommand { container, .. }) in request.steps.all() {
            for (at, revision) in self.revisions.iter().enumerate().filter(|(_, revision)| revision.is_new())
            {
                let has_it = revision.definition.unpack().containers().contains(&container.as_str());
                let first = self.services.iter().find(|planned| planned.revision == at && has_it);
                tasks.extend(first.map(|PlannedService { service, .. }| PlannedTask {
                    step,
                    container,
                    service,
                }));
            }
        }
        tasks
    }

    fn refuse_unmatched(&self, request: &DeployRequest) -> Result<(), Failure> {
        let definitions: Vec<TaskDefinition> =
            self.revisions.iter().map(|revision| revision.definition.unpack()).collect();
        let known: BTreeSet<&str> = definitions.iter().flat_map(TaskDefinition::containers).collect();
        if let Some(unknown) = request.images.names().find(|name| !known.contains(name)) {
            let of = listed(self.services.iter().map(|planned| &planned.service.name));
            return Err(Failure::invalid_input(format!(
                "no container {unknown:?} in the task definition of service {of}"
            ))
            .because(format!("its containers are {}", listed(known)))
            .advice("Correct the name in the image definitions; nothing was changed"));
        }
        let mut set = request.variables.set.names();
        if let Some(unknown) = set.find(|name| !known.contains(name.container.as_str())) {
            let of = listed(self.services.iter().map(|planned| &planned.service.name));
            let (container, word) = (&unknown.container, unknown.kind.word());
            return Err(Failure::invalid_input(format!(
                "no container {container:?} in the task definition of service {of}"
            ))
            .because(format!("its containers are {}", listed(known)))
            .advice(format!("Correct the name in --set-{word}; nothing was changed")));
        }
        for planned in &self.services {
            let definition = self.revision_of(planned).definition.unpack();
            let containers = definition.containers();
            let has_variable = |name: &&str| request.variables.names().any(|it| it.container == *name);
            if !containers.iter().any(|name| request.images.get(name).is_some() || has_variable(name)) {
                let given = if request.variables.is_empty() { "image" } else { "image or variable" };
                let what = format!("no {given} is given for service {}", planned.service.name);
                return Err(Failure::invalid_input(what)
                    .because(format!("its containers are {}", listed(containers)))
                    .advice(format!(
                        "Give an {given} for one of them, or leave the service out; nothing was changed"
                    )));
            }
        }
        Ok(())
    }

    fn refuse_unmatched_steps(&self, request: &DeployRequest) -> Result<(), Failure> {
        let definitions: Vec<TaskDefinition> =
            self.revisions.iter().map(|revision| revision.definition.unpack()).collect();
        let known: BTreeSet<&str> = definitions.iter().flat_map(TaskDefinition::containers).collect();
        let mut steps = request.steps.all();
        let Some((step, command)) = steps.find(|(_, it)| !known.contains(it.container.as_str())) else {
            return Ok(());
        };
        let of = listed(self.services.iter().map(|planned| &planned.service.name));
        let what = format!("no container {:?} in the task definition of service {of}", command.container);
        Err(Failure::invalid_input(what)
            .because(format!("its containers are {}", listed(known)))
            .advice(format!("Correct the name in --{step}; nothing was changed", step = step.as_str())))
    }

    /// A confidential task starts only the containers that its attestation policy names, by their digests
    /// (Amazon ECS developer guide, "Policy configuration for confidential tasks"); a copy with another image
    /// would never start.
    fn refuse_pinned(&self) -> Result<(), Failure> {
        let copied = |revision: &&PlannedRevision| {
            matches!(revision.source, RevisionOrigin::Register | RevisionOrigin::Adopt(_))
                && revision.definition.unpack().is_confidential()
        };
        let Some(pinned) = self.revisions.iter().find(copied) else { return Ok(()) };
        let base = pinned.base.family_and_revision();
        let why = "its isolationMode is CONFIDENTIAL_SANDBOX, and its attestation policy names the images that may \
                   start";
        let advice = "Register a revision with an attestationPolicy made for the new image, and put the service on \
                      it; nothing was changed";
        let what = format!("the containers of {base} cannot get other images");
        Err(Failure::invalid_input(what).because(why).advice(advice))
    }

    /// Adds what the user should know of the services and of what is left out.
    pub fn warn(&mut self) {
        for revision in self.revisions.iter().filter(|revision| revision.source == RevisionOrigin::Register) {
            if revision.lacks_of_newest && revision.newest.revision() > revision.base.revision() {
                self.warnings.push(format!(
                    "{} is newer than the live {} and not what is asked for: what it changes is not in the copy",
                    revision.newest.family_and_revision(),
                    revision.base.family_and_revision()
                ));
            }
        }
        for PlannedService { service, .. } in &self.services {
            if service.desired == 0 {
                self.warnings.push(format!(
                    "service {} has a desired count of 0: no task will be started, so nothing is proven",
                    service.name
                ));
            }
            if let Some(why) = service.has_no_room() {
                self.warnings.push(format!("the rollout of service {} will not end: {why}", service.name));
            }
            if let Some(primary) = service.primary()
                && !has_completed(primary, service)
            {
                self.warnings.push(format!(
                    "service {} has a deployment in progress: {} of {}",
                    service.name,
                    primary.id,
                    primary.task_definition.family_and_revision()
                ));
            }
        }
    }
}

impl PlannedRevision {
    /// The revision that follows `lineage`'s live one when `brought` is put in.
    #[must_use]
    pub fn new(lineage: &Lineage, brought: &Brought) -> Self {
        let live = &lineage.live;
        let definition = live.definition.with(brought);
        let newer = lineage.newer.as_ref();
        let source = match newer {
            _ if definition == live.definition => RevisionOrigin::Live,
            Some(newer) if newer.active && definition.is_equivalent(&newer.definition) => {
                RevisionOrigin::Adopt(newer.arn.clone())
            }
            _ => RevisionOrigin::Register,
        };
        Self {
            base: live.arn.clone(),
            base_images: live.definition.images(),
            base_variables: before(&live.definition, &brought.variables),
            changes: with_public_values(diff(&live.definition, &definition), &brought.variables),
            variables: brought.variables.clone(),
            newest: newer.map_or(&live.arn, |newer| &newer.arn).clone(),
            // One that failed, or that a rollback left, differs in the pipeline's images and variables alone.
            lacks_of_newest: newer
                .is_some_and(|newer| !newer.definition.with(brought).is_equivalent(&definition)),
            definition: PackedDefinition::from(&definition),
            source,
        }
    }
}

/// What `definition` has for the variables that are edited.
#[must_use]
pub fn before(definition: &TaskDefinition, edits: &VariableEdits) -> Variables {
    if edits.is_empty() {
        return Variables::default();
    }
    let all = definition.variables();
    edits.values().map(|(name, _)| (name.clone(), all.value(name).map(str::to_owned))).collect()
}

/// The changes with the values that the pipeline sets: those are public, whatever stood there before.
#[must_use]
pub fn with_public_values(mut changes: Vec<Change>, edits: &VariableEdits) -> Vec<Change> {
    for (name, value) in edits.set.iter() {
        let path = name.path();
        if let Some(change) = changes.iter_mut().find(|change| change.path == path) {
            change.to = value.map(|value| cut(value, SHOWN).into_owned());
        }
    }
    changes
}

/// How many characters of a variable's value a plan shows.
const SHOWN: usize = 200;

/// Picks the requested services, in their order, out of what ECS described.
///
/// # Errors
/// [`Failure::invalid_input`] for one that is missing, deleted, or driven by another controller.
pub fn select(request: &DeployRequest, described: Vec<Service>) -> Result<Vec<Service>, Failure> {
    let services = find(request, described)?;
    for service in &services {
        refuse_controller(service)?;
        refuse_managed(service)?;
    }
    Ok(services)
}

/// As [`select`], also services that another controller drives.
///
/// # Errors
/// [`Failure::invalid_input`] for one that is missing or deleted.
pub fn find(request: &DeployRequest, described: Vec<Service>) -> Result<Vec<Service>, Failure> {
    let pick = |name| {
        let found = described.iter().find(|service| is_named(service, name));
        found.filter(|service| service.active).cloned().ok_or_else(|| missing(request, name, found))
    };
    request.services.iter().map(pick).collect()
}

fn is_named(service: &Service, name: &ServiceName) -> bool {
    service.arn == name.as_str() || service.name == name.short()
}

fn missing(request: &DeployRequest, name: &ServiceName, found: Option<&Service>) -> Failure {
    let why = if found.is_some() { "it is INACTIVE, which means deleted" } else { "MISSING" };
    Failure::invalid_input(format!("service {name} not found in cluster {}", request.cluster))
        .because(why)
        .advice("Check the names, the Region and the account")
}

fn refuse_controller(service: &Service) -> Result<(), Failure> {
    let (kind, next) = match &service.controller {
        Controller::Ecs => return Ok(()),
        Controller::CodeDeploy => {
            ("CODE_DEPLOY", "Deploy it with AWS CodeDeploy, or move the service to ECS's own blue/green")
        }
        Controller::External => ("EXTERNAL", "Deploy it with whatever makes its task sets"),
        Controller::Unknown(kind) => (kind.as_str(), "Use a version of Evenkeel that knows it"),
    };
    Err(Failure::invalid_input(format!(
        "service {} has the deployment controller {kind}, which Evenkeel does not drive",
        service.name
    ))
    .advice(format!("{next}; nothing was changed")))
}

fn refuse_managed(service: &Service) -> Result<(), Failure> {
    if !service.is_managed {
        return Ok(());
    }
    Err(Failure::invalid_input(format!(
        "service {} is managed by ECS, as an Express Gateway service",
        service.name
    ))
    .because("ECS makes its task definitions itself")
    .advice("Deploy it by `aws ecs update-express-gateway-service`; nothing was changed"))
}

fn lineage_of<'a>(
    service: &Service,
    lineages: &'a BTreeMap<TaskDefinitionArn, Lineage>,
) -> Result<&'a Lineage, Failure> {
    service.live().and_then(|live| lineages.get(live)).ok_or_else(|| {
        Failure::invalid_input(format!("service {} runs no task definition", service.name))
            .advice("Give the service a task definition first")
    })
}

#[cfg(test)]
mod tests;
