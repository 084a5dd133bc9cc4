"""Calls services of an emulated AWS as plainly as they go over the wire: no SDK that fills in or leaves out."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request

TARGETS = {"ecs": "AmazonEC2ContainerServiceV20141113", "ssm": "AmazonSSM"}
REGION, ACCOUNT = "eu-central-1", "000000000000"
# An emulator takes the service and the Region from it and checks nothing else.
CREDENTIAL = "AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"


class Refused(Exception):
    """What AWS answers in the place of a result; `code` is the error's name there."""

    def __init__(self, operation, body):
        self.code = body.get("__type", "").rsplit("#", 1)[-1]
        super().__init__(f"{operation}: {self.code}: {body.get('message') or body.get('Message')}")


def call(service, operation, /, **request):
    http = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"],
        data=json.dumps(request).encode(),
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{TARGETS[service]}.{operation}",
            "Authorization": authorization(service),
        },
    )
    return response(operation, http)


def scheduler(method, path, body=None, **query):
    """EventBridge Scheduler has its operations in methods and paths: `GET`, `/schedules/nightly`."""
    http = urllib.request.Request(
        f"{os.environ['AWS_ENDPOINT_URL']}{path}?{urllib.parse.urlencode(query)}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": authorization("scheduler")},
        method=method,
    )
    return response(f"{method} {path}", http)


def authorization(service):
    return CREDENTIAL.format(region=os.environ.get("AWS_REGION", REGION), service=service)


def response(operation, http):
    try:
        with urllib.request.urlopen(http, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Refused(operation, json.loads(error.read() or b"{}")) from None


def ecs(operation, /, **request):
    return call("ecs", operation, **request)


def ssm(operation, /, **request):
    return call("ssm", operation, **request)
