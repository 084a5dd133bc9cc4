"""What the stand-in does with the resources of pipeline/terraform/service: it makes, reads, changes and deletes them by
AWS's API; schedules are in a file of their own. It is plainer than the real provider: what AWS answers goes into the state as it is, and no
difference is suppressed. A module whose plan stays empty here does not lean on the real one's leniency.

A state is the attributes of one resource by name; a block is a list of such."""

import json

from aws import ACCOUNT, REGION, Refused, ecs, ssm
from schedules import Schedule

# Names that do not follow from the ones in HCL.
RENAMED = {
    "volume": "volumes",
    "size_in_gib": "sizeInGiB",
    "fsx_windows_file_server_volume_configuration": "fsxWindowsFileServerVolumeConfiguration",
}


def camel(name):
    head, *tail = name.split("_")
    return RENAMED.get(name) or head + "".join(word.capitalize() for word in tail)


def wire(state, schema, names):
    """The members of a request that `names`, attributes and blocks, stand for; nothing for what is not set."""
    request = {}
    for name in names:
        value = state.get(name)
        if value in (None, []):
            continue
        if name == "host_path":
            request["host"] = {"sourcePath": value}
        elif block := schema["blocks"].get(name):
            inner = [wire(item, block, [*block["attributes"], *block["blocks"]]) for item in value]
            request[camel(name)] = inner[0] if block["max"] == 1 else inner
        else:
            request[camel(name)] = value
    return request


def tags(state):
    return [{"key": key, "value": value} for key, value in (state.get("tags") or {}).items()]


class TaskDefinition:
    TYPE = "aws_ecs_task_definition"
    IN_PLACE = {"skip_destroy", "track_latest", "tags", "tags_all"}
    NOT_SENT = IN_PLACE | {"id", "region", "container_definitions", "arn", "arn_without_revision", "revision"}

    def replaces(self, attribute):
        return attribute not in self.IN_PLACE

    def create(self, planned, schema):
        names = [name for name in [*schema["attributes"], *schema["blocks"]] if name not in self.NOT_SENT]
        request = wire(planned, schema, names)
        request["containerDefinitions"] = json.loads(planned["container_definitions"])
        if planned.get("tags"):
            request["tags"] = tags(planned)
        made = ecs("RegisterTaskDefinition", **request)["taskDefinition"]
        return planned | self.computed(made) | {"id": made["family"], "tags_all": planned.get("tags") or {}}

    def read(self, current, schema):
        try:
            found = ecs("DescribeTaskDefinition", taskDefinition=current["arn"], include=["TAGS"])
        except Refused:
            return None
        # Like the real provider, which forgets a revision that somebody deregistered.
        if found["taskDefinition"]["status"] != "ACTIVE":
            return None
        read = {tag["key"]: tag["value"] for tag in found.get("tags", [])}
        return (
            current
            | self.computed(found["taskDefinition"])
            | {
                "container_definitions": json.dumps(found["taskDefinition"]["containerDefinitions"]),
                "tags": read or current["tags"] and {},
            }
        )

    def update(self, current, planned, schema):
        # No tags are as good as none.
        changed = {
            name for name in planned if planned[name] != current[name] and (planned[name] or current[name])
        }
        if changed - {"skip_destroy", "track_latest"}:
            raise Refused("update", {"__type": "StandIn", "message": f"cannot change {changed} in place"})
        return planned

    def imported(self, name, schema):
        """The state of a revision that Terraform did not make: what AWS tells of it."""
        made = ecs("DescribeTaskDefinition", taskDefinition=name)["taskDefinition"]
        if unknown := [block for block in schema["blocks"] if made.get(camel(block))]:
            raise Refused("import", {"__type": "StandIn", "message": f"cannot import {unknown}"})
        # An emulator may tell an empty text where AWS tells nothing.
        return {attribute: made.get(camel(attribute)) or None for attribute in schema["attributes"]} | {
            "id": made["family"],
            "arn": made["taskDefinitionArn"],
            "tags": None,
            "tags_all": {},
            "container_definitions": json.dumps(made["containerDefinitions"]),
        }

    def delete(self, current):
        if not current["skip_destroy"]:
            ecs("DeregisterTaskDefinition", taskDefinition=current["arn"])

    def computed(self, made):
        arn = made["taskDefinitionArn"]
        return {"arn": arn, "arn_without_revision": arn.rsplit(":", 1)[0], "revision": made["revision"]}


