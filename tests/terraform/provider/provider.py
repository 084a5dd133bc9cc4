"""A stand-in for hashicorp/aws, so that Terraform can be run without the real one and without AWS.

It has the names, types and nesting of the real provider's attributes, from schema.json. Of every resource there it
validates and plans what is configured; those in resources.py it also makes, on the emulator at AWS_ENDPOINT_URL.
So it shows what the modules' own logic does, and not how the real provider refreshes and compares.
"""

import functools
import json
from pathlib import Path

from tf.iface import DataSource, Provider, Resource
from tf.runner import run_provider
from tf.schema import Attribute, Block, NestedBlock, Schema
from tf.types import TfType, Unknown

from aws import ACCOUNT, REGION
from resources import RESOURCES

SCHEMA = json.loads((Path(__file__).parent / "schema.json").read_text())

# What the bindings do not tell, and the modules have to cope with: the real provider fills the one in when the other is
# given, and hides the latter; and this is what it fills in for the third.
for kind, name in (
    ("ssm_parameter", "insecure_value"),
    ("ssm_parameter", "value"),
    ("ecs_service", "scheduling_strategy"),
    # Filled in from the schedule's ARN, its name, and what EventBridge Scheduler says.
    ("scheduler_schedule", "group_name"),
    ("scheduler_schedule", "name"),
    ("scheduler_schedule", "name_prefix"),
    ("scheduler_schedule", "action_after_completion"),
    # These two have a default in the provider.
    ("scheduler_schedule", "schedule_expression_timezone"),
    ("scheduler_schedule", "state"),
):
    SCHEMA["resources"][f"aws_{kind}"]["attributes"][name]["mode"] = "optional_computed"
SCHEMA["resources"]["aws_ssm_parameter"]["attributes"]["value"]["sensitive"] = True
SCHEMA["resources"]["aws_ecs_service"]["attributes"]["scheduling_strategy"]["default"] = "REPLICA"
SCHEMA["resources"]["aws_scheduler_schedule"]["attributes"]["schedule_expression_timezone"]["default"] = "UTC"
SCHEMA["resources"]["aws_scheduler_schedule"]["attributes"]["state"]["default"] = "ENABLED"


class Type(TfType):
    """A type as the schema spells it; values travel as they are, but a set's order means nothing."""

    def __init__(self, spelled):
        self.spelled = spelled

    def encode(self, value):
        return value

    def decode(self, value):
        return value

    def semantically_equal(self, a_decoded, b_decoded):
        if self.spelled[0] == "set" and isinstance(a_decoded, list) and isinstance(b_decoded, list):
            return sorted(map(str, a_decoded)) == sorted(map(str, b_decoded))
        return a_decoded == b_decoded

    def tf_type(self):
        return json.dumps(self.spelled).encode()


class Nested(NestedBlock):
    """A block, in a mode that the framework has no word for."""

    def __init__(self, name, schema):
        super().__init__(name, schema["nesting"], block(schema), schema["min"] or None, schema["max"] or None)

    def to_pb(self):
        from tf.gen import tfplugin_pb2 as pb

        modes = {"list": "LIST", "set": "SET", "single": "SINGLE"}
        # A single block says by its mode that there is one at most.
        counts = (
            {}
            if self.nesting_mode == "single"
            else {"min_items": self.min_items, "max_items": self.max_items}
        )
        mode = pb.Schema.NestedBlock.NestingMode.Value(modes[self.nesting_mode])
        return pb.Schema.NestedBlock(
            type_name=self.type_name, block=self.block.to_pb(), nesting=mode, **counts
        )

    def encode(self, value):
        return value

    def decode(self, value):
        return value

    def semantically_equal(self, a_decoded, b_decoded):
        return a_decoded == b_decoded


def attribute(name, schema, replaces=False):
    mode = {word: True for word in schema["mode"].split("_")}
    more = {name: schema[name] for name in ("sensitive", "default") if name in schema}
    return Attribute(name, Type(schema["type"]), requires_replace=replaces, **mode, **more)


def block(schema, replaces=lambda name: False):
    attributes = [
        attribute(name, one, replaces=one["mode"] != "computed" and replaces(name))
        for name, one in schema["attributes"].items()
    ]
    return Block(attributes, [Nested(name, one) for name, one in schema["blocks"].items()])


def whole(schema, *replaces):
    inner = block(schema, *replaces)
    return Schema(attributes=inner.attributes, block_types=inner.block_types, version=0)


class Emulated(Resource):
    """One resource; `kind` and `schema` are set by the class of each type."""

    kind, schema = "", {}

    def __init__(self, provider):
        self.does = RESOURCES.get(self.kind)

    @classmethod
    def get_name(cls):
        return cls.kind

    @classmethod
    @functools.cache
    def get_schema(cls):
        does = RESOURCES.get(cls.kind)
        return whole(cls.schema, *([does.replaces] if does else []))

    def plan(self, ctx, current, planned):
        # What AWS counts up, and what follows from the tags, is known when the change is made.
        changed = {name for name in planned if planned[name] != current[name]}
        if self.kind == "aws_ssm_parameter" and changed - {"tags", "tags_all"}:
            planned["version"] = Unknown
        if "tags" in changed:
            planned["tags_all"] = planned["tags"] or {}
        return planned

    def create(self, ctx, planned):
        known = {name: None if value is Unknown else value for name, value in planned.items()}
        return self.attempt(ctx, lambda: self.does.create(known, self.schema))

    def read(self, ctx, current):
        return self.attempt(ctx, lambda: self.does.read(current, self.schema))

    def update(self, ctx, current, planned):
        return self.attempt(ctx, lambda: self.does.update(current, planned, self.schema))

    def delete(self, ctx, current):
        return self.attempt(ctx, lambda: self.does.delete(current))

    def import_(self, ctx, id):
        def imported():
            blocks = {
                name: [] if one["nesting"] != "single" else None
                for name, one in self.schema["blocks"].items()
            }
            return self.does.imported(id, self.schema) | blocks

        return self.attempt(ctx, imported)

    def attempt(self, ctx, effect):
        if self.does is None:
            ctx.diagnostics.add_error(f"The stand-in plans {self.kind} and does not make it")
            return None
        try:
            return effect()
        except Exception as error:
            ctx.diagnostics.add_error(f"{self.kind}: {error}")
            return None


class Answer(DataSource):
    """What is the same in every test: the account, its Region and partition."""

    kind, schema = "", {}

    def __init__(self, provider):
        pass

    @classmethod
    def get_name(cls):
        return cls.kind

    @classmethod
    @functools.cache
    def get_schema(cls):
        return whole(cls.schema)

    def read(self, ctx, config):
        known = {"account_id": ACCOUNT, "partition": "aws", "region": REGION, "name": REGION}
        return {name: config.get(name) or known.get(name) for name in self.schema["attributes"]}


class StandIn(Provider):
    def get_model_prefix(self):
        return ""

    def full_name(self):
        return SCHEMA["provider"]

    def get_provider_schema(self, diags):
        return Schema(attributes=[Attribute("region", Type("string"), optional=True)])

    def validate_config(self, diags, config):
        pass

    def configure_provider(self, diags, config):
        pass

    def get_resources(self):
        return [
            type(kind, (Emulated,), {"kind": kind, "schema": one})
            for kind, one in SCHEMA["resources"].items()
        ]

    def get_data_sources(self):
        return [
            type(kind, (Answer,), {"kind": kind, "schema": one})
            for kind, one in SCHEMA["data_sources"].items()
        ]


if __name__ == "__main__":
    run_provider(StandIn())
