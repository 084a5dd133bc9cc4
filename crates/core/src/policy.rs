//! The smallest IAM policy for what Evenkeel is to do.
//!
//! Which action takes which resource is from AWS's service authorization reference: every action has
//! the narrowest resource that it takes, and `*` where it takes none. Where the reference and real
//! denials disagree, the policy allows both ways: a policy that is denied at the first deployment is
//! no policy.

mod one_off;
mod scheduled;

use std::collections::BTreeSet;

use super::encryption::Encryption;
use super::job::{ActionType, ObjectAddress};
use super::notification::Channel;
use super::record::Sink;
use super::scheduled::Also;

/// What is to be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// Where it is: `aws`, a Region, an account; `*` for any of the latter two.
    pub partition: String,
    /// The Region, or `*`.
    pub region: String,
    /// The account, or `*`.
    pub account: String,
    /// What is deployed; nothing if that is done in another role.
    pub deploys: Option<Deploys>,
    /// What is done with the services of `deploys`.
    pub purpose: Purpose,
    /// What is needed to take a pipeline's jobs.
    pub works: Option<Works>,
}

/// What is done with services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// They are deployed.
    Deploy,
    /// Their rollouts are watched: what changes something is left out, and what only a deployment reads.
    Watch,
    /// One-off tasks are run beside them.
    Run,
}

/// What is deployed. An empty list means any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deploys {
    /// The cluster's name, or `*`.
    pub cluster: String,
    /// The services' names.
    pub services: Vec<String>,
    /// The families of their task definitions.
    pub families: Vec<String>,
    /// The roles that the task definitions name. An empty list means none.
    pub roles: Vec<String>,
    /// The repositories of Amazon ECR that hold their images.
    pub repositories: Vec<String>,
    /// The groups that their containers log to.
    pub log_groups: Vec<String>,
    /// Where the record is kept.
    pub records: Vec<Sink>,
    /// Who is told how it ended.
    pub channels: Vec<Channel>,
    /// One-off tasks run before the update or after the rollout.
    pub has_one_off_tasks: bool,
    /// The rules and schedules that follow.
    pub also: Vec<Also>,
    /// The roles of their targets. An empty list means none.
    pub schedule_roles: Vec<String>,
}

/// What is needed to take a pipeline's jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Works {
    /// The action types that it takes the jobs of.
    pub action_types: Vec<ActionType>,
    /// The bucket of the claims, and what their keys begin with.
    pub claims: Option<(ObjectAddress, Encryption)>,
    /// The roles that actions name by `RoleArn`.
    pub roles: Vec<String>,
}

/// One statement of a policy, which allows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it is for; letters only.
    pub id: &'static str,
    /// The actions.
    pub actions: Vec<&'static str>,
    /// The ARNs that they may be done to.
    pub resources: Vec<String>,
    /// On what it depends besides.
    pub condition: Option<Condition>,
}

/// What a statement depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// How the values are compared.
    pub operator: &'static str,
    /// What is compared.
    pub key: &'static str,
    /// The values, one of which it has to be.
    pub values: Vec<String>,
}

/// What S3 does in the caller's name with a KMS key, to write and to read (Amazon S3 user guide, "Using
/// server-side encryption with AWS KMS keys").
const KMS: [&str; 2] = ["kms:Decrypt", "kms:GenerateDataKey"];

impl Permissions {
    /// The statements that allow it.
    #[must_use]
    pub fn statements(&self) -> Vec<Statement> {
        let mut statements = Vec::new();
        if let Some(deploys) = &self.deploys {
            match self.purpose {
                Purpose::Deploy => statements.extend(self.deployment(deploys)),
                Purpose::Watch => statements.extend(self.watch(deploys)),
                Purpose::Run => statements.extend(self.run(deploys)),
            }
        }
        if let Some(works) = &self.works {
            statements.extend(self.jobs(works));
        }
        statements.retain(|statement| !statement.resources.is_empty());
        statements
    }

    fn deployment(&self, deploys: &Deploys) -> Vec<Statement> {
        let mut statements = Vec::new();
        statements.extend(self.services(deploys));
        statements.extend(self.task_definitions(deploys));
        statements.extend(self.stopped_tasks(deploys));
        if deploys.has_one_off_tasks {
            statements.extend(self.one_off_tasks(deploys));
        }
        statements.extend(self.scheduled_tasks(deploys));
        statements.extend(self.images(deploys));
        statements.extend(self.records(deploys));
        statements.extend(self.notifications(deploys));
        statements
    }

