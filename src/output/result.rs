//! What a deployment came to, in a sentence for each service.

use evenkeel_core::arn::TaskDefinitionArn;
use evenkeel_core::deployment::Outcome;

use super::format;
use super::scheduled;
use super::text::short;
use crate::deploy::{Report, ServiceReport};

/// A line for each service: what it runs now, since when, how long that took, and where to look; and one for each
/// scheduled task.
#[must_use]
pub fn report_text(report: &Report) -> String {
    let services = report.services.iter().map(result_sentence);
    services
        .chain(report.scheduled.iter().flatten().map(scheduled::report_line))
        .map(|line| line + "\n")
        .collect()
}

/// How a service's deployment ended, in words: `rolled back to web:1` where somebody asked for that.
#[must_use]
pub fn outcome_in_words(service: &ServiceReport) -> String {
    let live = service.task_definition.as_ref().map(TaskDefinitionArn::family_and_revision);
    format::outcome(service.outcome, live.filter(|_| service.is_return))
}

/// How a deployment ended, in words.
#[must_use]
pub(super) fn report_in_words(report: &Report) -> String {
    match report.services.as_slice() {
        [service] if report.failure.is_none() => outcome_in_words(service),
        _ => format::outcome(report.outcome, None),
    }
}

/// What a service's deployment came to:
/// `web was deployed in 2 min 5 s: it has run web:2 since 2026-11-22 23:43:50 UTC, in place of web:1; see https://…`
#[must_use]
pub fn result_sentence(service: &ServiceReport) -> String {
    let name = format::name(&service.service);
    let (took, target) = (format::took(service.duration), short(service.target.as_ref()));
    let (live, since) = (live(service), since(service));
    let what = match service.outcome {
        Outcome::Unchanged => format!("is unchanged: it has run {live}{since}, checked in {took}"),
        Outcome::Started => {
            let replaces = instead_of(service, "to replace");
            format!("is being deployed: ECS rolls out {target}{since}{replaces}, asked for in {took}")
        }
        Outcome::Deployed => {
            let (how, replaced) = (outcome_in_words(service), instead_of(service, "in place of"));
            format!("was {how} in {took}: it has run {live}{since}{replaced}")
        }
        Outcome::RolledBack => {
            format!("was rolled back after {took}: it has run {live} again{since}, because {target} failed")
        }
        Outcome::Failed => match &service.target {
            Some(_) => {
                format!("failed after {took}: the rollout of {target} failed, and {live} is live{since}")
            }
            None => format!("failed after {took}: it was not deployed, and {live} is live{since}"),
        },
        Outcome::Superseded => {
            format!("was superseded after {took}: another deployment runs {live}{since}, and not {target}")
        }
        Outcome::Stopped => {
            format!(
                "was stopped after {took}: somebody ended the rollout of {target}, and {live} is live{since}"
            )
        }
        Outcome::TimedOut => {
            format!(
                "timed out after {took}: the rollout of {target} has not ended, and {live} is live{since}"
            )
        }
    };
    let see = service.console.as_ref().map(|url| format!("; see {url}")).unwrap_or_default();
    format!("{name} {what}{see}")
}

fn live(service: &ServiceReport) -> &str {
    service.task_definition.as_ref().map_or("no known revision", TaskDefinitionArn::family_and_revision)
}

fn since(service: &ServiceReport) -> String {
    service.since.map(|since| format!(" since {}", format::at(since))).unwrap_or_default()
}

/// The revision that ran before, unless the same one was deployed again.
fn instead_of(service: &ServiceReport, how: &str) -> String {
    let former = service.previous.as_ref().filter(|former| Some(*former) != service.target.as_ref());
    former.map(|former| format!(", {how} {}", former.family_and_revision())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use evenkeel_core::evidence::Evidence;
    use evenkeel_core::timestamp::Timestamp;
    use evenkeel_core::variables::Variables;

    use super::*;

    fn arn(revision: &str) -> Option<TaskDefinitionArn> {
        let arn = format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{revision}");
        Some(TaskDefinitionArn::parse(&arn).unwrap())
    }

    /// What came of putting `web:2` in the place of `web:1`, or of rolling back to it.
    fn ended(outcome: Outcome, live: &str) -> ServiceReport {
        ServiceReport {
            cluster: "prod".to_owned(),
            service: "arn:aws:ecs:eu-west-1:123456789012:service/prod/web".to_owned(),
            outcome,
            task_definition: arn(live),
            previous: arn("web:1"),
            target: arn("web:2"),
            is_return: false,
            since: Some(Timestamp::from_unix(Duration::from_secs(1_795_391_030))),
            images: BTreeMap::new(),
            variables: Variables::default(),
            digests: BTreeMap::new(),
            deployment: None,
            service_deployment: None,
            console: Some("https://console/web".to_owned()),
            note: None,
            duration: Duration::from_secs(125),
            failure: None,
            evidence: Evidence::default(),
        }
    }

    #[test]
    fn every_outcome_says_what_runs_since_when_how_long_it_took_and_where_to_look() {
        let since = "since 2026-11-22 23:43:50 UTC";
        for (outcome, live, text) in [
            (Outcome::Unchanged, "web:2", "web is unchanged: it has run web:2 {since}, checked in 2 min 5 s"),
            (
                Outcome::Started,
                "web:2",
                "web is being deployed: ECS rolls out web:2 {since}, to replace web:1, asked for in 2 min 5 s",
            ),
            (
                Outcome::Deployed,
                "web:2",
                "web was deployed in 2 min 5 s: it has run web:2 {since}, in place of web:1",
            ),
            (
                Outcome::RolledBack,
                "web:1",
                "web was rolled back after 2 min 5 s: it has run web:1 again {since}, because web:2 failed",
            ),
            (
                Outcome::Failed,
                "web:2",
                "web failed after 2 min 5 s: the rollout of web:2 failed, and web:2 is live {since}",
            ),
            (
                Outcome::Superseded,
                "web:3",
                "web was superseded after 2 min 5 s: another deployment runs web:3 {since}, and not web:2",
            ),
            (
                Outcome::Stopped,
                "web:1",
                "web was stopped after 2 min 5 s: somebody ended the rollout of web:2, and web:1 is live {since}",
            ),
            (
                Outcome::TimedOut,
                "web:2",
                "web timed out after 2 min 5 s: the rollout of web:2 has not ended, and web:2 is live {since}",
            ),
        ] {
            let expected = format!("{}; see https://console/web", text.replace("{since}", since));
            assert_eq!(result_sentence(&ended(outcome, live)), expected);
        }
    }

    #[test]
    fn a_rollback_that_somebody_asked_for_is_not_called_a_deployment() {
        let rollback = ServiceReport { is_return: true, ..ended(Outcome::Deployed, "web:2") };
        let told = result_sentence(&rollback);
        assert!(
            told.starts_with("web was rolled back to web:2 in 2 min 5 s: it has run web:2 since"),
            "{told}"
        );
        assert!(!told.contains("deployed"), "{told}");
    }

    #[test]
    fn nothing_is_said_that_is_not_known() {
        let refused = ServiceReport {
            target: None,
            since: None,
            console: None,
            duration: Duration::from_millis(300),
            ..ended(Outcome::Failed, "web:1")
        };
        let told = "web failed after less than 1 s: it was not deployed, and web:1 is live";
        assert_eq!(result_sentence(&refused), told);
        let again = ServiceReport { previous: arn("web:2"), ..ended(Outcome::Deployed, "web:2") };
        assert!(!result_sentence(&again).contains("in place of"));
    }
}
