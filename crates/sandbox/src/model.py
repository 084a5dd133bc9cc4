"""Writes a service's model.json: what the requests that the embedded AWS answers are made of.

Source: the service models that the PyPI package botocore ships. Run it after `pip install botocore`:
    python3 crates/sandbox/src/model.py ecs > crates/sandbox/src/ecs/model.json
    python3 crates/sandbox/src/model.py codepipeline > crates/sandbox/src/codepipeline/model.json
    python3 crates/sandbox/src/model.py ecr > crates/sandbox/src/ecr/model.json
    python3 crates/sandbox/src/model.py logs > crates/sandbox/src/logs/model.json
    python3 crates/sandbox/src/model.py events > crates/sandbox/src/events/model.json
    python3 crates/sandbox/src/model.py scheduler > crates/sandbox/src/scheduler/model.json
"""

import json
import sys

import botocore
import botocore.loaders

OPERATIONS = {
    "ecs": """
ContinueServiceDeployment CreateCluster CreateService DeleteService DeregisterTaskDefinition DescribeClusters DescribeServiceDeployments
DescribeServiceRevisions DescribeServices DescribeTaskDefinition DescribeTasks ListClusters ListServiceDeployments
ListServices ListTaskDefinitions ListTasks RegisterTaskDefinition RunTask StopServiceDeployment StopTask UpdateService
""".split(),
    "ecr": ["BatchGetImage", "DescribeImages", "DescribePullThroughCacheRules", "GetDownloadUrlForLayer"],
    "logs": ["GetLogEvents"],
    "events": """
CreateEventBus DeleteRule DescribeRule ListEventBuses ListRuleNamesByTarget ListTargetsByRule PutEvents PutRule PutTargets RemoveTargets
""".split(),
    "scheduler": """
CreateSchedule CreateScheduleGroup DeleteSchedule GetSchedule ListSchedules UpdateSchedule
""".split(),
    "codepipeline": """
AcknowledgeJob CreateCustomActionType GetJobDetails PollForJobs PutJobFailureResult PutJobSuccessResult
""".split(),
}
# Shapes of no request that are checked as well: what a job is made from has limits too.
FURTHER = {"codepipeline": ["JobData"]}
KEPT = ("type", "members", "required", "member", "key", "value", "enum", "min", "max", "pattern")


def slim(shape):
    kept = {name: shape[name] for name in KEPT if name in shape}
    if "members" in kept:
        kept["members"] = {name: member["shape"] for name, member in kept["members"].items()}
    for name in ("member", "key", "value"):
        if name in kept:
            kept[name] = kept[name]["shape"]
    return kept


def children(shape):
    yield from shape.get("members", {}).values()
    yield from (shape[name] for name in ("member", "key", "value") if name in shape)


service = sys.argv[1]
model = botocore.loaders.Loader().load_service_model(service, "service-2")
operations = {name: model["operations"][name]["input"]["shape"] for name in OPERATIONS[service]}
shapes, waiting = {}, [*operations.values(), *FURTHER.get(service, [])]
while waiting:
    name = waiting.pop()
    if name not in shapes:
        shapes[name] = slim(model["shapes"][name])
        waiting.extend(children(shapes[name]))
json.dump(
    {"source": f"botocore {botocore.__version__}", "operations": operations, "shapes": shapes},
    sys.stdout, indent=1, sort_keys=True,
)
print()
