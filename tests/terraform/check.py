"""All that `run` runs, once the Python packages are there."""

import argparse
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

import mirror

REPOSITORY = Path(__file__).parent.parent.parent
HOME = REPOSITORY / "target/terraform"
TERRAFORM = REPOSITORY / "pipeline/terraform"
TEMPLATE = REPOSITORY / "pipeline/cloudformation/evenkeel.yaml"
COUNTS = re.compile(r"(\d+) passed, (\d+) failed")


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def note(self, what, problem=None):
        self.passed, self.failed = self.passed + (problem is None), self.failed + (problem is not None)
        print(f"{'ok  ' if problem is None else 'FAIL'} {what}", flush=True)
        if problem:
            print("     " + problem.strip().replace("\n", "\n     "), flush=True)

    def add(self, what, output):
        """The counts that another program closes with."""
        found = COUNTS.findall(output)
        passed, failed = map(int, found[-1]) if found else (0, 1)
        self.passed, self.failed = self.passed + passed, self.failed + failed
        print(f"{'FAIL' if failed else 'ok  '} {what}: {passed} passed, {failed} failed", flush=True)
        return failed

    def skip(self, what, why):
        self.skipped += 1
        print(f"skipped: {what}: {why}", flush=True)


def run(*command, cwd=REPOSITORY):
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def modules(tally):
    """Every folder with Terraform in it: formatted, with the provider's own names, and tested where it has tests."""
    status, told = run("terraform", "fmt", "-check", "-diff", "-recursive", "pipeline", "tests/terraform")
    tally.note("terraform fmt", told if status else None)
    status, told = run(sys.executable, "-B", REPOSITORY / "tests/terraform/inputs.py", "--check")
    tally.note("the tables in the modules' READMEs", told if status else None)
    work = copy("modules")
    for folder in sorted({file.parent for file in (work / "terraform").rglob("*.tf")}):
        name = folder.relative_to(work.parent)
        status, told = run("terraform", "init", "-input=false", "-no-color", cwd=folder)
        if not status:
            status, told = run("terraform", "validate", "-no-color", cwd=folder)
        tally.note(f"terraform init, validate: {name}", told if status else None)
        if not status and (folder / "tests").is_dir():
            status, told = run("terraform", "test", "-no-color", cwd=folder)
            if tally.add(f"terraform test: {name}", told):
                print(told)


def examples(tally):
    """The examples can be planned as a whole before any of it is there."""
    network = {"subnets": ["subnet-1"], "security_groups": ["sg-1"]}
    for name, variables in (
        ("service", {"cluster": "prod"}),
        ("pipeline", {"vpc_id": "vpc-1", "evenkeel_image": "evenkeel:1", "repository": "shop/web"}),
    ):
        plan = planned(f"examples/{name}", **network, **variables)
        made = {change["change"]["actions"][0] for change in plan["resource_changes"]} - {"no-op", "read"}
        tally.note(f"terraform plan: examples/{name}", None if made == {"create"} else f"it would {made}")


def names(tally):
    """That the schema of the stand-in refuses what the real provider does not have."""
    folder = copy("names") / "terraform/service"
    run("terraform", "init", "-input=false", cwd=folder)
    for file, right, wrong in (
        ("task_definition.tf", "skip_destroy = true", "skip_destruction = true"),
        ("service.tf", "deployment_circuit_breaker {", "circuit_breaker {"),
    ):
        text = (folder / file).read_text()
        assert right in text, f"{right} is not in {file}"
        (folder / file).write_text(text.replace(right, wrong))
        status, told = run("terraform", "validate", "-no-color", cwd=folder)
        is_named = status and wrong.split()[0] in told
        tally.note(f"`{wrong}` is refused", None if is_named else told)
        (folder / file).write_text(text)
    used = {
        name
        for file in TERRAFORM.rglob("*.tf")
        for name in re.findall(r'^(?:resource|data) "(aws_\w+)"', file.read_text(), re.M)
    }
    schema = json.loads((mirror.PROVIDER / "schema.json").read_text())
    known = {*schema["resources"], *schema["data_sources"]}
    tally.note("every resource is in the schema", None if used <= known else f"these are not: {used - known}")


