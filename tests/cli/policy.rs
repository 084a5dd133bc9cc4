//! `evenkeel policy`: the smallest policy, as IAM reads it.

use std::collections::BTreeSet;

use evenkeel_sandbox::{Call, RolloutOutcome, TaskEnding, TaskScript};
use serde_json::{Value, json};

use crate::scheduled;
use crate::world::{Account, quick_task};

const ROLE: &str = "arn:aws:iam::123456789012:role/web-task";
const WHOLE: [&str; 19] = [
    "policy",
    "--for",
    "deploy",
    "--cluster",
    "arn:aws:ecs:eu-west-1:123456789012:cluster/prod",
    "--service",
    "web",
    "--family",
    "web",
    "--role",
    ROLE,
    "--repository",
    "shop/web",
    "--log-group",
    "/ecs/web",
    "--record",
    "ssm:/deploy/web/record",
    "--record",
    "s3://records/web.json",
];

fn actions(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().unwrap();
    let actions = statements.iter().flat_map(|statement| statement["Action"].as_array().unwrap());
    actions.map(|action| action.as_str().unwrap().to_owned()).collect()
}

fn statement<'a>(policy: &'a Value, id: &str) -> &'a Value {
    policy["Statement"].as_array().unwrap().iter().find(|it| it["Sid"] == id).unwrap()
}