    fn watch(&self, deploys: &Deploys) -> Vec<Statement> {
        let mut statements = self.services(deploys).to_vec();
        statements.extend(self.stopped_tasks(deploys));
        statements.push(read_task_definitions());
        statements.iter_mut().for_each(Statement::keep_reads);
        statements
    }

    fn services(&self, deploys: &Deploys) -> [Statement; 2] {
        let below = |what: &str, rest: &str| {
            let resource = |name: &str| format!("{what}/{}/{name}{rest}", deploys.cluster);
            self.each("ecs", &deploys.services, resource)
        };
        let own = [below("service", ""), below("service-deployment", "/*"), below("service-revision", "/*")];
        [
            grant(
                "Services",
                ["ecs:DescribeServices", "ecs:ListServiceDeployments", "ecs:UpdateService"],
                below("service", ""),
            ),
            // These ask for the service as well as for what is described.
            grant(
                "ServiceDeployments",
                [
                    "ecs:DescribeServiceDeployments",
                    "ecs:DescribeServiceRevisions",
                    "ecs:StopServiceDeployment",
                ],
                own.concat(),
            ),
        ]
    }

    fn task_definitions(&self, deploys: &Deploys) -> [Statement; 4] {
        let revisions = self.each("ecs", &deploys.families, |family| format!("task-definition/{family}:*"));
        [
            read_task_definitions(),
            // The reference lets it be scoped to a family. AWS's own policy for its ECS action says `*`
            // (CodePipeline user guide, "Amazon ECS deploy action reference"), and so does every denial that
            // was seen: "ecs:RegisterTaskDefinition on resource: *". The roles bound what can be registered.
            grant_on_all("TaskDefinitions", ["ecs:RegisterTaskDefinition"]),
            grant("Tags", ["ecs:TagResource"], revisions).if_equal(
                "StringEquals",
                "ecs:CreateAction",
                ["RegisterTaskDefinition"],
            ),
            // UpdateService evaluates it as well, for the revision that it moves the service to: a rollback
            // passes the former revision's roles.
            grant("TaskRoles", ["iam:PassRole"], deploys.roles.clone()).if_equal(
                "StringEquals",
                "iam:PassedToService",
                ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"],
            ),
        ]
    }

    /// What tells why tasks stopped.
    fn stopped_tasks(&self, deploys: &Deploys) -> [Statement; 4] {
        let Deploys { cluster, log_groups, .. } = deploys;
        let ecs = |resource: String| self.arn("ecs", &resource);
        [
            grant("StoppedTasksList", ["ecs:ListTasks"], [ecs(format!("container-instance/{cluster}/*"))]),
            // Some accounts evaluate the call on container instances, as the reference says; others on `*`.
            grant_on_all("StoppedTasksListOfCluster", ["ecs:ListTasks"]).if_equal(
                "ArnEquals",
                "ecs:cluster",
                [ecs(format!("cluster/{cluster}"))],
            ),
            grant("StoppedTasks", ["ecs:DescribeTasks"], [ecs(format!("task/{cluster}/*"))]),
            grant(
                "Logs",
                ["logs:GetLogEvents"],
                self.each("logs", log_groups, |name| format!("log-group:{name}:log-stream:*")),
            ),
        ]
    }

    /// What tells that images exist.
    fn images(&self, deploys: &Deploys) -> [Statement; 2] {
        [
            grant(
                "Images",
                ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                self.each("ecr", &deploys.repositories, |name| format!("repository/{name}")),
            ),
            // An image that is missing may be one that ECR fetches when it is pulled. It takes no resource.
            grant_on_all("ImageUpstreams", ["ecr:DescribePullThroughCacheRules"]),
        ]
    }

