"""Sets up and reads who is told of deployments on one emulator: a topic and an event bus, each with a queue.

    python channels.py create URL              prints the topic's ARN
    python channels.py read URL                prints what each queue got
    python channels.py pipeline URL < JSON     creates a pipeline, and prints it as it is read back
"""

import json
import sys

import boto3

COMMON = {"region_name": "eu-central-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}


def client(name, url):
    return boto3.client(name, endpoint_url=url, **COMMON)


def queue(sqs, name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def create(url):
    sqs, sns, events = client("sqs", url), client("sns", url), client("events", url)
    topic = sns.create_topic(Name="deploys")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue(sqs, "messages"))
    events.create_event_bus(Name="deploys")
    pattern = {"source": ["evenkeel"], "detail": {"outcome": ["started", "deployed"]}}
    events.put_rule(Name="ended", EventBusName="deploys", EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": queue(sqs, "events")}
    events.put_targets(Rule="ended", EventBusName="deploys", Targets=[target])
    client("ssm", url).put_parameter(Name="/deploy/webhook", Value="https://127.0.0.1:1/s3cret", Type="SecureString")
    return topic


def read(url):
    sqs = client("sqs", url)

    def messages(name):
        got = sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"], MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in got.get("Messages", [])]

    return {"messages": messages("messages"), "events": messages("events")}


def pipeline(url):
    iam, codepipeline = client("iam", url), client("codepipeline", url)
    asked = json.load(sys.stdin)
    role = asked["pipeline"]["roleArn"].rsplit("/", 1)[1]
    trust = {"Statement": [{"Principal": {"Service": "codepipeline.amazonaws.com"}}]}
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
    return codepipeline.create_pipeline(**asked)["pipeline"]


command, url = sys.argv[1:]
json.dump({"create": create, "read": read, "pipeline": pipeline}[command](url), sys.stdout)
