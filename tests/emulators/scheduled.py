"""Sets up and reads what starts tasks by the clock on one emulator, as JSON as it goes over the wire: rules of EventBridge
with their targets, and schedules of EventBridge Scheduler.

    python scheduled.py create URL < JSON    makes them, all of them of the task definition in the input
    python scheduled.py read URL             prints them
"""

import json
import sys

import boto3
from botocore.config import Config

COMMON = {
    "region_name": "eu-central-1",
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
    "config": Config(retries={"total_max_attempts": 1}, parameter_validation=False),
}
CLUSTER, ROLE = "arn:aws:ecs:eu-central-1:000000000000:cluster/prod", "arn:aws:iam::000000000000:role/starter"


class Raw:
    """A client that sends bodies as they are given, and gives them as they are received, so that members that the SDK does
    not know are neither dropped nor hidden."""

    def __init__(self, service, url):
        self.client, self.body = boto3.client(service, endpoint_url=url, **COMMON), None
        self.client.meta.events.register(f"before-call.{service}", self._put_body)
        self.client.meta.events.register(f"before-parse.{service}", self._take_body)

    def call(self, operation, body=None, **members):
        self.body = body
        getattr(self.client, operation)(**members)
        return self.answer

    def _put_body(self, params, **_):
        if self.body is not None:
            params["body"] = json.dumps(self.body).encode()

    def _take_body(self, response_dict, **_):
        self.answer = json.loads(response_dict["body"])


def target(name, definition):
    return {
        "Id": name,
        "Arn": CLUSTER,
        "RoleArn": ROLE,
        "Input": json.dumps({"containerOverrides": [{"name": "app", "command": ["report"]}]}),
        "EcsParameters": {
            "TaskDefinitionArn": definition,
            "TaskCount": 2,
            "LaunchType": "FARGATE",
            "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": ["subnet-1"], "AssignPublicIp": "DISABLED"}},
            "PropagateTags": "TASK_DEFINITION",
            "FutureFlag": False,
        },
        "DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-central-1:000000000000:dead"},
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
        "FutureMember": {"Deep": [1, {"Empty": {}}]},
    }


def schedule(group, definition, **further):
    return {
        "GroupName": group,
        "ScheduleExpression": "cron(0 3 * * ? *)",
        "ScheduleExpressionTimezone": "Europe/Vienna",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        "Description": "The report",
        "Target": {
            "Arn": CLUSTER,
            "RoleArn": ROLE,
            "Input": "{}",
            "EcsParameters": {"TaskDefinitionArn": definition, "LaunchType": "FARGATE", "FutureFlag": [None, 0]},
            "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
        },
        **further,
    }


def create(url):
    events, scheduler = Raw("events", url), Raw("scheduler", url)
    asked = json.load(sys.stdin)
    mine, other = asked["definition"], asked["other"]
    events.call("create_event_bus", {"Name": "shop"})
    nightly = {"Name": "nightly", "ScheduleExpression": "cron(0 3 * * ? *)", "State": "DISABLED"}
    events.call("put_rule", nightly)
    events.call("put_rule", {"Name": "paid", "EventBusName": "shop", "EventPattern": '{"source":["shop"]}'})
    events.call("put_targets", {"Rule": "nightly", "Targets": [target("report", mine), target("other", other)]})
    events.call("put_targets", {"Rule": "paid", "EventBusName": "shop", "Targets": [target("receipt", mine)]})
    scheduler.call("create_schedule_group", {}, Name="night")
    disabled = schedule("night", mine, State="DISABLED", EndDate=4102444800, KmsKeyArn="arn:aws:kms:eu-central-1:1:key/1")
    scheduler.call("create_schedule", disabled, Name="report")
    scheduler.call("create_schedule", schedule("default", mine), Name="digest")
    scheduler.call("create_schedule", schedule("default", other), Name="other")
    return read(url)


def read(url):
    events, scheduler = Raw("events", url), Raw("scheduler", url)
    buses = {"default": "nightly", "shop": "paid"}
    rules = [{"Name": rule, "EventBusName": bus} for bus, rule in buses.items()]
    targets = [{"Rule": rule, "EventBusName": bus} for bus, rule in buses.items()]
    named = [("night", "report"), ("default", "digest"), ("default", "other")]
    return {
        "rules": [events.call("describe_rule", rule) for rule in rules],
        "targets": [sorted(events.call("list_targets_by_rule", rule)["Targets"], key=lambda it: it["Id"]) for rule in targets],
        "schedules": [scheduler.call("get_schedule", GroupName=group, Name=name) for group, name in named],
    }


command, url = sys.argv[1:]
json.dump({"create": create, "read": read}[command](url), sys.stdout)