    fn records(&self, deploys: &Deploys) -> [Statement; 4] {
        let (mut parameters, mut objects, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for sink in &deploys.records {
            match sink {
                Sink::Parameter(name) => parameters.push(self.arn("ssm", &format!("parameter{name}"))),
                Sink::Object(at, encryption) | Sink::State(at, encryption) => {
                    objects.push(at);
                    keys.extend(encryption.key());
                }
                Sink::Variables(_) | Sink::File(_) => {}
            }
        }
        let contents = objects.iter().map(|at| self.s3(&format!("{}/{}", at.bucket, at.key)));
        let mut buckets = Vec::new();
        for bucket in objects.iter().map(|at| self.s3(&at.bucket)) {
            if !buckets.contains(&bucket) {
                buckets.push(bucket);
            }
        }
        // The key of any service's record has a wildcard in it.
        let is_open = objects.iter().any(|at| at.key.contains('*'));
        let operator = if is_open { "StringLikeIfExists" } else { "StringEqualsIfExists" };
        let prefixes = objects.iter().map(|at| at.key.as_str());
        [
            grant("RecordParameter", ["ssm:GetParameter", "ssm:PutParameter"], parameters),
            grant("RecordObject", ["s3:GetObject", "s3:PutObject"], contents),
            // The key `aws/s3` needs no permission of its own; another one does.
            grant("RecordKey", KMS, self.kms(keys)),
            // Without `s3:ListBucket`, S3 answers a read of a missing object with AccessDenied.
            grant("RecordBucket", ["s3:ListBucket"], buckets).if_equal(operator, "s3:prefix", prefixes),
        ]
    }

    fn notifications(&self, deploys: &Deploys) -> [Statement; 3] {
        let (mut buses, mut topics, mut parameters) = (Vec::new(), Vec::new(), Vec::new());
        for channel in &deploys.channels {
            match channel {
                Channel::EventBus(arn) if channel.region().is_some() => buses.push(arn.clone()),
                Channel::EventBus(name) => buses.push(self.arn("events", &format!("event-bus/{name}"))),
                Channel::Topic(arn) => topics.push(arn.clone()),
                Channel::Webhook { parameter } => {
                    parameters.push(self.arn("ssm", &format!("parameter{parameter}")));
                }
            }
        }
        [
            grant("NotifyEventBus", ["events:PutEvents"], buses),
            grant("NotifyTopic", ["sns:Publish"], topics),
            // The key `aws/ssm` needs no permission of its own; another one does.
            grant("NotifyWebhook", ["ssm:GetParameter"], parameters),
        ]
    }

    fn jobs(&self, works: &Works) -> Vec<Statement> {
        let arn = |ActionType { category, provider, version }: &ActionType| {
            self.arn("codepipeline", &format!("actiontype:Custom/{category}/{provider}/{version}"))
        };
        let mut statements = vec![
            grant("JobQueue", ["codepipeline:PollForJobs"], works.action_types.iter().map(arn)),
            // They take no resource.
            grant_on_all(
                "Jobs",
                [
                    "codepipeline:AcknowledgeJob",
                    "codepipeline:GetJobDetails",
                    "codepipeline:PutJobFailureResult",
                    "codepipeline:PutJobSuccessResult",
                ],
            ),
            grant("DeployRoles", ["sts:AssumeRole"], works.roles.clone()),
        ];
        if let Some((ObjectAddress { bucket, key: prefix }, encryption)) = &works.claims {
            let below = if prefix.is_empty() { "*".to_owned() } else { format!("{prefix}/*") };
            let actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"];
            statements.push(grant("Claims", actions, [self.s3(&format!("{bucket}/{below}"))]));
            statements.push(grant("ClaimsKey", KMS, self.kms(encryption.key())));
            let listing = grant("ClaimsBucket", ["s3:ListBucket"], [self.s3(bucket)]);
            statements.push(if prefix.is_empty() {
                listing
            } else {
                listing.if_equal("StringLikeIfExists", "s3:prefix", [below])
            });
        }
        statements
    }

    /// The ARNs of KMS keys; an alias stands for a key that only KMS knows.
    fn kms<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let arn = |key: &str| match key {
            key if key.starts_with("arn:") && !key.contains(":alias/") => key.to_owned(),
            key if key.contains("alias/") => self.arn("kms", "key/*"),
            key => self.arn("kms", &format!("key/{key}")),
        };
        keys.into_iter().map(arn).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The ARN of the resource that has each of these names, or any name.
    fn each(&self, service: &str, names: &[String], resource: impl Fn(&str) -> String) -> Vec<String> {
        let any = ["*".to_owned()];
        let names = if names.is_empty() { &any } else { names };
        names.iter().map(|name| self.arn(service, &resource(name))).collect()
    }

    fn s3(&self, resource: &str) -> String {
        format!("arn:{}:s3:::{resource}", self.partition)
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }
}

fn grant<const N: usize>(
    id: &'static str,
    actions: [&'static str; N],
    on: impl IntoIterator<Item = String>,
) -> Statement {
    Statement { id, actions: actions.into(), resources: on.into_iter().collect(), condition: None }
}

fn read_task_definitions() -> Statement {
    grant_on_all("ReadTaskDefinitions", ["ecs:DescribeTaskDefinition"])
}

fn grant_on_all<const N: usize>(id: &'static str, actions: [&'static str; N]) -> Statement {
    grant(id, actions, ["*".to_owned()])
}

impl Statement {
    /// Leaves out the actions that change something.
    fn keep_reads(&mut self) {
        let reads = [":Describe", ":List", ":Get"];
        self.actions.retain(|action| reads.iter().any(|read| action.contains(read)));
    }

