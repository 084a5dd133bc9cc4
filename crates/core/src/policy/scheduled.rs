//! What moving rules and schedules needs.

use crate::scheduled::{Also, DEFAULT};

use super::{Deploys, Permissions, Statement, grant, grant_on_all};

impl Permissions {
    /// What reads and replaces what `--also` names, and passes the roles of targets on: EventBridge and EventBridge Scheduler
    /// ask for that also where the role stays the same (service authorization reference, `UpdateSchedule`).
    pub(super) fn scheduled_tasks(&self, deploys: &Deploys) -> Vec<Statement> {
        let (mut rules, mut schedules) = (Vec::new(), Vec::new());
        for also in &deploys.also {
            match also {
                Also::Rule { bus, rule, .. } if bus == DEFAULT => rules.push(format!("rule/{rule}")),
                Also::Rule { bus, rule, .. } => rules.push(format!("rule/{bus}/{rule}")),
                Also::Schedule { group, name } => schedules.push(format!("schedule/{group}/{name}")),
                Also::Family => {
                    rules.push("rule/*".to_owned());
                    schedules.push("schedule/*/*".to_owned());
                }
            }
        }
        let services: Vec<&str> = [(&rules, "events.amazonaws.com"), (&schedules, "scheduler.amazonaws.com")]
            .into_iter()
            .filter_map(|(resources, service)| (!resources.is_empty()).then_some(service))
            .collect();
        let all = |service: &str, mut resources: Vec<String>| {
            // One for each target of a rule, and one for all of them, say the same twice.
            if let Some(any) = resources.iter().find(|resource| resource.ends_with("/*")).cloned() {
                resources = vec![any];
            }
            resources.sort_unstable();
            resources.dedup();
            resources.iter().map(|resource| self.arn(service, resource)).collect::<Vec<_>>()
        };
        let mut statements = vec![
            grant(
                "Rules",
                ["events:DescribeRule", "events:ListTargetsByRule", "events:PutTargets"],
                all("events", rules),
            ),
            grant(
                "Schedules",
                ["scheduler:GetSchedule", "scheduler:UpdateSchedule"],
                all("scheduler", schedules),
            ),
        ];
        if deploys.also.contains(&Also::Family) {
            // They take no resource.
            statements.push(grant_on_all(
                "FindRulesAndSchedules",
                ["events:ListEventBuses", "events:ListRuleNamesByTarget", "scheduler:ListSchedules"],
            ));
        }
        if !services.is_empty() {
            let roles = deploys.schedule_roles.clone();
            statements.push(grant("ScheduleRoles", ["iam:PassRole"], roles).if_equal(
                "StringEquals",
                "iam:PassedToService",
                services,
            ));
        }
        statements
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::Purpose;

    use super::*;

    /// A statement's id, actions, resources, and the services that a role may be passed to.
    type Row = (&'static str, Vec<&'static str>, Vec<String>, Vec<String>);

    fn allowed(also: &[&str], roles: &[&str]) -> Vec<Row> {
        let deploys = Deploys {
            also: also.iter().map(|text| Also::parse(text).unwrap()).collect(),
            schedule_roles: roles.iter().map(|&role| role.to_owned()).collect(),
            ..Deploys::default()
        };
        let permissions = Permissions {
            partition: "aws".to_owned(),
            region: "eu-west-1".to_owned(),
            account: "123456789012".to_owned(),
            deploys: Some(deploys),
            purpose: Purpose::Deploy,
            works: None,
        };
        let is_ours = |statement: &Statement| {
            ["Rules", "Schedules", "FindRulesAndSchedules", "ScheduleRoles"].contains(&statement.id)
        };
        let statements = permissions.statements().into_iter().filter(is_ours);
        let row = |it: Statement| {
            (it.id, it.actions, it.resources, it.condition.map(|it| it.values).unwrap_or_default())
        };
        statements.map(row).collect()
    }

    #[test]
    fn what_is_named_is_allowed_and_nothing_where_nothing_is() {
        assert_eq!(allowed(&[], &["arn:aws:iam::123456789012:role/x"]), []);
        let role = "arn:aws:iam::123456789012:role/events".to_owned();
        let on_rules = vec!["events:DescribeRule", "events:ListTargetsByRule", "events:PutTargets"];
        let on_schedules = vec!["scheduler:GetSchedule", "scheduler:UpdateSchedule"];
        let events = |resource: &str| format!("arn:aws:events:eu-west-1:123456789012:{resource}");
        let scheduler = |resource: &str| format!("arn:aws:scheduler:eu-west-1:123456789012:{resource}");
        assert_eq!(
            allowed(&["rule:nightly/1", "rule:nightly/2", "rule:hourly@jobs"], &[&role]),
            [
                ("Rules", on_rules.clone(), vec![events("rule/jobs/hourly"), events("rule/nightly")], vec![]),
                (
                    "ScheduleRoles",
                    vec!["iam:PassRole"],
                    vec![role.clone()],
                    vec!["events.amazonaws.com".to_owned()]
                ),
            ]
        );
        assert_eq!(
            allowed(&["schedule:nightly", "schedule:jobs/hourly"], &[]),
            [(
                "Schedules",
                on_schedules.clone(),
                vec![scheduler("schedule/default/nightly"), scheduler("schedule/jobs/hourly")],
                vec![]
            )]
        );
        let both = vec!["events.amazonaws.com".to_owned(), "scheduler.amazonaws.com".to_owned()];
        assert_eq!(
            allowed(&["rule:nightly", "family"], &[&role]),
            [
                ("Rules", on_rules, vec![events("rule/*")], vec![]),
                ("Schedules", on_schedules, vec![scheduler("schedule/*/*")], vec![]),
                (
                    "FindRulesAndSchedules",
                    vec!["events:ListEventBuses", "events:ListRuleNamesByTarget", "scheduler:ListSchedules"],
                    vec!["*".to_owned()],
                    vec![]
                ),
                ("ScheduleRoles", vec!["iam:PassRole"], vec![role], both),
            ]
        );
    }
}
