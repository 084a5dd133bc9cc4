//! Rules and schedules on the embedded AWS that start tasks of the family `web`, and what is asked of them afterwards.

use evenkeel_sandbox::Sandbox;
use serde_json::{Value, json};

/// The cluster that they start tasks on.
const CLUSTER: &str = "arn:aws:ecs:eu-west-1:123456789012:cluster/prod";

const ROLE: &str = "arn:aws:iam::123456789012:role/scheduled";

/// Where a scheduled task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A bus, a rule of it, and the id of a target of the rule.
    Target(&'static str, &'static str, &'static str),
    /// A group and a schedule of it.
    Schedule(&'static str, &'static str),
}

pub(crate) const NIGHTLY: Place = Place::Target("default", "nightly", "report");
pub(crate) const ORDERS: Place = Place::Target("shop", "orders", "import");
pub(crate) const HOURLY: Place = Place::Schedule("default", "hourly");
/// It is disabled.
pub(crate) const DAILY: Place = Place::Schedule("reports", "daily");

/// What `--also family` finds.
pub(crate) const ALL: [Place; 4] = [NIGHTLY, ORDERS, HOURLY, DAILY];

/// What it does not: another target of the rule `nightly`, and one that starts another family.
const OTHERS: [Place; 2] =
    [Place::Target("default", "nightly", "queue"), Place::Target("default", "nightly", "mail")];

/// The operations that scheduled tasks bring.
pub(crate) const OPERATIONS: [&str; 8] = [
    "DescribeRule",
    "ListTargetsByRule",
    "ListEventBuses",
    "ListRuleNamesByTarget",
    "GetSchedule",
    "ListSchedules",
    "PutTargets",
    "UpdateSchedule",
];

/// A revision's ARN.
pub(crate) fn arn(revision: &str) -> String {
    format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{revision}")
}

/// A target that starts this task definition, with members that no SDK knows.
pub(crate) fn target(id: &str, definition: &str) -> Value {
    json!({
        "Id": id,
        "Arn": CLUSTER,
        "RoleArn": ROLE,
        "Input": "{\"containerOverrides\": [{\"name\": \"app\", \"command\": [\"report\"]}]}",
        "EcsParameters": {
            "TaskDefinitionArn": definition,
            "TaskCount": 2,
            "LaunchType": "FARGATE",
            "NetworkConfiguration": { "awsvpcConfiguration": { "Subnets": ["subnet-1"] } },
            "Tags": [{ "Key": "team", "Value": "shop" }],
            "Unknown": { "Weight": 1.5, "None": null },
        },
        "DeadLetterConfig": { "Arn": "arn:aws:sqs:eu-west-1:123456789012:dead" },
    })
}

/// A schedule that starts this task definition, with members that no SDK knows.
pub(crate) fn schedule(group: &str, name: &str, definition: &str) -> Value {
    json!({
        "GroupName": group,
        "Name": name,
        "ScheduleExpression": "rate(1 hour)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5 },
        "Description": "a report",
        "Target": {
            "Arn": CLUSTER,
            "RoleArn": ROLE,
            "EcsParameters": { "TaskDefinitionArn": definition, "TaskCount": 1, "Unknown": [1, null] },
            "RetryPolicy": { "MaximumRetryAttempts": 0 },
        },
        "Unknown": { "Deep": [{ "Value": 0.5 }] },
    })
}

/// Makes a rule of this bus with these targets, or gives it these ones.
pub(crate) fn put_rule(sandbox: &Sandbox, bus: &str, rule: &str, targets: &[Value]) {
    let pattern = "{\"source\": [\"shop\"]}";
    call_events(sandbox, "PutRule", json!({ "Name": rule, "EventBusName": bus, "EventPattern": pattern }));
    call_events(sandbox, "PutTargets", json!({ "Rule": rule, "EventBusName": bus, "Targets": targets }));
}

