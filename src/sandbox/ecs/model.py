"""Writes model.json: the request members of the ECS operations that the embedded AWS answers.

Source: the ECS service model that the PyPI package botocore ships. Run it after `pip install botocore`:
    python3 src/sandbox/ecs/model.py > src/sandbox/ecs/model.json
"""

import json
import sys

import botocore
import botocore.loaders

OPERATIONS = """
CreateCluster CreateService DeleteService DeregisterTaskDefinition DescribeClusters DescribeServiceDeployments
DescribeServiceRevisions DescribeServices DescribeTaskDefinition DescribeTasks ListClusters ListServiceDeployments
ListServices ListTaskDefinitions ListTasks RegisterTaskDefinition StopServiceDeployment UpdateService
""".split()
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


model = botocore.loaders.Loader().load_service_model("ecs", "service-2")
operations = {name: model["operations"][name]["input"]["shape"] for name in OPERATIONS}
shapes, waiting = {}, list(operations.values())
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
