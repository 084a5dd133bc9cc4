//! How to go on with a deployment that is left before its end.
//!
//! While the service is rolled back, the same command again would deploy what failed.

use crate::domain::deployment::{Phase, Way};
use crate::domain::plan::PlannedRevision;
use crate::domain::request::ClusterName;

use super::run::Run;

/// What goes on in ECS, and how to follow it.
pub(super) struct GoingOn {
    pub(super) what: String,
    pub(super) advice: String,
}

/// What goes on with a service whose update was made; nothing before that.
pub(super) fn going_on(run: &Run, planned: &PlannedRevision, cluster: &ClusterName) -> Option<GoingOn> {
    let command = |to: Option<&str>| {
        let to = to.map(|to| format!(" --to {to}")).unwrap_or_default();
        format!("`evenkeel rollback --cluster {cluster} --service {}{to}`", run.named)
    };
    let not_again = |revision: &str, to: Option<&str>| {
        format!(
            "Run {}, with the same --record if there is one, to follow the rollback to its end; the same command \
             again would deploy {revision} again",
            command(to)
        )
    };
    Some(match &run.phase {
        Phase::RollingOut { rollout, .. } => {
            let revision = rollout.revision.family_and_revision();
            let advice = if planned.is_a_return() {
                // Without the revision it would choose the one that is left now.
                format!("Run {} to follow it to its end", command(Some(revision)))
            } else {
                "Run the same command again to follow it to its end".to_owned()
            };
            GoingOn { what: format!("the rollout of {revision} goes on in ECS"), advice }
        }
        Phase::Undoing { rollout, to, way, .. } => {
            let to = to.as_ref().map(|to| to.family_and_revision());
            let back = to.unwrap_or("the former revision");
            let revision = rollout.revision.family_and_revision();
            let what = match way {
                Way::Asked(_) => format!("ECS rolls the service back to {back}"),
                Way::Open | Way::Update => {
                    format!("{revision} failed, and the rollback to {back} had not begun")
                }
            };
            GoingOn { what, advice: not_again(revision, to) }
        }
        Phase::RollingBack { rollout, .. } => {
            let back = rollout.revision.family_and_revision();
            let failed = run.target.as_ref().map_or("what failed", |target| target.family_and_revision());
            GoingOn {
                what: format!("the rollback to {back} goes on in ECS"),
                advice: not_again(failed, Some(back)),
            }
        }
        Phase::Pending | Phase::Registered(_) | Phase::Done(_) => return None,
    })
}