pub(crate) fn call_events(sandbox: &Sandbox, operation: &str, request: Value) -> Value {
    sandbox.call_events(operation, request).unwrap()
}

/// Makes the rules and schedules, all of which start `web:1`, and what is beside them.
pub(crate) fn make(sandbox: &Sandbox) {
    let queue = json!({ "Id": "queue", "Arn": "arn:aws:sqs:eu-west-1:123456789012:jobs" });
    let nightly = [target("report", &arn("web:1")), queue, target("mail", &arn("mail:7"))];
    put_rule(sandbox, "default", "nightly", &nightly);
    call_events(sandbox, "CreateEventBus", json!({ "Name": "shop" }));
    put_rule(sandbox, "shop", "orders", &[target("import", &arn("web:1"))]);
    sandbox.add_schedule(&schedule("default", "hourly", &arn("web:1"))).unwrap();
    sandbox.call_scheduler("CreateScheduleGroup", json!({ "Name": "reports" })).unwrap();
    let mut daily = schedule("reports", "daily", &arn("web:1"));
    daily["State"] = json!("DISABLED");
    sandbox.add_schedule(&daily).unwrap();
}

impl Place {
    /// It as AWS keeps it.
    pub(crate) fn read(self, sandbox: &Sandbox) -> Value {
        match self {
            Self::Target(bus, rule, id) => sandbox.target(bus, rule, id).unwrap(),
            Self::Schedule(group, name) => sandbox.schedule(group, name).unwrap(),
        }
    }

    /// The task definition that it names, without what stands before the last slash.
    pub(crate) fn names(self, sandbox: &Sandbox) -> String {
        let kept = self.read(sandbox);
        let named = kept.pointer(self.definition()).unwrap().as_str().unwrap();
        named.rsplit('/').next().unwrap().to_owned()
    }

    /// All of it but the task definition and the time of the last change.
    pub(crate) fn rest(self, sandbox: &Sandbox) -> Value {
        let mut kept = self.read(sandbox);
        if let Some(named) = kept.pointer_mut(self.definition()) {
            *named = Value::Null;
        }
        kept.as_object_mut().unwrap().remove("LastModificationDate");
        kept
    }

    /// Where its task definition stands.
    pub(crate) fn definition(self) -> &'static str {
        match self {
            Self::Target(..) => "/EcsParameters/TaskDefinitionArn",
            Self::Schedule(..) => "/Target/EcsParameters/TaskDefinitionArn",
        }
    }

    /// Somebody else gives this member another value.
    pub(crate) fn change(self, sandbox: &Sandbox, member: &str, value: Value) {
        let mut kept = self.read(sandbox);
        *kept.pointer_mut(member).unwrap() = value;
        match self {
            Self::Target(bus, rule, _) => {
                let request = json!({ "Rule": rule, "EventBusName": bus, "Targets": [kept] });
                call_events(sandbox, "PutTargets", request);
            }
            Self::Schedule(..) => {
                for read_only in ["Arn", "CreationDate", "LastModificationDate"] {
                    kept.as_object_mut().unwrap().remove(read_only);
                }
                sandbox.call_scheduler("UpdateSchedule", kept).unwrap();
            }
        }
    }

    /// Somebody else lets it start this task definition.
    pub(crate) fn start(self, sandbox: &Sandbox, definition: &str) {
        self.change(sandbox, self.definition(), json!(definition));
    }
}

/// What all of them name, in the order of [`ALL`].
pub(crate) fn named(sandbox: &Sandbox) -> [String; 4] {
    ALL.map(|place| place.names(sandbox))
}

/// Everything of all rules and schedules that no deployment may change.
pub(crate) fn unchanging(sandbox: &Sandbox) -> Vec<Value> {
    let rests = ALL.iter().map(|place| place.rest(sandbox));
    rests.chain(OTHERS.iter().map(|place| place.read(sandbox))).collect()
}
