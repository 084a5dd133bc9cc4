"""One service that Terraform owns and Evenkeel deploys, on an emulator."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
sys.path.insert(0, str(HERE / "provider"))

from aws import CREDENTIAL, REGION, ecs, scheduler, ssm  # noqa: E402

# What the resources are called in the table.
NAMES = {
    "module.web.aws_ssm_parameter.record[0]": "parameter",
    "module.web.terraform_data.fingerprint": "fingerprint",
    "module.web.aws_ecs_task_definition.this": "definition",
    "module.web.aws_ecs_service.this": "service",
    'module.web.aws_scheduler_schedule.this["nightly"]': "nightly",
    'module.web.aws_scheduler_schedule.this["report"]': "report",
}
REGISTRY = "registry.example.com"


class World:
    """The root configuration `root` in a folder of its own, and a cluster of the same name."""

    def __init__(self, name, root, tools):
        self.name, self.tools = name, tools
        self.parameter = f"/evenkeel/{name}/web"
        self.sink = {
            "remote_state": f"tfstate:s3://records/{name}/web.tfstate",
            "variables": "tfvars:evenkeel.auto.tfvars.json",
        }.get(root, f"ssm:{self.parameter}")
        # The modules are found by a path of the same shape as in the repository.
        place = tools.work / name
        shutil.rmtree(place, ignore_errors=True)
        self.folder = place / "tests/terraform/roots" / root
        shutil.copytree(HERE / "roots" / root, self.folder)
        shutil.copytree(
            REPOSITORY / "pipeline", place / "pipeline", ignore=shutil.ignore_patterns(".terraform*")
        )
        ecs("CreateCluster", clusterName=name)
        self.terraform("init", "-input=false", check=True)

    def becomes(self, root):
        """Another configuration takes the place of this one, over the same state."""
        shutil.copy(HERE / "roots" / root / "main.tf", self.folder / "main.tf")
        self.terraform("init", "-input=false", check=True)

    # Terraform

    def plan(self, *arguments, **variables):
        """What Terraform would do, in words, with the exit status where it is not the one that goes with them."""
        status, told = self.terraform(
            "plan", "-detailed-exitcode", "-json", *self.given(arguments, variables)
        )
        return self.words(status, told, arguments)

    def save(self, **variables):
        return self.plan("-out=saved", **variables)

    def apply(self, *arguments, **variables):
        status, told = self.terraform("apply", "-auto-approve", "-json", *self.given(arguments, variables))
        return self.words(status, told, applied=True)

    def apply_saved(self):
        status, told = self.terraform("apply", "-json", "-input=false", "saved")
        return self.words(status, told, applied=True)

    def destroy(self):
        status, told = self.terraform("destroy", "-auto-approve", "-json", *self.given((), {}))
        return self.words(status, told, applied=True)

    def given(self, arguments, variables):
        given = {"cluster": self.name, "subnet": self.tools.subnet} | variables
        write = lambda value: value if isinstance(value, str) else json.dumps(value)
        return ["-input=false", *arguments, *(f"-var={name}={write(value)}" for name, value in given.items())]

    def terraform(self, *arguments, check=False):
        run = subprocess.run(
            [self.tools.terraform, *arguments], cwd=self.folder, capture_output=True, text=True
        )
        with open(self.tools.work / f"{self.name}.log", "a") as log:
            log.write(f"$ terraform {' '.join(arguments)}\n{run.stdout}{run.stderr}-> {run.returncode}\n")
        if check and run.returncode:
            raise SystemExit(f"terraform {arguments[0]} failed:\n{run.stdout}{run.stderr}")
        return run.returncode, run.stdout

    def words(self, status, told, arguments=(), applied=False):
        lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
        problems = [line["diagnostic"] for line in lines if line.get("type") == "diagnostic"]
        errors = [one for one in problems if one["severity"] == "error"]
        if errors:
            return "refused: " + "; ".join(first_words(one) for one in errors)
        changes = {}
        for line in lines:
            if line.get("type") == "planned_change":
                resource, action = line["change"]["resource"]["addr"], line["change"]["action"]
                changes.setdefault(action, []).append(NAMES.get(resource, resource))
                if line["change"].get("importing") and action != "import":
                    changes.setdefault("import", []).append(NAMES.get(resource, resource))
        parts = [f"{action} {', '.join(sorted(names))}" for action, names in sorted(changes.items())]
        outputs = next(
            (line["outputs"] for line in lines if line.get("type") == "outputs" and not applied), {}
        )
        parts += [
            f"{one['action']} output {name}"
            for name, one in outputs.items()
            if one.get("action", "noop") != "noop"
        ]
        drifted = [
            line["change"]["resource"]["addr"] for line in lines if line.get("type") == "resource_drift"
        ]
        if drifted and "-refresh-only" in arguments:
            parts.append("has changed: " + ", ".join(sorted(NAMES.get(one, one) for one in drifted)))
        words = "; ".join(parts) or "no changes"
        for one in problems:
            if one["summary"] == "Check block assertion failed":
                about = (
                    one["detail"].rsplit(": ", 1)[-1].split(". ")[0] if "any more: " in one["detail"] else ""
                )
                words += f"; warned of {about or 'what was deployed'}"
        expected = 0 if applied or words.startswith("no changes") else 2
        return words if status == expected else f"{words}; exit status {status}"

    # Evenkeel

    def deploy(self, tag, *options, fault=None, recorded=True):
        """Deploys an image; with no tag, only what the options say."""
        image = ["--image", f"app={REGISTRY}/app:{tag}"] if tag else []
        record = ["--record", self.sink] if recorded else []
        return self.evenkeel("deploy", *image, *options, *record, "--poll", "300ms", fault=fault)

    def evenkeel(self, verb, *arguments, fault=None):
        command = [self.tools.evenkeel, *verb.split(), "--cluster", self.name, "--service", "web", *arguments]
        status, out, err = self.tools.proxy.run(command + ["--output", "json"], fault, cwd=self.folder)
        with open(self.tools.work / f"{self.name}.log", "a") as log:
            log.write(f"$ {' '.join(command)}\n{out}{err}-> {status}\n")
        try:
            outcome = json.loads(out)["outcome"]
        except (json.JSONDecodeError, KeyError):
            return "killed" if status < 0 else f"status {status}"
        # The service may be where it should be, and the command have failed.
        return f"{outcome}, status {status}" if status and outcome in ("deployed", "unchanged") else outcome

    def roll_back(self, revision, *options):
        return self.evenkeel("rollback", "--to", revision, *options, "--record", self.sink, "--poll", "300ms")

    def record(self, verb):
        """`evenkeel record VERB`, as the README tells people to."""
        command = [self.tools.evenkeel, "record", verb, "--record", self.sink]
        if verb == "repair":
            command += ["--cluster", self.name, "--service", "web"]
        status, out, err = self.tools.proxy.run(command, cwd=self.folder)
        with open(self.tools.work / f"{self.name}.log", "a") as log:
            log.write(f"$ {' '.join(command)}\n{out}{err}-> {status}\n")
        return "ok" if status == 0 else f"status {status}: {err.strip()}"

    # AWS

    def service(self):
        return ecs("DescribeServices", cluster=self.name, services=["web"])["services"][0]

    def live(self):
        """The live revision and what is in its containers."""
        definition = self.definition(self.service()["taskDefinition"])
        told = [f"revision {definition['revision']}"]
        for container in definition["containerDefinitions"]:
            told.append(f"{container['name']}={container['image'].rsplit(':', 1)[-1]}")
            told += [
                f"{one['name']}={one['value']}"
                for one in container.get("environment", [])
                if one["name"] != "SECRET"
            ]
            told += [
                f"{one['name']}<-{one['valueFrom'].rsplit('/', 1)[-1]}"
                for one in container.get("secrets", [])
            ]
            told += [f"({name}={value})" for name, value in sorted(container.get("dockerLabels", {}).items())]
        return " ".join(told)

    def contents(self):
        """What is in the containers of the live revision."""
        return self.live().split(" ", 2)[2]

    def schedule(self, name, group="default"):
        return scheduler("GET", f"/schedules/{name}", groupName=group)

    def scheduled(self, name, group="default"):
        """The revision that a schedule starts, in words, and whether it is disabled."""
        schedule = self.schedule(name, group)
        revision = schedule["Target"]["EcsParameters"]["TaskDefinitionArn"].rsplit(":", 1)[-1]
        return f"revision {revision}{'' if schedule['State'] == 'ENABLED' else ', disabled'}"

    def definition(self, revision):
        found = ecs("DescribeTaskDefinition", taskDefinition=revision, include=["TAGS"])
        return found["taskDefinition"] | {"tags": found.get("tags", [])}

    def register(self, revision, **changes):
        """A copy of a revision that somebody else registers."""
        keep = (
            "family",
            "containerDefinitions",
            "networkMode",
            "cpu",
            "memory",
            "requiresCompatibilities",
            "volumes",
        )
        copy = {name: value for name, value in self.definition(revision).items() if name in keep}
        return ecs("RegisterTaskDefinition", **(copy | changes))["taskDefinition"]["taskDefinitionArn"]

    def move(self, revision):
        """Somebody puts the service on a revision, past everybody."""
        ecs("UpdateService", cluster=self.name, service="web", taskDefinition=revision)

    def parameter_text(self):
        return ssm("GetParameter", Name=self.parameter)["Parameter"]["Value"]

    def put_parameter(self, text):
        ssm("PutParameter", Name=self.parameter, Value=text, Overwrite=True)


def first_words(diagnostic):
    """The beginning of what Terraform says of an error: of ours, the sentence that says why."""
    return (
        " ".join((diagnostic["detail"] or diagnostic["summary"]).split()).split(". ")[0].split(":")[0][:120]
    )


def create_bucket(name):
    """Makes the bucket, if no other story has made it."""
    place = "<LocationConstraint>eu-central-1</LocationConstraint>"
    body = f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>"
    try:
        plain_call("s3", f"/{name}", body.encode(), "PUT")
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise


def any_subnet():
    """A subnet of the network that every account begins with."""
    answer = plain_call("ec2", "/", b"Action=DescribeSubnets&Version=2016-11-15", "POST")
    return re.search("<subnetId>(.*?)</subnetId>", answer)[1]


def plain_call(service, path, body, method):
    headers = {"Authorization": CREDENTIAL.format(region=REGION, service=service)}
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"] + path, data=body, method=method, headers=headers
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode()
