//! Where what runs, what is recorded and what Terraform believes have drifted apart, and why.

use std::collections::BTreeMap;

use super::arn::{TaskDefinitionArn, last_part};
use super::diff::Change;
use super::primary_state::PrimaryState;
use super::record::{DeployedBy, Record, Status};
use super::scheduled::ScheduledTask;

/// What was seen.
#[derive(Debug, Clone)]
pub struct DriftView {
    /// The live revision.
    pub live: TaskDefinitionArn,
    /// How the rollout of it stands.
    pub primary: PrimaryState,
    /// The newest revision of its family.
    pub newest: Option<TaskDefinitionArn>,
    /// The records.
    pub records: Vec<Recorded>,
    /// What Terraform believes, if its state was given.
    pub terraform: Option<Believed>,
    /// The scheduled tasks that were asked about; none, where none were.
    pub scheduled: Option<Vec<ScheduledTask>>,
    /// How the live revision differs from others, by their ARNs.
    pub changes: BTreeMap<String, Vec<Change>>,
    /// Now, RFC 3339.
    pub now: String,
}

/// What Terraform's state says of a service, as of its last refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Believed {
    /// The revision that the service is on.
    pub service: Option<TaskDefinitionArn>,
    /// The revision of the family that Terraform registered.
    pub registered: Option<TaskDefinitionArn>,
}

/// What is recorded in one place.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Where.
    pub place: String,
    /// What; nothing is recorded where nothing was deployed.
    pub record: Option<Record>,
    /// There is not even the empty record.
    pub is_missing: bool,
    /// The live revision is a copy of the recorded one, but for images of the pipeline's.
    pub is_copied_by_live: bool,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The word for it.
    pub kind: &'static str,
    /// What differs.
    pub what: String,
    /// Who probably made it so.
    pub who: String,
    /// What to do.
    pub next: String,
    /// How the live revision differs from the one that was expected.
    pub changes: Vec<Change>,
}

impl Difference {
    fn new(kind: &'static str, what: String, who: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind, what, who: who.into(), next: next.into(), changes: Vec::new() }
    }
}

impl DriftView {
    /// The other revisions that the live one should be compared with.
    #[must_use]
    pub fn expected(&self) -> Vec<&str> {
        let recorded = self.records.iter().filter_map(|it| it.record.as_ref());
        let recorded = recorded.map(|record| record.task_definition_arn.as_str());
        let all = recorded.chain(self.registered().map(TaskDefinitionArn::as_str));
        let mut others: Vec<&str> = all.filter(|arn| *arn != self.live.as_str()).collect();
        others.sort_unstable();
        others.dedup();
        others
    }

    /// The revision that Terraform registered, as far as it is known.
    fn registered(&self) -> Option<&TaskDefinitionArn> {
        self.terraform.as_ref()?.registered.as_ref()
    }

    fn changes_from(&self, arn: &str) -> Vec<Change> {
        self.changes.get(arn).cloned().unwrap_or_default()
    }
}

/// Every difference, those of the record first.
#[must_use]
pub fn differences(seen: &DriftView) -> Vec<Difference> {
    let mut found: Vec<Difference> =
        seen.records.iter().filter_map(|recorded| of_record(seen, recorded)).collect();
    found.extend(of_records(seen));
    found.extend(of_rollout(seen));
    found.extend(of_terraform(seen));
    found.extend(of_family(seen));
    found.extend(seen.scheduled.iter().flatten().filter_map(|task| of_scheduled(seen, task)));
    found
}

fn of_record(seen: &DriftView, recorded: &Recorded) -> Option<Difference> {
    let (place, live) = (&recorded.place, seen.live.family_and_revision());
    if recorded.is_missing {
        return Some(Difference::new(
            "record_missing",
            format!("nothing is in {place}"),
            "nobody made it yet, or somebody removed it",
            "`evenkeel record init`, and then deploy: the next deployment records itself",
        ));
    }
    let record = recorded.record.as_ref()?;
    if record.status == Status::InProgress {
        return Some(of_deployment_in_progress(seen, place, record));
    }
    if record.task_definition_arn == seen.live.as_str() || seen.registered() == Some(&seen.live) {
        // After an apply the record tells of the deployment before, and is not asked.
        return None;
    }
    let told = last_part(&record.task_definition_arn);
    let went_back = "deploy again to go forward, or `evenkeel record repair` to stay";
    let (who, next) = if recorded.is_copied_by_live {
        (
            "a deployment that was not recorded: Evenkeel without --record, or another pipeline",
            "`evenkeel record repair`",
        )
    } else if record.previous_task_definition_arn == seen.live.as_str() {
        ("somebody, or ECS, went back to the revision before", went_back)
    } else if seen.live.family() == record.family && seen.live.revision() < record.revision {
        ("somebody went back to an earlier revision", went_back)
    } else {
        (
            "an apply of Terraform's, or an edit in the console or by the AWS CLI",
            "look which by --tfstate; to keep an edit, bring it into Terraform's configuration",
        )
    };
    let difference = Difference::new(
        "not_recorded",
        format!("live is {live}, and {place} tells of {told}"),
        who,
        format!("{next}; until then Terraform's plan puts the service on {told}, or on its own revision"),
    );
    Some(Difference { changes: seen.changes_from(&record.task_definition_arn), ..difference })
}