def static_checks(tally):
    checkov = HOME / "checkov/bin/checkov"
    if not checkov.exists():
        tally.skip("checkov", "it cannot be installed")
    else:
        command = [checkov, "--directory", "pipeline", "--output", "json"]
        # What it says on standard error is that it cannot call home.
        told = subprocess.run(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ).stdout
        results = [report["results"] for report in json.loads(told)]
        failed = [
            f"{one['check_id']} {one['resource']}: {one['check_name']}"
            for each in results
            for one in each["failed_checks"]
        ]
        tally.note("checkov: no failed check", "\n".join(failed) or None)
        skipped = [one for each in results for one in each["skipped_checks"]]
        bare = [
            f"{one['check_id']} {one['resource']}"
            for one in skipped
            if " " not in (one["check_result"]["suppress_comment"] or "")
        ]
        tally.note(f"checkov: each of {len(skipped)} skips has a reason", "\n".join(bare) or None)
    status, told = run(HOME / "venv/bin/cfn-lint", TEMPLATE)
    tally.note("cfn-lint", told if status else None)


def action_type(tally, evenkeel):
    """The action type of the Terraform module and of the template is the one that Evenkeel prints."""
    printed = lambda *options: run(evenkeel, "action-type", "print", *options)[1]
    for region in (None, "eu-central-1", "us-gov-west-1"):
        options = ("--region", region) if region else ()
        expected = json.loads(printed(*options))
        seen = planned_action_type(region)
        tally.note(
            f"the action type of the Terraform module, for {region or 'any Region'}",
            difference(expected, seen),
        )
    expected = load_template(printed("--format", "cloudformation", "--region", "eu-central-1"))
    seen = load_template(TEMPLATE.read_text().replace("${AWS::Region}", "eu-central-1"))
    expected, seen = (
        one["Resources"][name]["Properties"]
        for one, name in ((expected, "EvenkeelActionType"), (seen, "ActionType"))
    )
    expected["Version"] = {"Ref": "ActionVersion"}
    tally.note("the action type of the CloudFormation template", difference(expected, seen))


def planned(module, **variables):
    """What a module would make of these variables, as `terraform show -json` tells it."""
    folder = copy(f"planned/{module}") / "terraform" / module
    write = lambda value: value if isinstance(value, str) else json.dumps(value)
    given = [f"-var={name}={write(value)}" for name, value in variables.items()]
    run("terraform", "init", "-input=false", cwd=folder)
    status, told = run("terraform", "plan", "-input=false", "-no-color", "-out=plan", *given, cwd=folder)
    if status:
        raise SystemExit(f"terraform plan of {module}: {told}")
    return json.loads(run("terraform", "show", "-json", "plan", cwd=folder)[1])


def planned_action_type(region):
    plan = planned("action-type", **({"console_region": region} if region else {}))
    (resource,) = plan["planned_values"]["root_module"]["resources"]
    values = resource["values"]
    artifacts = lambda block: {
        "minimumCount": block[0]["minimum_count"],
        "maximumCount": block[0]["maximum_count"],
    }
    return {
        "category": values["category"],
        "provider": values["provider_name"],
        "version": values["version"],
        "settings": {
            "entityUrlTemplate": values["settings"][0]["entity_url_template"],
            "executionUrlTemplate": values["settings"][0]["execution_url_template"],
        },
        "configurationProperties": [
            {name: value for name, value in one.items() if name != "queryable"}
            for one in values["configuration_property"]
        ],
        "inputArtifactDetails": artifacts(values["input_artifact_details"]),
        "outputArtifactDetails": artifacts(values["output_artifact_details"]),
    }


# One service, as the modules, the template and Evenkeel are told of it.
ARN = "arn:aws:ecs:eu-central-1:000000000000"
ROLES = ["arn:aws:iam::000000000000:role/execution", "arn:aws:iam::000000000000:role/task"]
OTHER_ROLE = "arn:aws:iam::111111111111:role/deploy"
SCHEDULE_ROLE = "arn:aws:iam::000000000000:role/schedule"
DEPLOYMENT = {
    "service_arn": f"{ARN}:service/prod/web",
    "family": "shop-web",
    "role_arns": ROLES,
    "repositories": ["shop/web"],
    "log_groups": ["/ecs/web"],
}
TOLD = [
    "--cluster",
    f"{ARN}:cluster/prod",
    "--service",
    "web",
    "--family",
    "shop-web",
    "--role",
    ",".join(ROLES),
    "--repository",
    "shop/web",
    "--log-group",
    "/ecs/web",
]


