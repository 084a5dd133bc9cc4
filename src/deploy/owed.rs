//! The tasks after a rollout that a former run was cut off before.

use evenkeel_core::deployment::{Event, Phase};
use evenkeel_core::failure::Failure;
use evenkeel_core::ports::{Cloud, EcsEffects, RecordStore};
use evenkeel_core::rollout::Rollout;

use super::Progress;
use super::flow::Flow;

impl<E: Cloud + EcsEffects, R: RecordStore> Flow<'_, E, R> {
    /// Whether the rollout was under way when the run began.
    pub(super) fn has_joined(&self, at: usize) -> bool {
        let chosen = &self.cx.revisions[self.runs[at].revision];
        chosen.arn.as_ref() == Some(&chosen.planned.base) && !self.cx.request.policy.force_new_deployment
    }

    /// A former run was cut off after its update: goes on with the tasks that were to run after the rollout. Whether that is
    /// so; the record tells, by its mark.
    pub(super) fn take_up_what_is_owed(&mut self, at: usize) -> Result<bool, Failure> {
        let (cx, run, record) = (&mut self.cx, &mut self.runs[at], &self.records[at]);
        let Some(primary) = run.seen.service.primary().cloned() else { return Ok(false) };
        if !record.is_kept() {
            let named = &run.named;
            let what = format!(
                "whether the tasks after the rollout of service {named} have run is not known without a record"
            );
            if !cx.warnings.contains(&what) {
                cx.warn(what);
            }
            return Ok(false);
        }
        let Some(former) = record.cut_off(&primary.task_definition, &run.brought) else { return Ok(false) };
        let goes_back = matches!(&run.phase, Phase::RollingOut { former: Some(to), .. } if *to == former);
        if goes_back && cx.steps.contains_key(&primary.task_definition) {
            return Ok(false);
        }
        let before = cx.request.steps.before.len();
        let progress = cx.steps_of(&primary.task_definition, at);
        progress.done = progress.done.max(before);
        if let Phase::RollingOut { former: to, .. } = &mut run.phase {
            *to = Some(former);
            return Ok(true);
        }
        (cx.listen)(Progress::Joined { service: &run.named, deployment: &primary.id });
        let rollout = Rollout {
            revision: primary.task_definition.clone(),
            deployment: Some(primary.id.clone()),
            replaced: None,
            since: primary.created.max(cx.began),
        };
        run.deployment = Some(primary.id);
        run.target = Some(primary.task_definition);
        run.apply(Event::RolloutStarted { rollout, former: Some(former), overtaken: None })?;
        Ok(true)
    }
}