class Service:
    TYPE = "aws_ecs_service"
    REPLACING = {"name", "cluster", "launch_type", "scheduling_strategy", "iam_role", "region"}
    SENT = ["cluster", "task_definition", "desired_count", "launch_type"]

    def replaces(self, attribute):
        return attribute in self.REPLACING

    def create(self, planned, schema):
        request = wire(planned, schema, self.SENT) | {"serviceName": planned["name"]}
        if network := planned["network_configuration"]:
            request["networkConfiguration"] = {
                "awsvpcConfiguration": {
                    "subnets": network[0]["subnets"],
                    "securityGroups": network[0]["security_groups"] or [],
                    "assignPublicIp": "ENABLED" if network[0]["assign_public_ip"] else "DISABLED",
                }
            }
        arn = ecs("CreateService", **request)["service"]["serviceArn"]
        return planned | {"id": arn, "arn": arn, "tags_all": planned.get("tags") or {}}

    def read(self, current, schema):
        found = ecs("DescribeServices", cluster=current["cluster"], services=[current["name"]])["services"]
        if not found or found[0]["status"] != "ACTIVE":
            return None
        live = {"task_definition": found[0]["taskDefinition"], "desired_count": found[0]["desiredCount"]}
        return current | live

    def update(self, current, planned, schema):
        changed = [name for name in self.SENT if planned[name] != current[name]]
        if not changed:
            return planned
        request = wire(planned, schema, changed)
        ecs("UpdateService", cluster=planned["cluster"], service=planned["name"], **request)
        return planned

    def delete(self, current):
        ecs("DeleteService", cluster=current["cluster"], service=current["name"], force=True)


class Parameter:
    TYPE = "aws_ssm_parameter"

    def replaces(self, attribute):
        return attribute in ("name", "data_type", "region")

    def create(self, planned, schema):
        version = self.put(planned, overwrite=False)
        arn = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{planned['name'].removeprefix('/')}"
        filled = {"id": planned["name"], "arn": arn, "version": version, "has_value_wo": False}
        return planned | filled | {"tags_all": planned.get("tags") or {}}

    def read(self, current, schema):
        try:
            found = ssm("GetParameter", Name=current["name"], WithDecryption=True)["Parameter"]
        except Refused as refused:
            if refused.code == "ParameterNotFound":
                return None
            raise
        value = "insecure_value" if current["insecure_value"] is not None else "value"
        return current | {value: found["Value"], "version": found["Version"]}

    def update(self, current, planned, schema):
        # Like the real provider, which writes the value with any change but that of the tags.
        if all(planned[name] == current[name] for name in planned if name not in ("tags", "tags_all")):
            return planned
        return planned | {"version": self.put(planned, overwrite=True)}

    def imported(self, name, schema):
        # As `value`, like the real provider does it as well.
        return dict.fromkeys(schema["attributes"]) | {
            "id": name,
            "name": name,
            "type": "String",
            "tags_all": {},
            "value": "",
            "has_value_wo": False,
            "arn": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{name.removeprefix('/')}",
        }

    def delete(self, current):
        ssm("DeleteParameter", Name=current["name"])

    def put(self, planned, overwrite):
        value = planned["insecure_value"] if planned["insecure_value"] is not None else planned["value"]
        put = ssm(
            "PutParameter", Name=planned["name"], Type=planned["type"], Value=value, Overwrite=overwrite
        )
        return put["Version"]


RESOURCES = {resource.TYPE: resource for resource in (TaskDefinition(), Service(), Parameter(), Schedule())}