    fn if_equal(
        self,
        operator: &'static str,
        key: &'static str,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        Self { condition: Some(Condition { operator, key, values }), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permissions() -> Permissions {
        Permissions {
            partition: "aws".to_owned(),
            region: "eu-west-1".to_owned(),
            account: "123456789012".to_owned(),
            deploys: Some(Deploys {
                cluster: "prod".to_owned(),
                services: vec!["web".to_owned()],
                families: vec!["web".to_owned()],
                roles: vec!["arn:aws:iam::123456789012:role/task".to_owned()],
                repositories: vec!["shop/web".to_owned()],
                log_groups: vec!["/ecs/web".to_owned()],
                records: ["ssm:/web", "s3://records/a.json", "tfstate:s3://records/b", "file:x"]
                    .map(|text| Sink::parse(text).unwrap())
                    .into(),
                channels: [
                    "eventbridge:deploys",
                    "sns:arn:aws:sns:us-east-1:123456789012:deploys",
                    "webhook:ssm:/deploy/webhook",
                ]
                .map(|text| Channel::parse(text).unwrap())
                .into(),
                has_one_off_tasks: false,
                ..Deploys::default()
            }),
            purpose: Purpose::Deploy,
            works: None,
        }
    }

    #[test]
    fn only_what_iam_evaluates_on_all_resources_is_allowed_on_all() {
        let works = Works {
            action_types: vec![ActionType::default()],
            claims: Some((
                ObjectAddress { bucket: "claims".to_owned(), key: "evenkeel".to_owned() },
                Encryption::Default,
            )),
            roles: vec!["arn:aws:iam::210987654321:role/deploy".to_owned()],
        };
        let statements = Permissions { works: Some(works), ..permissions() }.statements();
        let on_all: Vec<_> = statements
            .iter()
            .filter(|statement| statement.resources.contains(&"*".to_owned()))
            .flat_map(|statement| statement.actions.clone())
            .collect();
        assert_eq!(
            on_all,
            [
                "ecs:DescribeTaskDefinition",
                "ecs:RegisterTaskDefinition",
                "ecs:ListTasks",
                "ecr:DescribePullThroughCacheRules",
                "codepipeline:AcknowledgeJob",
                "codepipeline:GetJobDetails",
                "codepipeline:PutJobFailureResult",
                "codepipeline:PutJobSuccessResult",
            ]
        );
        let ids: std::collections::BTreeSet<_> = statements.iter().map(|statement| statement.id).collect();
        assert_eq!(ids.len(), statements.len(), "{statements:?}");
    }