#[test]
fn it_is_scoped_to_what_was_named() {
    let account = Account::new();
    let ended = account.run(&WHOLE);
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let policy: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let ecs = |resource: &str| json!([format!("arn:aws:ecs:eu-west-1:123456789012:{resource}")]);
    assert_eq!(statement(&policy, "Services")["Resource"], ecs("service/prod/web"));
    assert_eq!(statement(&policy, "TaskDefinitions")["Resource"], json!(["*"]));
    assert_eq!(statement(&policy, "Tags")["Resource"], ecs("task-definition/web:*"));
    assert_eq!(
        statement(&policy, "Tags")["Condition"],
        json!({ "StringEquals": { "ecs:CreateAction": ["RegisterTaskDefinition"] } })
    );
    assert_eq!(
        statement(&policy, "TaskRoles"),
        &json!({
            "Sid": "TaskRoles",
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": [ROLE],
            "Condition": {
                "StringEquals": { "iam:PassedToService": ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"] },
            },
        })
    );
    assert_eq!(statement(&policy, "StoppedTasksList")["Resource"], ecs("container-instance/prod/*"));
    assert_eq!(
        statement(&policy, "StoppedTasksListOfCluster")["Condition"],
        json!({ "ArnEquals": { "ecs:cluster": ecs("cluster/prod") } })
    );
    let on_all = policy["Statement"].as_array().unwrap().iter().filter(|it| it["Resource"] == json!(["*"]));
    assert_eq!(
        on_all.map(|it| it["Action"].clone()).collect::<Vec<_>>(),
        [
            json!(["ecs:DescribeTaskDefinition"]),
            json!(["ecs:RegisterTaskDefinition"]),
            json!(["ecs:ListTasks"]),
            json!(["ecr:DescribePullThroughCacheRules"]),
        ]
    );
    assert!(account.sandbox.calls().is_empty());
}

#[test]
fn it_allows_every_call_that_a_deployment_makes() {
    let account = Account::new();
    account.sandbox.create_bucket("records", false);
    let policy: Value = serde_json::from_str(&account.run(&WHOLE).stdout).unwrap();
    account.next_rollout(RolloutOutcome::Crash);
    let record = ["--record", "ssm:/deploy/web/record,s3://records/web.json"];
    account.deploy(&record).is(1, "rolled_back", Some("rollout_failed"), &[]);

    let allowed = actions(&policy);
    let services = ["ecs", "ssm", "s3", "logs", "ecr"];
    for call in account.sandbox.calls() {
        let names: Vec<String> =
            services.iter().map(|service| format!("{service}:{}", call.operation)).collect();
        assert!(
            names.iter().any(|name| allowed.contains(name)),
            "{} is not allowed: {allowed:?}",
            call.operation
        );
    }
}

#[test]
fn it_allows_one_off_tasks_where_they_are_asked_for_and_only_there() {
    let account = Account::new();
    let policy = |more: &[&str]| -> Value {
        serde_json::from_str(&account.run(&[&WHOLE[..], more].concat()).stdout).unwrap()
    };
    let (without, with) = (actions(&policy(&[])), actions(&policy(&["--one-off-tasks"])));
    let added: Vec<_> = with.difference(&without).cloned().collect();
    assert_eq!(added, ["ecs:RunTask", "ecs:StopTask"]);
    assert_eq!(
        statement(&policy(&["--one-off-tasks"]), "OneOffTasksTags")["Condition"],
        json!({ "StringEquals": { "ecs:CreateAction": ["RunTask"] } })
    );

    account.sandbox.play_tasks("", quick_task());
    account.sandbox.play_tasks("smoke", TaskScript { ending: TaskEnding::NeverEnds, ..quick_task() });
    let steps = ["--before", "app=migrate", "--after", "app=smoke", "--timeout", "8s", "--poll", "200ms"];
    account.next_rollout(RolloutOutcome::Ok);
    account.deploy(&steps).is(1, "rolled_back", Some("rollout_failed"), &[]);
    let calls = account.sandbox.calls();
    assert!(calls.iter().any(|call| call.operation == "StopTask"));
    for call in calls {
        let names = ["ecs", "logs", "ecr"].map(|service| format!("{service}:{}", call.operation));
        assert!(names.iter().any(|name| with.contains(name)), "{} is not allowed", call.operation);
    }
}

/// Whether the policy lets this call of EventBridge or EventBridge Scheduler be made on what it is about.
fn allows(policy: &Value, call: &Call) -> bool {
    let member = |name: &str| call.request[name].as_str();
    let rule = |name: Option<&str>| match member("EventBusName") {
        None | Some("default") => format!("arn:aws:events:eu-west-1:123456789012:rule/{}", name.unwrap()),
        Some(bus) => format!("arn:aws:events:eu-west-1:123456789012:rule/{bus}/{}", name.unwrap()),
    };
    let schedule = || {
        let (group, name) = (member("GroupName").unwrap_or("default"), member("Name").unwrap());
        format!("arn:aws:scheduler:eu-west-1:123456789012:schedule/{group}/{name}")
    };
    let (service, resource) = match call.operation.as_str() {
        "DescribeRule" => ("events", rule(member("Name"))),
        "ListTargetsByRule" | "PutTargets" => ("events", rule(member("Rule"))),
        "ListEventBuses" | "ListRuleNamesByTarget" => ("events", "*".to_owned()),
        "GetSchedule" | "UpdateSchedule" => ("scheduler", schedule()),
        "ListSchedules" => ("scheduler", "*".to_owned()),
        operation => panic!("{operation}"),
    };
    let action = format!("{service}:{}", call.operation);
    let fits = |pattern: &str| match pattern.split_once('*') {
        Some((before, _)) => resource.starts_with(before),
        None => resource == pattern,
    };
    policy["Statement"].as_array().unwrap().iter().any(|statement| {
        let has = |member: &str, fits: &dyn Fn(&str) -> bool| {
            statement[member].as_array().unwrap().iter().any(|it| fits(it.as_str().unwrap()))
        };
        statement.get("Condition").is_none() && has("Action", &|it| it == action) && has("Resource", &fits)
    })
}

#[test]
fn it_allows_what_also_names_and_nothing_besides() {
    const SCHEDULES: &str = "arn:aws:iam::123456789012:role/schedules";
    let rule = ["events:DescribeRule", "events:ListTargetsByRule", "events:PutTargets"];
    let schedule = ["scheduler:GetSchedule", "scheduler:UpdateSchedule"];
    let lists = ["events:ListEventBuses", "events:ListRuleNamesByTarget", "scheduler:ListSchedules"];
    let of_family = [&rule[..], &schedule, &lists].concat();
    let (events, scheduler) = ("events.amazonaws.com", "scheduler.amazonaws.com");
    for (also, adds, passed_to) in [
        ("rule:nightly", &rule[..], &[events][..]),
        ("rule:nightly/report", &rule, &[events]),
        ("rule:placed@shop/jobs", &rule, &[events]),
        ("schedule:jobs/hourly", &schedule, &[scheduler]),
        ("family", &of_family, &[events, scheduler]),
    ] {
        let account = scheduled::account();
        account.sandbox.call_events("CreateEventBus", json!({ "Name": "shop/jobs" })).unwrap();
        scheduled::add_rule_on(&account, "shop/jobs", "placed", "web");
        let policy = |more: &[&str]| -> Value {
            let ended = account.run(&[&WHOLE[..], more].concat());
            assert_eq!(ended.status, Some(0), "{ended:?}");
            serde_json::from_str(&ended.stdout).unwrap()
        };
        let (without, with) = (policy(&[]), policy(&["--also", also, "--schedule-role", SCHEDULES]));
        // PassRole is there already, for the roles of the tasks.
        let (before, now) = (actions(&without), actions(&with));
        let added: BTreeSet<_> = now.difference(&before).map(String::as_str).collect();
        assert_eq!(added, adds.iter().copied().collect(), "{also}");
        let roles = json!({
            "Sid": "ScheduleRoles",
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": [SCHEDULES],
            "Condition": { "StringEquals": { "iam:PassedToService": passed_to } },
        });
        assert_eq!(statement(&with, "ScheduleRoles"), &roles, "{also}");

        account.sandbox.clear_calls();
        account.deploy(&["--also", also]).is(0, "deployed", None, &[]);
        let calls = account.sandbox.calls();
        let services = ["ecs", "logs", "ecr"];
        let is_other = |call: &Call| {
            services.iter().any(|service| now.contains(&format!("{service}:{}", call.operation)))
        };
        let mut made = BTreeSet::new();
        for call in calls.iter().filter(|call| !is_other(call)) {
            assert!(allows(&with, call), "{} is not allowed by {also}: {call:?}", call.operation);
            assert!(!allows(&without, call));
            made.insert(call.operation.as_str());
        }
        let needed: BTreeSet<_> = adds.iter().map(|action| action.split_once(':').unwrap().1).collect();
        assert_eq!(made, needed, "{also}");
    }
    let open = Account::new().run(&[&WHOLE[..], &["--also", "family"]].concat());
    assert!(open.stderr.contains("note: without --schedule-role no rule or schedule"), "{open:?}");
    assert!(!open.stdout.contains("ScheduleRoles"), "{open:?}");
}

#[test]
fn it_allows_every_call_of_a_watch_and_nothing_that_changes() {
    let account = Account::new();
    let watch = [&["policy", "--for", "watch"], &WHOLE[3..]].concat();
    let ended = account.run(&watch);
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let policy: Value = serde_json::from_str(&ended.stdout).unwrap();
    let allowed = actions(&policy);
    let named = [
        "ecs:DescribeServiceDeployments",
        "ecs:DescribeServiceRevisions",
        "ecs:DescribeServices",
        "ecs:DescribeTaskDefinition",
        "ecs:DescribeTasks",
        "ecs:ListServiceDeployments",
        "ecs:ListTasks",
        "logs:GetLogEvents",
    ];
    assert_eq!(allowed, named.map(str::to_owned).into());
    let ecs = |resource: &str| json!([format!("arn:aws:ecs:eu-west-1:123456789012:{resource}")]);
    assert_eq!(statement(&policy, "Services")["Resource"], ecs("service/prod/web"));

    account.next_rollout(RolloutOutcome::Crash);
    account.deploy(&["--no-wait"]).is(0, "started", None, &[]);
    account.sandbox.clear_calls();
    let ended = account.run(&["watch", "--cluster", "prod", "--service", "web", "--output", "json"]);
    ended.is(1, "failed", Some("rollout_failed"), &[]);
    for call in account.sandbox.calls() {
        let names = ["ecs", "logs"].map(|service| format!("{service}:{}", call.operation));
        assert!(names.iter().any(|name| allowed.contains(name)), "{} is not allowed", call.operation);
    }
    let open = account.run(&["policy", "--for", "watch"]);
    assert_eq!(
        open.stderr,
        "note: it is open to any where these are not given: --cluster, --service, --log-group\n"
    );
}

#[test]
fn a_worker_that_assumes_roles_deploys_nothing_itself() {
    let account = Account::new();
    let own = [
        "policy",
        "--for",
        "worker",
        "--region",
        "cn-north-1",
        "--account",
        "123456789012",
        "--claims",
        "s3://claims/x/",
    ];
    let policy: Value = serde_json::from_str(&account.run(&own).stdout).unwrap();
    assert!(actions(&policy).contains("ecs:UpdateService"), "{policy}");
    assert_eq!(
        statement(&policy, "JobQueue")["Resource"],
        json!(["arn:aws-cn:codepipeline:cn-north-1:123456789012:actiontype:Custom/Deploy/Evenkeel/1"])
    );
    assert_eq!(statement(&policy, "Claims")["Resource"], json!(["arn:aws-cn:s3:::claims/x/*"]));

    let assuming = [&own[..], &["--assume-role", ROLE]].concat();
    let policy: Value = serde_json::from_str(&account.run(&assuming).stdout).unwrap();
    assert!(!actions(&policy).iter().any(|action| action.starts_with("ecs:")), "{policy}");
    assert_eq!(statement(&policy, "DeployRoles")["Resource"], json!([ROLE]));
}

#[test]
fn what_is_left_open_is_told_beside_it() {
    let account = Account::new();
    let ended = account.run(&["policy", "--for", "deploy", "--cluster", "prod"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("--service, --family, --repository, --log-group"), "{ended:?}");
    assert!(ended.stderr.contains("without --role"), "{ended:?}");
    assert!(ended.stdout.contains("arn:aws:ecs:*:*:service/prod/*"), "{ended:?}");
}

#[test]
fn the_records_of_each_service_are_named_and_any_service_s_are_open() {
    let account = Account::new();
    let record = ["--record", "ssm:/deploy/{cluster}/{service},s3://records/{service}.json"];
    let policy = |names: &[&str]| {
        let ended = account.run(&[&["policy", "--for", "deploy"], names, &record].concat());
        serde_json::from_str::<Value>(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
    };
    let each = policy(&["--cluster", "prod", "--service", "web,api"]);
    let parameter = |path: &str| format!("arn:aws:ssm:*:*:parameter/deploy/{path}");
    assert_eq!(
        statement(&each, "RecordParameter")["Resource"],
        json!([parameter("prod/web"), parameter("prod/api")])
    );
    assert_eq!(
        statement(&each, "RecordBucket")["Condition"],
        json!({ "StringEqualsIfExists": { "s3:prefix": ["web.json", "api.json"] } })
    );
    let any = policy(&[]);
    assert_eq!(statement(&any, "RecordParameter")["Resource"], json!([parameter("*/*")]));
    assert_eq!(statement(&any, "RecordObject")["Resource"], json!(["arn:aws:s3:::records/*.json"]));
    assert_eq!(
        statement(&any, "RecordBucket")["Condition"],
        json!({ "StringLikeIfExists": { "s3:prefix": ["*.json"] } })
    );
}

#[test]
fn every_mistake_is_told() {
    let account = Account::new();
    for (more, status, words) in [
        (&[][..], 2, "--for"),
        (&["--for", "ever"], 2, "deploy, worker, watch"),
        (&["--for", "deploy", "--cluster", "a/b"], 3, "\"a/b\" is not a cluster"),
        (&["--for", "deploy", "--role", "web-task"], 2, "a role is named by its ARN"),
        (&["--for", "deploy", "--account", "1"], 2, "twelve digits"),
        (&["--for", "deploy", "--record", "s3://b"], 2, "s3://BUCKET/KEY"),
        (&["--for", "worker", "--claims", "x"], 2, "s3://BUCKET/PREFIX"),
        (&["--for", "deploy", "--also", "nightly"], 2, "rule:NAME[/TARGET][@BUS]"),
        (&["--for", "deploy", "--schedule-role", "x"], 2, "a role is named by its ARN"),
    ] {
        let ended = account.run(&[&["policy"], more].concat());
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(status), ""), "{ended:?}");
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
}

#[test]
fn a_worker_may_poll_every_version_that_it_is_given() {
    let ended = Account::new().run(&["policy", "--for", "worker", "--action-version", "1,2,1"]);
    let policy: Value = serde_json::from_str(&ended.stdout).unwrap();
    let type_of =
        |version: u8| format!("arn:aws:codepipeline:*:*:actiontype:Custom/Deploy/Evenkeel/{version}");
    assert_eq!(statement(&policy, "JobQueue")["Resource"], json!([type_of(1), type_of(2)]), "{ended:?}");
}
