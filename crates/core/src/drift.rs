//! Where what runs, what is recorded and what Terraform believes have drifted apart, and why.

use std::collections::BTreeMap;

use super::arn::TaskDefinitionArn;
use super::diff::Change;
use super::record::{Record, Source, Status};
use super::standing::Standing;

/// What was seen.
#[derive(Debug, Clone)]
pub struct Sight {
    /// The live revision.
    pub live: TaskDefinitionArn,
    /// How the rollout of it stands.
    pub standing: Standing,
    /// The newest revision of its family.
    pub newest: Option<TaskDefinitionArn>,
    /// The records.
    pub records: Vec<Recorded>,
    /// What Terraform believes, if its state was given.
    pub terraform: Option<Believed>,
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

impl Sight {
    /// The other revisions that the live one should be compared with.
    #[must_use]
    pub fn expected(&self) -> Vec<&str> {
        let recorded = self.records.iter().filter_map(|it| it.record.as_ref());
        let recorded = recorded.map(|record| record.task_definition_arn.as_str());
        let registered = self.terraform.iter().filter_map(|believed| believed.registered.as_ref());
        let all = recorded.chain(registered.map(TaskDefinitionArn::as_str));
        let mut others: Vec<&str> = all.filter(|arn| *arn != self.live.as_str()).collect();
        others.sort_unstable();
        others.dedup();
        others
    }

