//! Finds the scheduled tasks that follow a deployment: what `--also` names, as it is now.

use std::collections::BTreeSet;

use evenkeel_core::failure::Failure;
use evenkeel_core::ports::ScheduledTasks;
use evenkeel_core::scheduled::{Also, PlannedMoves, ScheduledTask, TaskPlace, rule_name};
use futures_util::future::try_join_all;

/// How many rules and schedules are read at once.
const AT_ONCE: usize = 8;

/// Reads what was `asked` for. `families` are those that may follow, each with the place of its revision, and `clusters` the ARNs of the
/// clusters whose rules and schedules [`Also::Family`] means.
///
/// # Errors
/// Those of [`ScheduledTasks`], of [`PlannedMoves::take_in`], and [`Failure::invalid_input`] for what is not there.
pub async fn find<E: ScheduledTasks>(
    events: &E,
    asked: &[Also],
    clusters: &BTreeSet<&str>,
    families: &[(&str, usize)],
) -> Result<PlannedMoves, Failure> {
    let mut found = Vec::new();
    for some in asked.chunks(AT_ONCE) {
        found.extend(try_join_all(some.iter().map(|also| named_by(events, also, clusters))).await?);
    }
    let mut planned = PlannedMoves::default();
    for (also, found) in asked.iter().zip(found) {
        planned.take_in(also, found, families)?;
    }
    Ok(planned)
}

/// The targets and schedules that `also` names; those of [`Also::Family`] are of whatever family.
///
/// # Errors
/// Those of [`ScheduledTasks`], and [`Failure::invalid_input`] for what is not there.
pub(crate) async fn named_by<E: ScheduledTasks>(
    events: &E,
    also: &Also,
    clusters: &BTreeSet<&str>,
) -> Result<Vec<ScheduledTask>, Failure> {
    match also {
        Also::Rule { bus, rule, .. } => named_rule(events, bus, rule).await,
        Also::Schedule { group, name } => named_schedule(events, group, name).await,
        Also::Family => on_clusters(events, clusters).await,
    }
}

async fn named_rule<E: ScheduledTasks>(
    events: &E,
    bus: &str,
    name: &str,
) -> Result<Vec<ScheduledTask>, Failure> {
    match events.rule(bus, name).await? {
        Some(rule) => Ok(ScheduledTask::of_rule(bus, name, rule)),
        None => Err(missing(&rule_name(bus, name), "EventBridge has no such rule or event bus")),
    }
}

async fn named_schedule<E: ScheduledTasks>(
    events: &E,
    group: &str,
    name: &str,
) -> Result<Vec<ScheduledTask>, Failure> {
    match events.schedule(group, name).await? {
        Some(schedule) => Ok(vec![schedule]),
        None => {
            let schedule = format!("schedule {name} of the group {group}");
            Err(missing(&schedule, "EventBridge Scheduler has no such schedule or group"))
        }
    }
}

fn missing(what: &str, why: &str) -> Failure {
    Failure::invalid_input(format!("{what} was not found"))
        .because(why)
        .advice("Correct --also, or check the Region and the account; nothing was changed")
}

/// A scheduled task as it is now; nothing, where it is there no more.
///
/// # Errors
/// Those of [`ScheduledTasks`].
pub(crate) async fn again<E: ScheduledTasks>(
    events: &E,
    place: &TaskPlace,
) -> Result<Option<ScheduledTask>, Failure> {
    match place {
        TaskPlace::Schedule { group, name } => events.schedule(group, name).await,
        TaskPlace::Rule { bus, rule, .. } => {
            let found = events.rule(bus, rule).await?;
            let targets = found.map(|found| ScheduledTask::of_rule(bus, rule, found)).unwrap_or_default();
            Ok(targets.into_iter().find(|task| task.place() == place))
        }
    }
}

/// All rules' targets and schedules on the clusters. One that is deleted meanwhile is left out.
async fn on_clusters<E: ScheduledTasks>(
    events: &E,
    clusters: &BTreeSet<&str>,
) -> Result<Vec<ScheduledTask>, Failure> {
    let mut all = Vec::new();
    for cluster in clusters {
        let (rules, schedules) = tokio::try_join!(events.rules_on(cluster), events.schedules_on(cluster))?;
        for some in rules.chunks(AT_ONCE) {
            let read = try_join_all(some.iter().map(|(bus, name)| events.rule(bus, name))).await?;
            let found = some.iter().zip(read).filter_map(|(of, rule)| Some((of, rule?)));
            all.extend(found.flat_map(|((bus, name), rule)| ScheduledTask::of_rule(bus, name, rule)));
        }
        for some in schedules.chunks(AT_ONCE) {
            let read = try_join_all(some.iter().map(|(group, name)| events.schedule(group, name))).await?;
            all.extend(read.into_iter().flatten());
        }
    }
    // A rule may have targets on other clusters, too.
    all.retain(|task: &ScheduledTask| clusters.contains(task.target_arn()));
    Ok(all)
}
