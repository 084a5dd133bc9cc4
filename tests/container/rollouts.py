"""Rollouts of real containers: ministack has the Docker engine run what a service's task definition says, and Evenkeel,
in its image, deploys one version over another."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from pathlib import Path

import boto3
from botocore.config import Config

from engine import CONFINED, docker, inspect, until

REGION = "eu-west-1"
LAST_WORDS = ["connecting to the database", "no database answers at db.shop.internal:5432"]
FAMILY_LABEL = "com.amazonaws.ecs.task-definition-family"


def check(tell, image, service, registry, cleanup):
    tell.heading("Rollouts of real containers: ministack and the Docker engine")
    web = Web(image, service, registry, cleanup)
    try:
        play(tell, web)
    except Exception:
        tell.note(web.log())
        raise
    finally:
        web.end()


def play(tell, web):
    web.create()
    tell.row("version 1 answers", ["1"], web.await_answers(["1"]))

    migrate(tell, web)
    tell.row("version 2 answers, and nothing else", ["2"], web.await_answers(["2"]))
    tell.row("its container is of the image that was pushed", [web.digest("2")], web.running())
    tell.row("the same again changes nothing", (0, "unchanged"), outcome(web.deploy("2")))

    crash(tell, web, "and Evenkeel puts it back", {"enable": True, "rollback": False}, (1, "rolled_back"))
    crash(tell, web, "and ECS itself puts it back", {"enable": True, "rollback": True}, (1, "rolled_back"))
    # Without a circuit breaker ministack, unlike ECS, counts no failed tasks, so that nothing shows before the time is up.
    crash(
        tell,
        web,
        "and it is put back in the end",
        {"enable": False, "rollback": False},
        (7, "timed_out"),
        "--timeout",
        "20s",
    )


def migrate(tell, web):
    """Deploys version 2 with tasks before its update and after its rollout that fail, and then with one that does not."""
    status, failed = web.deploy("2", "--before", "app=migrate-badly")
    ended = (*outcome((status, failed)), failed.get("step"))
    tell.row("a migration that fails lets nothing be updated", (1, "failed", "before"), ended)
    tell.row("  version 1 still answers, and nothing else", ["1"], web.await_answers(["1"]))
    tails = [container["logTail"] for task in tasks(failed) for container in task["containers"]]
    tell.row("  what it logged last is told", [["2: 0001_users", "2: relation orders exists already"]], tails)

    status, failed = web.deploy("2", "--after", "app=migrate-badly")
    ended = (*outcome((status, failed)), failed.get("step"))
    tell.row("a task after the rollout that fails has it rolled back", (1, "rolled_back", "after"), ended)
    tell.row("  version 1 answers again, and nothing else", ["1"], web.await_answers(["1"]))

    status, deployed = web.deploy("2", "--before", "app=migrate")
    tell.row("version 2 is deployed over it after its migration", (0, "deployed"), (status, deployed.get("outcome")))
    said = {line: at for at, line in web.said}
    first, second = said.get("app | 2: 0001_users"), said.get("app | 2: 0002_orders")
    started = next((at for line, at in said.items() if "rollout of" in line and "started" in line), None)
    tell.row("  whose log is shown", True, None not in (first, second, started))
    tell.row("  as it comes: its lines, six seconds apart, are shown apart", True, second - first >= 2)
    tell.row("  and before the update", True, second <= started)
    run = [words for words in web.ended() if len(words) > 2]
    tell.row("  each task ran once", 3, len(run))


def crash(tell, web, how, breaker, expected, *options):
    """Deploys the version that crashes over version 2."""
    web.set_breaker(breaker)
    status, failed = web.deploy("crashes", *options)
    tell.row(f"a version that crashes fails, {how}", expected, outcome((status, failed)))
    tell.row("  version 2 still answers, and nothing else", ["2"], web.await_answers(["2"]))
    containers = [container for task in tasks(failed) for container in task["containers"]]
    tell.row("  what it exited with is told", {3}, {container["exitCode"] for container in containers})
    # It writes to both of its streams, which reach a log in any order.
    tails = [sorted(container["logTail"]) for container in containers]
    tell.row("  and what it logged last", True, LAST_WORDS in tails)
    said = failed.get("services", [{}])[0].get("failure", {}).get("message", "")
    tell.row("  also in the message", True, any(word in said for word in LAST_WORDS))
    tell.note(said)


def outcome(ended):
    status, document = ended
    return status, document.get("outcome")


def tasks(document):
    for service in document.get("services", []):
        yield from service.get("failure", {}).get("tasks", [])


class Web:
    """The service `web` of the cluster `prod`, on an emulator of its own."""

    def __init__(self, image, service, registry, cleanup):
        self.image, self.registry, self.cleanup = image, registry, cleanup
        self.family = f"web-{uuid.uuid4().hex[:8]}"
        self.folder = cleanup.folder()
        for version in ("1", "2", "crashes"):
            self.push(service, version)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        log = open(self.folder / "log", "w")
        self.emulator = subprocess.Popen(
            [sys.executable, "-I", Path(__file__).with_name("emulator.py")],
            cwd=self.folder,
            env=os.environ
            | {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "TMPDIR": str(self.folder)},
            stdout=log,
            stderr=log,
        )
        until(
            "the emulator starts",
            lambda: self.emulator.poll() is not None or answers(f"{self.url}/_ministack/health"),
        )
        common = {
            "endpoint_url": self.url,
            "region_name": REGION,
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "config": Config(retries={"total_max_attempts": 1}),
        }
        self.ecs, self.logs, self.ec2 = (boto3.client(name, **common) for name in ("ecs", "logs", "ec2"))

    def tag(self, version):
        return f"{self.registry.address}/shop/{self.family}:{version}"

    def push(self, service, version):
        """An image of the service with nothing in it but the binary and the version that it is to say."""
        change = [f'--change=ENTRYPOINT ["/service", "{version}"]', "--change=USER 65532:65532"]
        archive = subprocess.run(
            ["tar", "-C", service.parent, "-c", service.name], check=True, capture_output=True
        ).stdout
        subprocess.run(
            ["docker", "import", *change, "-", self.tag(version)],
            input=archive,
            check=True,
            capture_output=True,
        )
        self.cleanup.later("rmi", "--force", self.tag(version))
        docker("push", self.tag(version))

    def digest(self, version):
        return inspect(self.tag(version))["RepoDigests"][0].split("@")[1]

    def running(self):
        """The digests of the images that the service's containers are of."""
        images = (inspect(inspect(container)["Image"]) for container in self.containers())
        return [image["RepoDigests"][0].split("@")[1] for image in images]

    def create(self):
        subnet = self.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        self.logs.create_log_group(logGroupName="/shop/web")
        self.ecs.create_cluster(clusterName="prod")
        options = {"awslogs-group": "/shop/web", "awslogs-region": REGION, "awslogs-stream-prefix": "web"}
        self.ecs.register_task_definition(
            family=self.family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            executionRoleArn="arn:aws:iam::123456789012:role/web-execution",
            cpu="256",
            memory="512",
            containerDefinitions=[
                {
                    "name": "app",
                    "image": self.tag("1"),
                    "essential": True,
                    "portMappings": [{"containerPort": 8080}],
                    "logConfiguration": {"logDriver": "awslogs", "options": options},
                }
            ],
        )
        self.ecs.create_service(
            cluster="prod",
            serviceName="web",
            taskDefinition=self.family,
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
        )

    def set_breaker(self, breaker):
        self.ecs.update_service(
            cluster="prod", service="web", deploymentConfiguration={"deploymentCircuitBreaker": breaker}
        )

    def deploy(self, version, *options):
        """Deploys in the image; returns the exit status and the document that it prints."""
        settings = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        # The emulator is on this machine's loopback.
        done = watched(
            *(
                "docker",
                "run",
                "--rm",
                "--network",
                "host",
                *CONFINED,
                *(f"--env={name}={value}" for name, value in settings.items()),
            ),
            *(
                self.image,
                "deploy",
                "--cluster",
                "prod",
                "--service",
                "web",
                "--image",
                f"app={self.tag(version)}",
            ),
            *("--output", "json", *(options if "--timeout" in options else (*options, "--timeout", "3m"))),
        )
        status, document, self.said = done
        (self.folder / f"deploy-{version}").write_text("\n".join(line for _, line in self.said))
        return status, json.loads(document or "{}")

    def ended(self):
        """The commands of the containers that have ended by themselves."""
        filters = ("--filter", f"label={FAMILY_LABEL}={self.family}", "--filter", "status=exited")
        ids = docker("ps", "--all", "--quiet", *filters).stdout.split()
        return [[inspect(it)["Path"], *inspect(it)["Args"]] for it in ids]

    def containers(self):
        return docker("ps", "--quiet", "--filter", f"label={FAMILY_LABEL}={self.family}").stdout.split()

    def answers(self):
        """What the service's containers answer on their network."""
        seen = []
        for container in self.containers():
            networks = inspect(container)["NetworkSettings"]["Networks"].values()
            seen.append(answers(f"http://{next(iter(networks))['IPAddress']}:8080/"))
        return seen

    def await_answers(self, expected):
        """Waits until those are the answers, as ECS takes its time to stop what was replaced; returns the last ones."""
        try:
            until("the answers", lambda: self.answers() == expected)
        except RuntimeError:
            pass
        return self.answers()

    def log(self):
        return "\n".join(path.read_text()[-4000:] for path in sorted(self.folder.iterdir()) if path.is_file())

    def end(self):
        self.emulator.terminate()
        self.emulator.wait()
        left = docker(
            "ps", "--all", "--quiet", "--filter", f"label={FAMILY_LABEL}={self.family}"
        ).stdout.split()
        for container in left:
            docker("rm", "--force", container, check=False)


def watched(*command):
    """Runs a command; returns its exit status, what it printed, and each line of its progress with the time it came."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = []

    def listen():
        said.extend((time.monotonic(), line.rstrip("\n")) for line in process.stderr)

    listener = threading.Thread(target=listen)
    listener.start()
    printed = process.stdout.read()
    listener.join()
    return process.wait(), printed, said


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.read().decode()
    except OSError as error:
        # `until` takes it for no answer yet, and a row shows it.
        return "" if url.endswith("health") else f"{type(error).__name__}: {error}"
