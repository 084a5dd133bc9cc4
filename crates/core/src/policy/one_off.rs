//! What one-off tasks need.

use super::{Deploys, Permissions, Statement, grant, read_task_definitions};

impl Permissions {
    /// What `evenkeel run` needs.
    pub(super) fn run(&self, deploys: &Deploys) -> Vec<Statement> {
        let services =
            self.each("ecs", &deploys.services, |name| format!("service/{}/{name}", deploys.cluster));
        let mut statements =
            vec![grant("Services", ["ecs:DescribeServices"], services), read_task_definitions()];
        statements.extend(self.stopped_tasks(deploys));
        statements.extend(self.one_off_tasks(deploys));
        // Only tasks get the roles: no service is updated.
        statements.push(grant("TaskRoles", ["iam:PassRole"], deploys.roles.clone()).if_equal(
            "StringEquals",
            "iam:PassedToService",
            ["ecs-tasks.amazonaws.com"],
        ));
        statements
    }

    /// What starts and stops one-off tasks. What reads them is in [`stopped_tasks`](Self::stopped_tasks), and the roles that
    /// they get are passed on by a statement of the whole.
    pub(super) fn one_off_tasks(&self, deploys: &Deploys) -> [Statement; 3] {
        let Deploys { cluster, families, .. } = deploys;
        let tasks = || [self.arn("ecs", &format!("task/{cluster}/*"))];
        let in_the_cluster = |statement: Statement| {
            // The key is tested only where a cluster is named: IAM knows no key for any cluster.
            if cluster == "*" {
                statement
            } else {
                let cluster = self.arn("ecs", &format!("cluster/{cluster}"));
                statement.if_equal("ArnEquals", "ecs:cluster", [cluster])
            }
        };
        let revisions = self.each("ecs", families, |family| format!("task-definition/{family}:*"));
        [
            // The reference has the task definition as its resource, and the cluster as a condition only.
            in_the_cluster(grant("OneOffTasks", ["ecs:RunTask"], revisions)),
            in_the_cluster(grant("OneOffTasksStop", ["ecs:StopTask"], tasks())),
            // The tags that a service passes on to its tasks.
            grant("OneOffTasksTags", ["ecs:TagResource"], tasks()).if_equal(
                "StringEquals",
                "ecs:CreateAction",
                ["RunTask"],
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::policy::Purpose;

    use super::*;

    #[test]
    fn one_off_tasks_are_run_in_the_cluster_that_is_named_and_nothing_is_deployed() {
        let run = Permissions {
            partition: "aws".to_owned(),
            region: "eu-west-1".to_owned(),
            account: "123456789012".to_owned(),
            deploys: Some(Deploys {
                cluster: "prod".to_owned(),
                families: vec!["web".to_owned()],
                roles: vec!["arn:aws:iam::123456789012:role/task".to_owned()],
                ..Deploys::default()
            }),
            purpose: Purpose::Run,
            works: None,
        };
        let statements = run.statements();
        let of = |id: &str| statements.iter().find(|statement| statement.id == id).unwrap().clone();
        let actions: BTreeSet<&str> = statements.iter().flat_map(|it| it.actions.clone()).collect();
        assert_eq!(
            actions.into_iter().collect::<Vec<_>>(),
            [
                "ecs:DescribeServices",
                "ecs:DescribeTaskDefinition",
                "ecs:DescribeTasks",
                "ecs:ListTasks",
                "ecs:RunTask",
                "ecs:StopTask",
                "ecs:TagResource",
                "iam:PassRole",
                "logs:GetLogEvents",
            ]
        );
        let started = of("OneOffTasks");
        assert_eq!(started.resources, ["arn:aws:ecs:eu-west-1:123456789012:task-definition/web:*"]);
        for statement in [started, of("OneOffTasksStop")] {
            let condition = statement.condition.unwrap();
            assert_eq!((condition.operator, condition.key), ("ArnEquals", "ecs:cluster"));
            assert_eq!(condition.values, ["arn:aws:ecs:eu-west-1:123456789012:cluster/prod"]);
        }
        assert_eq!(of("TaskRoles").condition.unwrap().values, ["ecs-tasks.amazonaws.com"]);
        assert_eq!(of("OneOffTasksTags").resources, ["arn:aws:ecs:eu-west-1:123456789012:task/prod/*"]);
        assert_eq!(of("OneOffTasksTags").condition.unwrap().values, ["RunTask"]);

        let any = Deploys { cluster: "*".to_owned(), ..Deploys::default() };
        let statements = Permissions { deploys: Some(any), ..run }.statements();
        let started = statements.iter().find(|statement| statement.id == "OneOffTasks").unwrap();
        assert_eq!(started.resources, ["arn:aws:ecs:eu-west-1:123456789012:task-definition/*:*"]);
        assert_eq!(started.condition, None);
    }
}
