"""Takes the schema of the AWS resources that pipeline/ uses out of a package of the real provider's bindings.

    python schema.py cdktf_cdktf_provider_aws-21.22.1-py3-none-any.whl > schema.json

`pip download --no-deps cdktf-cdktf-provider-aws==21.22.1` fetches the package. It was generated from the schema of
hashicorp/aws 6.25.0: every attribute's and block's name, type and nesting, and whether it must be given. It does not
tell what forces a replacement, what the provider computes when it is not given, what it validates or suppresses.
"""

import json
import re
import sys
import tarfile
import zipfile

PROVIDER, VERSION = "registry.terraform.io/hashicorp/aws", "6.25.0"

RESOURCES = """
    cloudwatch_log_group cloudwatch_log_metric_filter cloudwatch_metric_alarm codebuild_project codepipeline
    codepipeline_custom_action_type codestarconnections_connection ecr_lifecycle_policy ecr_repository ecs_cluster
    ecs_service ecs_task_definition iam_role iam_role_policy kms_key s3_bucket s3_bucket_lifecycle_configuration
    s3_bucket_ownership_controls s3_bucket_policy s3_bucket_public_access_block
    s3_bucket_server_side_encryption_configuration s3_bucket_versioning scheduler_schedule security_group ssm_parameter
    vpc_security_group_egress_rule
""".split()
DATA_SOURCES = "caller_identity partition region".split()

SIMPLE = {"string": "string", "number": "number", "boolean": "bool"}
COLLECTED = {
    "stringMap": "string",
    "stringList": "string",
    "numberMap": "number",
    "numberList": "number",
    "booleanMap": "bool",
}

# What looks as if it could be set, and is filled in by the provider in every resource that has it.
FILLED_IN = {"arn", "id", "tags_all"}

# One entry of what the bindings say when they write a resource, or a block of it, as HCL.
ENTRY = re.compile(
    r"""^\s+(?P<name>\w+):\s\{\n
        \s+value:\s(?P<value>.*),\n
        \s+isBlock:\s(?P<is_block>true|false),\n
        \s+type:\s"(?P<type>\w+)",\n
        \s+storageClassType:\s"(?P<storage>\w+)",\n""",
    re.MULTILINE | re.VERBOSE,
)
COMPUTED_TYPES = {
    "getStringAttribute": "string",
    "getNumberAttribute": "number",
    "getBooleanAttribute": "bool",
    "getStringMapAttribute": ["map", "string"],
    "getListAttribute": ["list", "string"],
}


class Bindings:
    """The generated JavaScript of one resource or data source, and the types beside it."""

    def __init__(self, package, folder):
        read = lambda file: package.extractfile(f"package/lib/{folder}/{file}").read().decode()
        self.code = read("index.js").split("//# sourceMappingURL", 1)[0]
        self.types = read("index.d.ts")

    def schema(self):
        entries = self.code.split("synthesizeHclAttributes() {", 1)[1].split("// remove undefined", 1)[0]
        config = re.search(r"export interface (\w+Config) extends cdktf\.TerraformMetaArguments", self.types)
        block = self.block(entries, self.required(config[1]))
        self.add_computed(block["attributes"], config[1].removesuffix("Config"))
        return block

    def block(self, entries, required):
        block = {"attributes": {}, "blocks": {}}
        for entry in ENTRY.finditer(entries):
            must = entry["name"] in required
            nested = re.search(r"(\w+)ToHclTerraform", entry["value"].replace("cdktf.listMapperHcl(", ""))
            if entry["is_block"] == "true":
                block["blocks"][entry["name"]] = self.nested(nested[1], entry, must)
            else:
                type_ = attribute_type(entry)
                mode = "optional_computed" if entry["name"] in FILLED_IN else "optional"
                block["attributes"][entry["name"]] = {"type": type_, "mode": "required" if must else mode}
        return block

    def nested(self, function, entry, must):
        start = self.code.index(f"function {function}ToHclTerraform(")
        entries = self.code[start:].split("// remove undefined", 1)[0]
        block = self.block(entries, self.required(function[0].upper() + function[1:]))
        # Where one block at most is allowed, the bindings have one and no list of them.
        one = "listMapperHcl" not in entry["value"]
        nesting = {"list": "list", "set": "set", "struct": "single"}[entry["type"]]
        return {"nesting": nesting, "max": 1 if one else 0, "min": 1 if must else 0} | block

    def required(self, interface):
        body = self.types.split(f"export interface {interface} ", 1)[1].split("\n}", 1)[0]
        return {snake(name) for name in re.findall(r"readonly (\w+): ", body)}

    def add_computed(self, attributes, class_name):
        """What can be read and not be set."""
        body = self.code.split(f"class {class_name} extends cdktf.Terraform", 1)[1]
        settable = set(re.findall(r"^    set (\w+)\(", body, re.MULTILINE))
        getter = re.compile(
            r"^    get (\w+)\(\) \{\n\s+return (?:cdktf\.Fn\.tolist\()?this\.(\w+)\('(\w+)'\)", re.MULTILINE
        )
        for name, method, attribute in getter.findall(body):
            if name not in settable and method in COMPUTED_TYPES:
                attributes[attribute] = {"type": COMPUTED_TYPES[method], "mode": "computed"}


def attribute_type(entry):
    if entry["type"] == "simple":
        return SIMPLE[entry["storage"]]
    return [entry["type"], COLLECTED[entry["storage"]]]


def snake(name):
    return re.sub(r"([A-Z0-9]+)", lambda found: "_" + found[1].lower(), name).replace("__", "_")


def main(wheel):
    with zipfile.ZipFile(wheel) as archive:
        bindings = next(name for name in archive.namelist() if name.endswith(".jsii.tgz"))
        with archive.open(bindings) as file, tarfile.open(fileobj=file, mode="r:gz") as package:
            members = {
                name: folder
                for names, prefix in ((RESOURCES, ""), (DATA_SOURCES, "data-aws-"))
                for name, folder in ((name, prefix + name.replace("_", "-")) for name in names)
            }
            schemas = {name: Bindings(package, folder).schema() for name, folder in members.items()}
    for name in DATA_SOURCES:
        # A data source answers what it is not asked with.
        for attribute in schemas[name]["attributes"].values():
            attribute["mode"] = (
                attribute["mode"]
                .replace("optional_computed", "optional")
                .replace("optional", "optional_computed")
            )
    document = {
        "provider": PROVIDER,
        "version": VERSION,
        "package": wheel.rsplit("/", 1)[-1],
        "resources": {f"aws_{name}": schemas[name] for name in RESOURCES},
        "data_sources": {f"aws_{name}": schemas[name] for name in DATA_SOURCES},
    }
    print(dump(document))


def dump(value, depth=0):
    """JSON with one attribute to a line, for readable differences."""
    if not isinstance(value, dict) or "mode" in value or not value:
        return json.dumps(value)
    indent = " " * (depth + 1)
    members = ",\n".join(f"{indent}{json.dumps(key)}: {dump(value[key], depth + 1)}" for key in value)
    return "{\n" + members + "\n" + " " * depth + "}"


main(*sys.argv[1:])