def policies(tally, evenkeel):
    """The policies of the modules and of the template are what `evenkeel policy` prints."""
    if run(evenkeel, "policy", "--help")[0]:
        tally.skip("the policies", "this binary has no command `policy`")
        return

    def printed(purpose, *options):
        return statements(
            json.loads(run(evenkeel, "policy", "--for", purpose, *TOLD, *options)[1].partition("note:")[0])
        )

    parameter = {"record_parameter_arn": "arn:aws:ssm:eu-central-1:000000000000:parameter/evenkeel/prod/web"}
    for record, arn in (
        ("ssm:/evenkeel/prod/web", parameter),
        (
            "tfstate:s3://records/prod/web.tfstate",
            {"record_object_arn": "arn:aws:s3:::records/prod/web.tfstate"},
        ),
    ):
        seen = planned("policy", deployments=[DEPLOYMENT | arn])["planned_values"]["outputs"]["json"]["value"]
        tally.note(
            f"the deploy policy with {record}",
            difference(printed("deploy", "--record", record), statements(json.loads(seen))),
        )

    # What a deployment does besides, each with its options of `evenkeel policy`.
    also = ["rule:nightly", "rule:orders/app@shop", "schedule:weekly", "schedule:shop/report"]
    schedule_roles = {"schedule_role_arns": [SCHEDULE_ROLE]}
    told_roles = ["--schedule-role", SCHEDULE_ROLE]
    for name, more, options in (
        ("one-off tasks", {"one_off_tasks": True}, ["--one-off-tasks"]),
        ("named schedules", schedule_roles | {"also": also}, [*told_roles, *each("--also", also)]),
        ("one schedule", schedule_roles | {"also": also[2:3]}, [*told_roles, "--also", also[2]]),
        ("schedules of the family", schedule_roles | {"also": ["family"]}, [*told_roles, "--also", "family"]),
    ):
        deployment = DEPLOYMENT | parameter | more
        seen = planned("policy", deployments=[deployment])["planned_values"]["outputs"]["json"]["value"]
        expected = printed("deploy", "--record", "ssm:/evenkeel/prod/web", *options)
        tally.note(f"the deploy policy with {name}", difference(expected, statements(json.loads(seen))))

    worker = {"cluster": "tools", "image": "evenkeel:1", "subnets": ["subnet-1"], "vpc_id": "vpc-1"}
    bucket = "s3://evenkeel-worker-claims-000000000000-eu-central-1/claims"
    for name, more, options in (
        ("", {}, []),
        (
            " with one-off tasks and schedules",
            schedule_roles | {"one_off_tasks": True, "also": also},
            ["--one-off-tasks", *told_roles, *each("--also", also)],
        ),
    ):
        seen = planned("worker", deployments=[DEPLOYMENT | parameter | more], **worker)
        expected = printed("worker", "--record", "ssm:/evenkeel/prod/web", "--claims", bucket, *options)
        tally.note(f"the worker's policy{name}", difference(expected, task_policy(seen)))
    # Without a service of its own it only assumes roles.
    expected = printed("worker", "--claims", bucket, "--assume-role", OTHER_ROLE)
    seen = planned("worker", deploy_role_arns=[OTHER_ROLE], **worker)
    tally.note("the worker's policy with a role to assume", difference(expected, task_policy(seen)))

    document = load_template(TEMPLATE.read_text())["Resources"]["TaskPolicy"]["Properties"]["PolicyDocument"]
    for name, conditions, options in (
        ("", set(), []),
        (" with one-off tasks", {"HasOneOffTasks"}, ["--one-off-tasks"]),
        (
            " with schedules",
            {"HasScheduledTasks", "HasScheduleRoles"},
            [*told_roles, "--also", "family"],
        ),
        (" with schedules without roles", {"HasScheduledTasks"}, ["--also", "family"]),
    ):
        expected = printed(
            "worker", "--record", "ssm:/evenkeel/prod/web", "--claims", "s3://the-claims/claims", *options
        )
        tally.note(
            f"the worker's policy in the CloudFormation template{name}",
            difference(expected, statements(filled(document, conditions))),
        )


def each(option, values):
    return [word for value in values for word in (option, value)]


def task_policy(plan):
    resources = plan["planned_values"]["root_module"]["resources"]
    (policy,) = (one["values"]["policy"] for one in resources if one["address"] == "aws_iam_role_policy.task")
    return statements(json.loads(policy))