fn of_deployment_in_progress(seen: &DriftView, place: &str, record: &Record) -> Difference {
    let who = source(record.deployed_by());
    let until = record.expires_at.as_deref().unwrap_or("an unknown time");
    if record.is_held(&seen.now) {
        Difference::new(
            "deployment_in_progress",
            format!("{place} tells of a deployment in progress, until {until}"),
            format!("Evenkeel, which is still at it or was cut off; the one before was by {who}"),
            "wait for its end; if it was cut off, deploy again or `evenkeel record repair`",
        )
    } else {
        Difference::new(
            "deployment_cut_off",
            format!("{place} tells of a deployment in progress whose time was over at {until}"),
            format!("Evenkeel, which was cut off; the one before was by {who}"),
            "deploy again, or `evenkeel record repair`: until then no plan is made",
        )
    }
}

fn of_records(seen: &DriftView) -> Option<Difference> {
    let (first, others) = seen.records.split_first()?;
    let differs = |other: &&Recorded| match (&first.record, &other.record) {
        (Some(one), Some(another)) => !one.tells_the_same(another),
        (one, another) => one.is_some() != another.is_some(),
    };
    let other = others.iter().find(differs)?;
    Some(Difference::new(
        "records_disagree",
        format!("{} and {} do not tell the same", first.place, other.place),
        "a deployment that was given one of them only, or was cut off between the two",
        "`evenkeel record repair` with all of them",
    ))
}

fn of_rollout(seen: &DriftView) -> Option<Difference> {
    let live = seen.live.family_and_revision();
    match seen.primary {
        PrimaryState::Completed => None,
        PrimaryState::GoesOn => Some(Difference::new(
            "rollout_in_progress",
            format!("the rollout of {live} goes on"),
            "whoever updated the service last",
            "wait for its end and look again",
        )),
        PrimaryState::Failed => Some(Difference::new(
            "rollout_failed",
            format!("the rollout of {live} failed, and the service is still on it"),
            "ECS's circuit breaker or an alarm, without a rollback",
            "deploy an image that runs",
        )),
    }
}

fn of_terraform(seen: &DriftView) -> Option<Difference> {
    let registered = seen.registered()?;
    let ancestor = ancestor(seen);
    if registered.as_str() == ancestor || *registered == seen.live {
        return None;
    }
    let (theirs, live) = (registered.family_and_revision(), seen.live.family_and_revision());
    let base = last_part(&ancestor);
    let is_later = TaskDefinitionArn::parse(&ancestor)
        .is_ok_and(|base| base.family() != registered.family() || registered.revision() > base.revision());
    let lineage = if base == live { String::new() } else { format!(", which descends from {base}") };
    let difference = if is_later {
        Difference::new(
            "terraform_not_live",
            format!("Terraform registered {theirs}, and live is {live}{lineage}"),
            "an apply that was cut off or does not move the service (`ignore_changes`), or somebody who went \
             back to before it",
            format!("`terraform apply` puts the service on {theirs}; without that its change is not live"),
        )
    } else {
        Difference::new(
            "unknown_to_terraform",
            format!("live is {live}{lineage}, and Terraform knows {theirs} only"),
            "an edit in the console or by the AWS CLI",
            format!(
                "bring it into Terraform's configuration and apply, or apply as it is: that puts the service on \
                 {theirs}"
            ),
        )
    };
    Some(Difference { changes: seen.changes_from(registered.as_str()), ..difference })
}

fn of_family(seen: &DriftView) -> Option<Difference> {
    let newest = seen.newest.as_ref().filter(|newest| newest.revision() > seen.live.revision())?;
    if seen.registered() == Some(newest) {
        // It is told what Terraform registered.
        return None;
    }
    let mut records = seen.records.iter().filter_map(|recorded| recorded.record.as_ref());
    let who = if records.any(|record| record.status == Status::InProgress) {
        "the deployment in progress, which has registered it or failed with it"
    } else {
        "a deployment that failed and was rolled back, or somebody who registered it and did not deploy it"
    };
    let (newest, live) = (newest.family_and_revision(), seen.live.family_and_revision());
    Some(Difference::new(
        "unused_revision",
        format!("{newest} is newer than the live {live}"),
        who,
        "nothing: what is copied is what is live; deregister it if it is in the way",
    ))
}

fn of_scheduled(seen: &DriftView, task: &ScheduledTask) -> Option<Difference> {
    let (place, live) = (task.place(), seen.live.family_and_revision());
    let named = task.named()?;
    let starts = match named.revision {
        Some(revision) => format!("{}:{revision}", named.family),
        None => seen.newest.as_ref()?.family_and_revision().to_owned(),
    };
    let difference = |kind, what, who| {
        let next = "deploy again with --also, which moves it also if the service is unchanged";
        Some(Difference::new(kind, what, who, next))
    };
    match named.revision {
        _ if starts == live => None,
        Some(_) => difference(
            "schedule_not_live",
            format!("{place} starts {starts}, and live is {live}"),
            "a deployment without --also, or an edit by Terraform or a person",
        ),
        None => difference(
            "schedule_without_revision",
            format!("{place} names no revision and starts the newest, {starts}, and live is {live}"),
            "the person or tool that made it; a deployment with --also gives it the live revision",
        ),
    }
}

/// The ancestor of the live revision that Evenkeel did not make, as far as a record knows.
fn ancestor(seen: &DriftView) -> String {
    let mut bases = seen.records.iter().filter_map(|recorded| {
        let record = recorded.record.as_ref()?;
        Some(if recorded.is_copied_by_live {
            record.base_task_definition_arn.clone()
        } else {
            Record::base(Some(record), &seen.live)
        })
    });
    bases.find(|base| base != seen.live.as_str()).unwrap_or_else(|| seen.live.as_str().to_owned())
}

fn source(source: &DeployedBy) -> String {
    match &source.id {
        Some(id) => format!("{} {id}", source.kind),
        None => source.kind.clone(),
    }
}

#[cfg(test)]
mod tests;
