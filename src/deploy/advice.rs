//! How to go on with a deployment that is left before its end.
//!
//! While the service is rolled back, the same command again would deploy what failed.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::{Phase, Way};

use super::context::Context;
use super::run::Run;

/// What goes on in ECS, and how to follow it.
pub(super) struct GoingOn {
    pub(super) what: String,
    pub(super) advice: String,
}

/// What goes on with a service whose update was made; nothing before that.
pub(super) fn going_on<E>(cx: &Context<'_, E>, run: &Run) -> Option<GoingOn> {
    let (planned, cluster, is_recorded) = (cx.planned(run), &cx.request.cluster, run.is_recorded);
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
        Phase::RollingOut { rollout, overtaken: Some(overtaken), .. } => {
            lacks(&rollout.revision, overtaken, is_recorded)
        }
        // Our update replaced another deployment, and the revision with the changes of both does not run yet.
        Phase::Pending | Phase::Registered(_) => lacks(run.target.as_ref()?, planned.origin(), is_recorded),
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
        Phase::Done(_) => return None,
    })
}

/// The revision `live` of ours runs without what the `overtaken` one changed.
fn lacks(live: &TaskDefinitionArn, overtaken: &TaskDefinitionArn, is_recorded: bool) -> GoingOn {
    let (live, theirs) = (live.family_and_revision(), overtaken.family_and_revision());
    let what = format!(
        "the rollout of {live} goes on in ECS; it replaced another deployment, and lacks what {theirs} of that one changed"
    );
    let advice = if is_recorded {
        format!(
            "Run the same command again: it adds the changes of {theirs} and follows the rollout to its end"
        )
    } else {
        format!(
            "Run the same command again to follow the rollout to its end, and then the deployment of {theirs} again"
        )
    };
    GoingOn { what, advice }
}