def statements(policy):
    """By their names, with nothing of the order in which they and their resources come."""
    whole = lambda one: one | {"Action": sorted(one["Action"]), "Resource": sorted(one["Resource"])}
    return {one["Sid"]: whole(one) for one in policy["Statement"]}


def filled(value, conditions=frozenset()):
    """A part of the template with the parameters of the one service, where these conditions hold and no other does."""
    parameters = {
        "AWS::Partition": "aws",
        "AWS::Region": "eu-central-1",
        "AWS::AccountId": "000000000000",
        "Claims": "the-claims",
        "ActionVersion": "1",
        "DeployCluster": "prod",
        "DeployServices": "web",
        "DeployFamilies": "shop-web",
        "DeployTaskRoleArns": ROLES,
        "DeployRepositories": "shop/web",
        "DeployLogGroups": "/ecs/web",
        "DeployScheduleRoleArns": [SCHEDULE_ROLE],
        "RecordParameters": "evenkeel/prod/web",
    }
    if isinstance(value, list):
        return [one for one in (filled(part, conditions) for part in value) if one is not None]
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        condition, then, otherwise = value["Fn::If"]
        return filled(then if condition in conditions else otherwise, conditions)
    if "Ref" in value:
        return parameters.get(value["Ref"])
    if "Fn::Sub" in value:
        return re.sub(r"\$\{([\w:]+)\}", lambda found: parameters[found[1]], value["Fn::Sub"])
    return {name: filled(one, conditions) for name, one in value.items()}


class Template(yaml.SafeLoader):
    """YAML with CloudFormation's short functions."""


def short_function(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        # What has nothing to be put in is the text itself.
        value = loader.construct_scalar(node)
        return value if suffix == "Sub" and "${" not in value else {name: value}
    build = loader.construct_sequence if isinstance(node, yaml.SequenceNode) else loader.construct_mapping
    return {name: build(node, deep=True)}


Template.add_multi_constructor("!", short_function)


def load_template(text):
    return yaml.load(text, Template)


def difference(expected, seen):
    if expected == seen:
        return None
    write = functools.partial(json.dumps, indent=1, sort_keys=True)
    return f"expected: {write(expected)}\nseen: {write(seen)}"


def table(tally, evenkeel):
    if run(evenkeel, "record", "--help")[0]:
        tally.skip("what happens between Terraform and a pipeline", "this binary has no command `record`")
        return
    command = [sys.executable, "-B", str(REPOSITORY / "tests/terraform/play.py"), "--evenkeel", evenkeel]
    played = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = []
    for line in played.stdout:
        print("     " + line, end="", flush=True)
        lines.append(line)
    status = played.wait()
    if tally.add("what happens between Terraform and a pipeline", "".join(lines)) == 0 and status:
        tally.note("the table was played to its end", f"status {status}")


def copy(name):
    """A copy of pipeline/ to run Terraform in, so that nothing is left beside the modules."""
    work = HOME / "check" / name / "pipeline"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(REPOSITORY / "pipeline", work, ignore=shutil.ignore_patterns(".terraform*"))
    return work


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--evenkeel", default="")
    evenkeel = parser.parse_args().evenkeel
    must_run = bool(os.environ.get("EVENKEEL_TESTS_MUST_RUN"))
    os.environ.update(mirror.environment(HOME))
    tally, began = Tally(), time.monotonic()
    has_terraform = shutil.which("terraform") is not None
    has_evenkeel = bool(evenkeel) and Path(evenkeel).exists()

    static_checks(tally)
    if not has_terraform:
        tally.skip("the modules and the table", "there is no terraform on this machine")
    else:
        print(run("terraform", "version")[1].splitlines()[0])
        modules(tally)
        examples(tally)
        names(tally)
        if not has_evenkeel:
            tally.skip(
                "the table and what has to equal Evenkeel's own",
                "there is no binary; give its path, or EVENKEEL_BIN",
            )
        else:
            evenkeel = str(Path(evenkeel).resolve())
            action_type(tally, evenkeel)
            policies(tally, evenkeel)
            table(tally, evenkeel)
    if must_run:
        tally.failed += tally.skipped
    print(
        f"\nchecked in {time.monotonic() - began:.0f} s"
        + (f", {tally.skipped} skipped" if tally.skipped else "")
    )
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
