"""A schedule of EventBridge Scheduler that starts tasks of Amazon ECS.

As in the real provider, every update sends the whole schedule, since Scheduler resets what is left out; and what Scheduler
fills in is read back. Only what neither Terraform nor Scheduler has a value for is taken for the same."""

from datetime import UTC, datetime

from aws import Refused, scheduler

# What Scheduler says of a schedule that was made without it, where the emulator says nothing.
RETRY_POLICY = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}

# Of the resource, and the members that they are sent as.
TOP = {
    "name": "Name",
    "group_name": "GroupName",
    "description": "Description",
    "schedule_expression": "ScheduleExpression",
    "schedule_expression_timezone": "ScheduleExpressionTimezone",
    "state": "State",
    "kms_key_arn": "KmsKeyArn",
    "action_after_completion": "ActionAfterCompletion",
}
# In seconds since 1970 on the wire, and in UTC in the state.
DATES = {"start_date": "StartDate", "end_date": "EndDate"}
WINDOW = {"mode": "Mode", "maximum_window_in_minutes": "MaximumWindowInMinutes"}
TARGET = {"arn": "Arn", "role_arn": "RoleArn", "input": "Input"}
RETRY = {
    "maximum_event_age_in_seconds": "MaximumEventAgeInSeconds",
    "maximum_retry_attempts": "MaximumRetryAttempts",
}
TASKS = {
    "task_definition_arn": "TaskDefinitionArn",
    "task_count": "TaskCount",
    "launch_type": "LaunchType",
    "platform_version": "PlatformVersion",
    "propagate_tags": "PropagateTags",
    "enable_ecs_managed_tags": "EnableECSManagedTags",
    "enable_execute_command": "EnableExecuteCommand",
    "group": "Group",
    "reference_id": "ReferenceId",
}
# These have their members in small letters.
CAPACITY = {"capacity_provider": "capacityProvider", "weight": "weight", "base": "base"}
STRATEGY = {"type": "type", "field": "field"}
CONSTRAINT = {"type": "type", "expression": "expression"}


class Schedule:
    TYPE = "aws_scheduler_schedule"

    def replaces(self, attribute):
        return attribute in ("name", "name_prefix", "group_name", "region")

    def create(self, planned, schema):
        arn = scheduler("POST", f"/schedules/{planned['name']}", body=request(planned))["ScheduleArn"]
        group, name = arn.split("/")[-2:]
        return self.read(planned | {"group_name": group, "name": name}, schema)

    def read(self, current, schema):
        try:
            found = scheduler("GET", f"/schedules/{current['name']}", groupName=current["group_name"])
        except Refused as refused:
            if refused.code == "ResourceNotFoundException":
                return None
            raise
        return settled(current, current | state(found))

    def update(self, current, planned, schema):
        scheduler("PUT", f"/schedules/{planned['name']}", body=request(planned))
        return self.read(planned, schema)

    def imported(self, name, schema):
        group, name = name.split("/")
        empty = dict.fromkeys(schema["attributes"])
        return self.read(empty | {"group_name": group, "name": name}, schema)

    def delete(self, current):
        scheduler("DELETE", f"/schedules/{current['name']}", groupName=current["group_name"])


def request(planned):
    (target,) = planned["target"]
    if other := [
        name
        for name, value in target.items()
        if value and name.endswith("_parameters") and name != "ecs_parameters"
    ]:
        raise Refused("CreateSchedule", {"__type": "StandIn", "message": f"cannot make {other}"})
    (tasks,) = target["ecs_parameters"]
    parameters = sent(TASKS, tasks)
    if tasks["network_configuration"]:
        (network,) = tasks["network_configuration"]
        addresses = {"AssignPublicIp": "ENABLED" if network["assign_public_ip"] else "DISABLED"}
        groups = {"SecurityGroups": network["security_groups"]} if network["security_groups"] else {}
        parameters["NetworkConfiguration"] = {
            "awsvpcConfiguration": addresses | groups | {"Subnets": network["subnets"]}
        }
    for name, member, names in (
        ("capacity_provider_strategy", "CapacityProviderStrategy", CAPACITY),
        ("placement_strategy", "PlacementStrategy", STRATEGY),
        ("placement_constraints", "PlacementConstraints", CONSTRAINT),
    ):
        if tasks[name]:
            parameters[member] = [sent(names, one) for one in tasks[name]]
    whole = sent(TARGET, target) | {"EcsParameters": parameters}
    for letters in target["dead_letter_config"]:
        whole["DeadLetterConfig"] = {"Arn": letters["arn"]}
    for policy in target["retry_policy"]:
        whole["RetryPolicy"] = sent(RETRY, policy)
    (window,) = planned["flexible_time_window"]
    dates = {member: seconds(text) for member, text in sent(DATES, planned).items()}
    return sent(TOP, planned) | dates | {"FlexibleTimeWindow": sent(WINDOW, window), "Target": whole}


def state(found):
    target = found["Target"]
    parameters = target["EcsParameters"]
    network = parameters.get("NetworkConfiguration", {}).get("awsvpcConfiguration")
    tasks = told(TASKS, parameters) | {
        "tags": None,
        "network_configuration": [
            {
                "assign_public_ip": network.get("AssignPublicIp") == "ENABLED",
                "security_groups": network.get("SecurityGroups"),
                "subnets": network["Subnets"],
            }
        ]
        if network
        else [],
        "capacity_provider_strategy": [
            told(CAPACITY, one) for one in parameters.get("CapacityProviderStrategy", [])
        ],
        "placement_strategy": [told(STRATEGY, one) for one in parameters.get("PlacementStrategy", [])],
        "placement_constraints": [
            told(CONSTRAINT, one) for one in parameters.get("PlacementConstraints", [])
        ],
    }
    dates = {name: time and in_utc(time) for name, time in told(DATES, found).items()}
    return (
        told(TOP, found)
        | dates
        | {
            "id": f"{found['GroupName']}/{found['Name']}",
            "arn": found["Arn"],
            "name_prefix": "",
            "flexible_time_window": [told(WINDOW, found["FlexibleTimeWindow"])],
            "target": [
                told(TARGET, target)
                | {
                    "ecs_parameters": [tasks],
                    "dead_letter_config": [
                        {"arn": one["Arn"]} for one in [target.get("DeadLetterConfig")] if one
                    ],
                    "retry_policy": [told(RETRY, RETRY_POLICY | (target.get("RetryPolicy") or {}))],
                    "eventbridge_parameters": [],
                    "kinesis_parameters": [],
                    "sagemaker_pipeline_parameters": [],
                    "sqs_parameters": [],
                }
            ],
        }
    )


def sent(names, values):
    return {member: values[name] for name, member in names.items() if values[name] not in (None, "")}


def told(names, values):
    return {name: values.get(member) for name, member in names.items()}


def seconds(text):
    return int(datetime.fromisoformat(text).timestamp())


def in_utc(time):
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def settled(former, read):
    """What was read; where it is no value, and the former one was none either, the former."""
    if isinstance(former, dict) and isinstance(read, dict):
        return {name: settled(former.get(name), value) for name, value in read.items()}
    if isinstance(former, list) and isinstance(read, list) and len(former) == len(read) == 1:
        return [settled(former[0], read[0])]
    empty = (None, "", [], {})
    return former if former in empty and read in empty else read
