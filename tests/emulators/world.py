"""Sets up and reads the world of one emulator: cluster `prod`, service `web`, family `web`.

    python world.py create URL < definition.json    registers the definition and starts the service on it
    python world.py read URL                        prints the service and all revisions of the family
    python world.py scale URL < count               wants so many tasks
    python world.py push URL < manifest.json        puts an image into the repository `shop/web`, as `2`
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


class RawEcs:
    """An ECS client whose requests and answers are JSON as it goes over the wire, so that members
    that the SDK does not know are neither dropped nor hidden."""

    def __init__(self, url):
        self.client = boto3.client("ecs", endpoint_url=url, **COMMON)
        self.client.meta.events.register("before-call.ecs", self._put_body)
        self.client.meta.events.register("before-parse.ecs", self._take_body)

    def call(self, operation, **request):
        self.request = request
        getattr(self.client, operation)()
        return self.answer

    def _put_body(self, params, **_):
        params["body"] = json.dumps(self.request).encode()

    def _take_body(self, response_dict, **_):
        self.answer = json.loads(response_dict["body"])


def create(url):
    ecs, ec2 = RawEcs(url), boto3.client("ec2", endpoint_url=url, **COMMON)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    ecs.call("create_cluster", clusterName="prod")
    ecs.call("register_task_definition", **json.load(sys.stdin))
    ecs.call(
        "create_service",
        cluster="prod",
        serviceName="web",
        taskDefinition="web:1",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}},
    )
    return read(url)


def read(url):
    ecs = RawEcs(url)
    arns = ecs.call("list_task_definitions", familyPrefix="web")["taskDefinitionArns"]
    describe = lambda arn: ecs.call("describe_task_definition", taskDefinition=arn, include=["TAGS"])
    return {
        "service": ecs.call("describe_services", cluster="prod", services=["web"])["services"][0],
        "revisions": [describe(arn) for arn in arns],
    }


def scale(url):
    ecs = boto3.client("ecs", endpoint_url=url, **COMMON)
    ecs.update_service(cluster="prod", service="web", desiredCount=int(sys.stdin.read()))
    return read(url)


def push(url):
    ecr = boto3.client("ecr", endpoint_url=url, **COMMON)
    ecr.create_repository(repositoryName="shop/web")
    put = ecr.put_image(repositoryName="shop/web", imageTag="2", imageManifest=sys.stdin.read())
    return {"registry": put["image"]["registryId"], "digest": put["image"]["imageId"]["imageDigest"]}


command, url = sys.argv[1:]
json.dump({"create": create, "read": read, "scale": scale, "push": push}[command](url), sys.stdout)