    fn changes_from(&self, arn: &str) -> Vec<Change> {
        self.changes.get(arn).cloned().unwrap_or_default()
    }
}

/// Every difference, those of the record first.
#[must_use]
pub fn differences(seen: &Sight) -> Vec<Difference> {
    let mut found: Vec<Difference> =
        seen.records.iter().filter_map(|recorded| of_record(seen, recorded)).collect();
    found.extend(of_records(seen));
    found.extend(of_rollout(seen));
    found.extend(of_terraform(seen));
    found.extend(of_family(seen));
    found
}

fn of_record(seen: &Sight, recorded: &Recorded) -> Option<Difference> {
    let (place, live) = (&recorded.place, seen.live.family_and_revision());
    if recorded.is_missing {
        return Some(Difference {
            kind: "record_missing",
            what: format!("nothing is in {place}"),
            who: "nobody made it yet, or somebody removed it".to_owned(),
            next: "`evenkeel record init`, and then deploy: the next deployment records itself".to_owned(),
            changes: Vec::new(),
        });
    }
    let record = recorded.record.as_ref()?;
    if record.status == Status::InProgress {
        let who = source(record.deployed_by());
        let until = record.expires_at.as_deref().unwrap_or("an unknown time");
        return Some(if record.is_held(&seen.now) {
            Difference {
                kind: "deployment_in_progress",
                what: format!("{place} tells of a deployment in progress, until {until}"),
                who: format!("Evenkeel, which is still at it or was cut off; the one before was by {who}"),
                next: "wait for its end; if it was cut off, deploy again or `evenkeel record repair`"
                    .to_owned(),
                changes: Vec::new(),
            }
        } else {
            Difference {
                kind: "deployment_cut_off",
                what: format!("{place} tells of a deployment in progress whose time was over at {until}"),
                who: format!("Evenkeel, which was cut off; the one before was by {who}"),
                next: "deploy again, or `evenkeel record repair`: until then no plan is made".to_owned(),
                changes: Vec::new(),
            }
        });
    }
    if record.task_definition_arn == seen.live.as_str() || is_terraforms(seen) {
        // After an apply the record tells of the deployment before, and is not asked.
        return None;
    }
    let told = short(&record.task_definition_arn);
    let what = format!("live is {live}, and {place} tells of {told}");
    let next = |first: &str| {
        format!("{first}; until then Terraform's plan puts the service on {told}, or on its own revision")
    };
    let (who, next) = if recorded.is_copied_by_live {
        (
            "a deployment that was not recorded: Evenkeel without --record, or another pipeline".to_owned(),
            next("`evenkeel record repair`"),
        )
    } else if record.previous_task_definition_arn == seen.live.as_str() {
        (
            "somebody, or ECS, went back to the revision before".to_owned(),
            next("deploy again to go forward, or `evenkeel record repair` to stay"),
        )
    } else if seen.live.family() == record.family && seen.live.revision() < record.revision {
        (
            "somebody went back to an earlier revision".to_owned(),
            next("deploy again to go forward, or `evenkeel record repair` to stay"),
        )
    } else {
        (
            "an apply of Terraform's, or an edit in the console or by the AWS CLI".to_owned(),
            next("look which by --tfstate; to keep an edit, bring it into Terraform's configuration"),
        )
    };
    let changes = seen.changes_from(&record.task_definition_arn);
    Some(Difference { kind: "not_recorded", what, who, next, changes })
}

fn of_records(seen: &Sight) -> Option<Difference> {
    let (first, others) = seen.records.split_first()?;
    let differs = |other: &&Recorded| match (&first.record, &other.record) {
        (Some(one), Some(another)) => !one.tells_the_same(another),
        (one, another) => one.is_some() != another.is_some(),
    };
    let other = others.iter().find(differs)?;
    Some(Difference {
        kind: "records_disagree",
        what: format!("{} and {} do not tell the same", first.place, other.place),
        who: "a deployment that was given one of them only, or was cut off between the two".to_owned(),
        next: "`evenkeel record repair` with all of them".to_owned(),
        changes: Vec::new(),
    })
}

fn of_rollout(seen: &Sight) -> Option<Difference> {
    let live = seen.live.family_and_revision();
    let (kind, what, who, next) = match seen.standing {
        Standing::Completed => return None,
        Standing::GoesOn => (
            "rollout_in_progress",
            format!("the rollout of {live} goes on"),
            "whoever updated the service last",
            "wait for its end and look again",
        ),
        Standing::Failed => (
            "rollout_failed",
            format!("the rollout of {live} failed, and the service is still on it"),
            "ECS's circuit breaker or an alarm, without a rollback",
            "deploy an image that runs",
        ),
    };
    Some(Difference { kind, what, who: who.to_owned(), next: next.to_owned(), changes: Vec::new() })
}

fn of_terraform(seen: &Sight) -> Option<Difference> {
    let registered = seen.terraform.as_ref()?.registered.as_ref()?;
    let ancestor = ancestor(seen);
    if registered.as_str() == ancestor || *registered == seen.live {
        return None;
    }
    let (theirs, live) = (registered.family_and_revision(), seen.live.family_and_revision());
    let base = short(&ancestor);
    let is_later = TaskDefinitionArn::parse(&ancestor)
        .is_ok_and(|base| base.family() != registered.family() || registered.revision() > base.revision());
    let lineage = if base == live { String::new() } else { format!(", which descends from {base}") };
    Some(if is_later {
        Difference {
            kind: "terraform_not_live",
            what: format!("Terraform registered {theirs}, and live is {live}{lineage}"),
            who: "an apply that was cut off or does not move the service (`ignore_changes`), or somebody who went \
                  back to before it"
                .to_owned(),
            next: format!("`terraform apply` puts the service on {theirs}; without that its change is not live"),
            changes: seen.changes_from(registered.as_str()),
        }
    } else {
        Difference {
            kind: "unknown_to_terraform",
            what: format!("live is {live}{lineage}, and Terraform knows {theirs} only"),
            who: "an edit in the console or by the AWS CLI".to_owned(),
            next: format!(
                "bring it into Terraform's configuration and apply, or apply as it is: that puts the service on \
                 {theirs}"
            ),
            changes: seen.changes_from(registered.as_str()),
        }
    })
}

fn of_family(seen: &Sight) -> Option<Difference> {
    let newest = seen.newest.as_ref().filter(|newest| newest.revision() > seen.live.revision())?;
    let registered = seen.terraform.as_ref().and_then(|believed| believed.registered.as_ref());
    if registered == Some(newest) {
        // It is told what Terraform registered.
        return None;
    }
    let is_under_way = seen
        .records
        .iter()
        .any(|recorded| recorded.record.as_ref().is_some_and(|record| record.status == Status::InProgress));
    let who = if is_under_way {
        "the deployment in progress, which has registered it or failed with it"
    } else {
        "a deployment that failed and was rolled back, or somebody who registered it and did not deploy it"
    };
    Some(Difference {
        kind: "unused_revision",
        what: format!(
            "{} is newer than the live {}",
            newest.family_and_revision(),
            seen.live.family_and_revision()
        ),
        who: who.to_owned(),
        next: "nothing: what is copied is what is live; deregister it if it is in the way".to_owned(),
        changes: Vec::new(),
    })
}

/// The live revision is the one that Terraform registered.
fn is_terraforms(seen: &Sight) -> bool {
    seen.terraform.as_ref().and_then(|believed| believed.registered.as_ref()) == Some(&seen.live)
}

/// The ancestor of the live revision that Evenkeel did not make, as far as a record knows.
fn ancestor(seen: &Sight) -> String {
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

/// `web:12` of an ARN.
fn short(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

fn source(source: &Source) -> String {
    match &source.id {
        Some(id) => format!("{} {id}", source.kind),
        None => source.kind.clone(),
    }
}

#[cfg(test)]
mod tests;