    #[test]
    fn roles_are_passed_to_tasks_and_to_ecs_and_tasks_listed_in_both_forms() {
        let statements = permissions().statements();
        let of = |id: &str| statements.iter().find(|statement| statement.id == id).unwrap().clone();
        let passed = of("TaskRoles").condition.unwrap();
        assert_eq!(passed.key, "iam:PassedToService");
        assert_eq!(passed.values, ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"]);
        let tags = of("Tags");
        assert_eq!(tags.resources, ["arn:aws:ecs:eu-west-1:123456789012:task-definition/web:*"]);
        assert_eq!(tags.condition.unwrap().values, ["RegisterTaskDefinition"]);
        let instances = of("StoppedTasksList");
        assert_eq!(instances.resources, ["arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/*"]);
        assert_eq!(instances.condition, None);
        let cluster = of("StoppedTasksListOfCluster");
        assert_eq!(cluster.resources, ["*"]);
        let condition = cluster.condition.unwrap();
        assert_eq!((condition.operator, condition.key), ("ArnEquals", "ecs:cluster"));
        assert_eq!(condition.values, ["arn:aws:ecs:eu-west-1:123456789012:cluster/prod"]);
    }

    #[test]
    fn records_are_opened_and_nothing_beside_them() {
        let statements = permissions().statements();
        let of = |id: &str| statements.iter().find(|statement| statement.id == id).unwrap().clone();
        assert_eq!(of("RecordParameter").resources, ["arn:aws:ssm:eu-west-1:123456789012:parameter/web"]);
        assert_eq!(of("RecordObject").resources, ["arn:aws:s3:::records/a.json", "arn:aws:s3:::records/b"]);
        let bucket = of("RecordBucket");
        assert_eq!(bucket.resources, ["arn:aws:s3:::records"]);
        assert_eq!(bucket.condition.unwrap().values, ["a.json", "b"]);
    }

    #[test]
    fn the_keys_of_records_and_claims_are_opened() {
        let records = [
            "s3://records/a?sse=aws:kms&kms-key-id=1a-2b",
            "tfstate:s3://records/b?sse=aws:kms&kms-key-id=arn:aws:kms:eu-west-1:210987654321:key/3c",
            "s3://records/c?sse=AES256",
        ];
        let records = records.map(|text| Sink::parse(text).unwrap()).into();
        let works = |key: &str| Works {
            action_types: vec![ActionType::default()],
            claims: Some((
                ObjectAddress { bucket: "claims".to_owned(), key: String::new() },
                Encryption::Kms(key.to_owned()),
            )),
            roles: Vec::new(),
        };
        let deploys = Deploys { records, ..permissions().deploys.unwrap() };
        let all = Permissions { deploys: Some(deploys), works: Some(works("alias/shop")), ..permissions() };
        let statements = all.statements();
        let of = |id: &str| statements.iter().find(|statement| statement.id == id).unwrap().clone();
        assert_eq!(
            of("RecordKey").resources,
            ["arn:aws:kms:eu-west-1:123456789012:key/1a-2b", "arn:aws:kms:eu-west-1:210987654321:key/3c"]
        );
        assert_eq!(of("ClaimsKey").actions, ["kms:Decrypt", "kms:GenerateDataKey"]);
        assert_eq!(of("ClaimsKey").resources, ["arn:aws:kms:eu-west-1:123456789012:key/*"]);
        assert!(!permissions().statements().iter().any(|it| it.id.ends_with("Key")));
    }

    #[test]
    fn who_is_told_is_told_and_nobody_else() {
        let statements = permissions().statements();
        let of = |id: &str| statements.iter().find(|statement| statement.id == id).unwrap().resources.clone();
        assert_eq!(of("NotifyEventBus"), ["arn:aws:events:eu-west-1:123456789012:event-bus/deploys"]);
        assert_eq!(of("NotifyTopic"), ["arn:aws:sns:us-east-1:123456789012:deploys"]);
        assert_eq!(of("NotifyWebhook"), ["arn:aws:ssm:eu-west-1:123456789012:parameter/deploy/webhook"]);
    }

    #[test]
    fn what_is_not_named_is_any_and_roles_are_none() {
        let deploys = Deploys { cluster: "*".to_owned(), ..Deploys::default() };
        let statements = Permissions { deploys: Some(deploys), ..permissions() }.statements();
        let has = |resource: &str| statements.iter().any(|it| it.resources.contains(&resource.to_owned()));
        assert!(has("arn:aws:ecs:eu-west-1:123456789012:service/*/*"));
        assert!(has("arn:aws:ecs:eu-west-1:123456789012:task-definition/*:*"));
        assert!(!statements.iter().any(|it| it.actions.contains(&"iam:PassRole")), "{statements:?}");
    }
}
