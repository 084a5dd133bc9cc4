//! The smallest IAM policy for what Evenkeel is to do.
//!
//! Which action takes which resource is from AWS's service authorization reference: every action has
//! the narrowest resource that it takes, and `*` where it takes none. Where the reference and real
//! denials disagree, the policy allows both ways: a policy that is denied at the first deployment is
//! no policy.

use super::encryption::Encryption;
use super::job::{ActionType, ObjectAddress};
use super::notification::Channel;
use super::record::Sink;

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
    /// What is needed to take a pipeline's jobs.
    pub works: Option<Works>,
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
            statements.extend(self.services(deploys));
            statements.extend(self.task_definitions(deploys));
            statements.extend(self.looks(deploys));
            statements.extend(self.records(deploys));
            statements.extend(self.notifications(deploys));
        }
        if let Some(works) = &self.works {
            statements.extend(self.jobs(works));
        }
        statements.retain(|statement| !statement.resources.is_empty());
        statements
    }

    fn services(&self, deploys: &Deploys) -> [Statement; 2] {
        let below = |what: &str, rest: &str| {
            let names = any(&deploys.services);
            let arn = move |name: &String| self.ecs(&format!("{what}/{}/{name}{rest}", deploys.cluster));
            names.iter().map(arn).collect::<Vec<_>>()
        };
        let actions = vec!["ecs:DescribeServices", "ecs:ListServiceDeployments", "ecs:UpdateService"];
        let own = [below("service", ""), below("service-deployment", "/*"), below("service-revision", "/*")];
        [
            Statement::new("Services", actions, below("service", "")),
            // These ask for the service as well as for what is described.
            Statement::new(
                "ServiceDeployments",
                vec![
                    "ecs:DescribeServiceDeployments",
                    "ecs:DescribeServiceRevisions",
                    "ecs:StopServiceDeployment",
                ],
                own.concat(),
            ),
        ]
    }

    fn task_definitions(&self, deploys: &Deploys) -> [Statement; 4] {
        let families = any(&deploys.families);
        let revisions: Vec<_> =
            families.iter().map(|family| self.ecs(&format!("task-definition/{family}:*"))).collect();
        [
            Statement::new("ReadTaskDefinitions", vec!["ecs:DescribeTaskDefinition"], vec!["*".to_owned()]),
            // The reference lets it be scoped to a family. AWS's own policy for its ECS action says `*`
            // (CodePipeline user guide, "Amazon ECS deploy action reference"), and so does every denial that
            // was seen: "ecs:RegisterTaskDefinition on resource: *". The roles bound what can be registered.
            Statement::new("TaskDefinitions", vec!["ecs:RegisterTaskDefinition"], vec!["*".to_owned()]),
            Statement::new("Tags", vec!["ecs:TagResource"], revisions).if_equal(
                "StringEquals",
                "ecs:CreateAction",
                vec!["RegisterTaskDefinition".to_owned()],
            ),
            // UpdateService evaluates it as well, for the revision that it moves the service to: a rollback
            // passes the former revision's roles.
            Statement::new("TaskRoles", vec!["iam:PassRole"], deploys.roles.clone()).if_equal(
                "StringEquals",
                "iam:PassedToService",
                ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"].map(str::to_owned).into(),
            ),
        ]
    }

    /// What tells why tasks stopped, and that images exist.
    fn looks(&self, deploys: &Deploys) -> [Statement; 6] {
        let cluster = &deploys.cluster;
        let repositories = any(&deploys.repositories);
        let groups = any(&deploys.log_groups);
        let repository = |name: &String| self.arn("ecr", &format!("repository/{name}"));
        let group = |name: &String| self.arn("logs", &format!("log-group:{name}:log-stream:*"));
        [
            Statement::new(
                "StoppedTasksList",
                vec!["ecs:ListTasks"],
                vec![self.ecs(&format!("container-instance/{cluster}/*"))],
            ),
            // Some accounts evaluate the call on container instances, as the reference says; others on `*`.
            Statement::new("StoppedTasksListOfCluster", vec!["ecs:ListTasks"], vec!["*".to_owned()])
                .if_equal("ArnEquals", "ecs:cluster", vec![self.ecs(&format!("cluster/{cluster}"))]),
            Statement::new(
                "StoppedTasks",
                vec!["ecs:DescribeTasks"],
                vec![self.ecs(&format!("task/{cluster}/*"))],
            ),
            Statement::new("Logs", vec!["logs:GetLogEvents"], groups.iter().map(group).collect()),
            Statement::new(
                "Images",
                vec!["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                repositories.iter().map(repository).collect(),
            ),
            // An image that is missing may be one that ECR fetches when it is pulled. It takes no resource.
            Statement::new("ImageUpstreams", vec!["ecr:DescribePullThroughCacheRules"], vec!["*".to_owned()]),
        ]
    }

    fn records(&self, deploys: &Deploys) -> Vec<Statement> {
        let (mut parameters, mut objects) = (Vec::new(), Vec::new());
        let mut keys_of_records = Vec::new();
        for sink in &deploys.records {
            match sink {
                Sink::Parameter(name) => parameters.push(self.arn("ssm", &format!("parameter{name}"))),
                Sink::Object(at, encryption) | Sink::State(at, encryption) => {
                    objects.push(at);
                    keys_of_records.extend(encryption.key());
                }
                Sink::Variables(_) | Sink::File(_) => {}
            }
        }
        let keys = objects.iter().map(|at| self.s3(&format!("{}/{}", at.bucket, at.key)));
        let mut statements = vec![
            Statement::new("RecordParameter", vec!["ssm:GetParameter", "ssm:PutParameter"], parameters),
            Statement::new("RecordObject", vec!["s3:GetObject", "s3:PutObject"], keys.collect()),
            // The key `aws/s3` needs no permission of its own; another one does.
            Statement::new("RecordKey", KMS.into(), self.kms(keys_of_records)),
        ];
        // The key of any service's record has a wildcard in it.
        let is_open = objects.iter().any(|at| at.key.contains('*'));
        let operator = if is_open { "StringLikeIfExists" } else { "StringEqualsIfExists" };
        // Who may not list the bucket is told of a missing object that access is denied.
        for at in objects {
            let listing = Statement::new("RecordBucket", vec!["s3:ListBucket"], vec![self.s3(&at.bucket)]);
            statements.push(listing.if_equal(operator, "s3:prefix", vec![at.key.clone()]));
        }
        numbered(statements)
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
            Statement::new("NotifyEventBus", vec!["events:PutEvents"], buses),
            Statement::new("NotifyTopic", vec!["sns:Publish"], topics),
            // The key `aws/ssm` needs no permission of its own; another one does.
            Statement::new("NotifyWebhook", vec!["ssm:GetParameter"], parameters),
        ]
    }

    fn jobs(&self, works: &Works) -> Vec<Statement> {
        let arn = |ActionType { category, provider, version }: &ActionType| {
            self.arn("codepipeline", &format!("actiontype:Custom/{category}/{provider}/{version}"))
        };
        let mut statements = vec![
            Statement::new(
                "JobQueue",
                vec!["codepipeline:PollForJobs"],
                works.action_types.iter().map(arn).collect(),
            ),
            // They take no resource.
            Statement::new(
                "Jobs",
                vec![
                    "codepipeline:AcknowledgeJob",
                    "codepipeline:GetJobDetails",
                    "codepipeline:PutJobFailureResult",
                    "codepipeline:PutJobSuccessResult",
                ],
                vec!["*".to_owned()],
            ),
            Statement::new("DeployRoles", vec!["sts:AssumeRole"], works.roles.clone()),
        ];
        if let Some((ObjectAddress { bucket, key: prefix }, encryption)) = &works.claims {
            let below = if prefix.is_empty() { "*".to_owned() } else { format!("{prefix}/*") };
            let actions = vec!["s3:DeleteObject", "s3:GetObject", "s3:PutObject"];
            statements.push(Statement::new("Claims", actions, vec![self.s3(&format!("{bucket}/{below}"))]));
            statements.push(Statement::new("ClaimsKey", KMS.into(), self.kms(encryption.key())));
            let listing = Statement::new("ClaimsBucket", vec!["s3:ListBucket"], vec![self.s3(bucket)]);
            statements.push(if prefix.is_empty() {
                listing
            } else {
                listing.if_equal("StringLikeIfExists", "s3:prefix", vec![below])
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
        let mut arns: Vec<String> = keys.into_iter().map(arn).collect();
        arns.sort();
        arns.dedup();
        arns
    }

    fn ecs(&self, resource: &str) -> String {
        self.arn("ecs", resource)
    }

    fn s3(&self, resource: &str) -> String {
        format!("arn:{}:s3:::{resource}", self.partition)
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }
}

impl Statement {
    fn new(id: &'static str, actions: Vec<&'static str>, resources: Vec<String>) -> Self {
        Self { id, actions, resources, condition: None }
    }

    fn if_equal(self, operator: &'static str, key: &'static str, values: Vec<String>) -> Self {
        Self { condition: Some(Condition { operator, key, values }), ..self }
    }
}

/// The names, or any.
fn any(names: &[String]) -> Vec<String> {
    if names.is_empty() { vec!["*".to_owned()] } else { names.to_vec() }
}

/// Listings of the same bucket become one, as ids of statements must differ.
fn numbered(statements: Vec<Statement>) -> Vec<Statement> {
    let mut merged: Vec<Statement> = Vec::new();
    for statement in statements {
        match merged.iter_mut().find(|other| other.id == statement.id) {
            Some(other) => {
                for resource in statement.resources {
                    if !other.resources.contains(&resource) {
                        other.resources.push(resource);
                    }
                }
                if let (Some(into), Some(from)) = (&mut other.condition, statement.condition) {
                    into.values.extend(from.values);
                }
            }
            None => merged.push(statement),
        }
    }
    merged
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
            }),
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
