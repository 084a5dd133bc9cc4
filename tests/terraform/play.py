"""Plays what can happen between Terraform and a pipeline, and prints what was expected and what was seen.

    python play.py --evenkeel PATH [--only STORY …]

The Terraform command line, the modules of pipeline/ and the binary are the real ones; AWS is ministack, and the provider is
the stand-in beside this file. The status is 1 if anything was seen that was not expected.
"""

import argparse
import json
import os
import shutil
import subprocess
import time
import traceback
from pathlib import Path
from types import SimpleNamespace

import mirror
import owned
from emulator import Cut, CutAt, Deny, Emulator, Proxy
from world import REPOSITORY, World, any_subnet, create_bucket, ecs, ssm

ALL = "definition, fingerprint, parameter, service"
REPLACED = "replace definition; update fingerprint, service"
REPLACED_AND_TAGGED = "replace definition; update fingerprint, parameter, service"
WARNED = "; warned of what was deployed"
UNDER_WAY = "refused: A deployment is under way"


class Table:
    def __init__(self):
        self.passed = self.failed = 0

    def heading(self, story, text):
        print(f"\n{story}: {text}", flush=True)

    def row(self, case, expected, seen):
        """`expected` may be several, of which one is seen."""
        expected = expected if isinstance(expected, tuple) else (expected,)
        good = seen in expected
        self.passed, self.failed = self.passed + good, self.failed + (not good)
        print(
            f"  {'ok  ' if good else 'FAIL'} {case:<58} {seen if good else 'expected: ' + ' or '.join(expected)}",
            flush=True,
        )
        if not good:
            print(f"       {'':<58} seen:     {seen}", flush=True)


def table(tell, tools):
    """The table of the design, from the first apply on."""
    web = World("table", "parameter", tools)
    tell.row("S1 first apply", f"create {ALL}", web.apply())
    tell.row("S1 it runs the bootstrap image", "revision 1 app=boot A=1 proxy=1", web.live())
    tell.row("S2 plan again", "no changes", web.plan())

    tell.row("S3 the pipeline deploys 2", "deployed", web.deploy("2"))
    tell.row("S3 plan", "no changes", web.plan())
    tell.row("S3 the same again", "unchanged", web.deploy("2"))
    tell.row("S3 plan", "no changes", web.plan())

    tell.row("S4 Terraform changes A", REPLACED, web.plan(a="2"))
    tell.row("S4 apply", REPLACED, web.apply(a="2"))
    tell.row("S4 A is new, and the image is the deployed one", "revision 3 app=2 A=2 proxy=1", web.live())
    tell.row("S5 plan again", "no changes", web.plan(a="2"))

    tell.row("S6 the pipeline deploys 3 on it", "deployed", web.deploy("3"))
    tell.row("S6 plan", "no changes", web.plan(a="2"))
    tell.row("S6 it is a copy of Terraform's newest", "revision 4 app=3 A=2 proxy=1", web.live())

    # It fails after its revision was registered, and that stays as the newest of the family.
    tell.row("S7 a deployment of 4 fails", "failed", web.deploy("4", fault=Deny("UpdateService")))
    tell.row("S7 its revision is the newest one", "revision 5", newest(web))
    tell.row("S7 plan", "no changes", web.plan(a="2"))

    tell.row("S8 two deployments in a row", "deployed, deployed", f"{web.deploy('5')}, {web.deploy('6')}")
    tell.row("S8 plan", "no changes", web.plan(a="2"))

    succeeded = web.parameter_text()
    web.put_parameter(in_progress(succeeded, "2999-01-01T00:00:00Z"))
    tell.row("S9 a record in progress", UNDER_WAY, web.plan(a="2"))
    tell.row("S9 an apply of something else", UNDER_WAY, web.apply(a="3"))
    web.put_parameter(in_progress(succeeded, "2020-01-01T00:00:00Z"))
    tell.row("S9 one whose time is over", UNDER_WAY, web.plan(a="2"))
    web.put_parameter(succeeded)
    tell.row("S9 over", "no changes", web.plan(a="2"))

    forced = {"a": "2", "force_bootstrap": True}
    tell.row("S10 forced back", REPLACED, web.apply(**forced))
    tell.row("S10 it runs the bootstrap image", "app=boot A=2 proxy=1", web.contents())
    tell.row("S10 plan again", "no changes", web.plan(**forced))
    tell.row("S11 the pipeline deploys 7", "deployed", web.deploy("7"))
    tell.row("S11 plan: back, for as long as it is forced", "update service", web.plan(**forced))
    tell.row("S12 not forced any more", REPLACED, web.apply(a="2"))
    tell.row("S12 it runs the last deployed image", "app=7 A=2 proxy=1", web.contents())
    tell.row("S12 plan again", "no changes", web.plan(a="2"))


def cases(tell, tools):
    """The named cases: records that are lost or not understood, and what others do."""
    web = deployed("cases", "parameter", tools)
    record = web.parameter_text()

    web.put_parameter('{"schema":99}')
    tell.row("an unknown record", "refused: The record in ssm", web.plan())
    web.put_parameter(record)
    tell.row(
        "the bootstrap image is changed after a deployment", "no changes", web.plan(bootstrap_image="app:new")
    )

    ecs("DeregisterTaskDefinition", taskDefinition="cases:1")
    # The fingerprint has not changed, so the definition is made again and not replaced.
    tell.row("Terraform's revision was deregistered", "create definition; update service", web.apply())
    tell.row("... it comes back with the deployed image", "revision 3 app=2 A=1 proxy=1", web.live())
    tell.row("... plan again", "no changes", web.plan())
    tell.row("... and a deployment on it", "deployed", web.deploy("3"))
    tell.row("... plan", "no changes", web.plan())

    record = web.parameter_text()
    ssm("DeleteParameter", Name=web.parameter)
    tell.row("the parameter was deleted", "create parameter; update service", web.plan())
    ssm("PutParameter", Name=web.parameter, Type="String", Value=record)
    tell.row("... and put back", "no changes", web.plan())

    every = {
        "memory": "1024",
        "task_role_arn": "arn:aws:iam::123456789012:role/app",
        "volumes": [{"name": "scratch"}],
        "health_check": ["CMD", "true"],
        "tags": {"team": "shop"},
        "secret": "other",
    }
    for name, value in every.items():
        tell.row(
            f"Terraform changes {name}",
            REPLACED if name != "tags" else REPLACED_AND_TAGGED,
            web.plan(**{name: value}),
        )
    web.apply(**every)
    tell.row(
        "... and all of it reaches the service, with the image",
        "True app=3 A=1 proxy=1",
        f"{has_all(web, every)} {web.contents()}",
    )
    tell.row("... plan again", "no changes", web.plan(**every))
    web.deploy("4")
    tell.row(
        "... also after the next deployment",
        "True app=4 A=1 proxy=1",
        f"{has_all(web, every)} {web.contents()}",
    )
    tell.row("... plan", "no changes", web.plan(**every))

    tell.row(
        "somebody scales the service",
        "no changes",
        (ecs("UpdateService", cluster="cases", service="web", desiredCount=3), web.plan(**every))[1],
    )
    tell.row("destroy", f"delete {ALL}", web.destroy())


def others(tell, tools):
    """What somebody does by hand, and a rollback."""
    web = deployed("others", "parameter", tools)
    by_hand = web.register("others:2", cpu="512")
    web.move(by_hand)
    tell.row("a revision made in the console", "update service", web.plan())
    tell.row("... a deployment copies it", "deployed", web.deploy("3"))
    tell.row("... and Terraform still sees it, and warns of its image", f"update service{WARNED}", web.plan())
    replace = "-replace=module.web.aws_ecs_task_definition.this"
    tell.row("... so it registers its own anew", "replace definition; update service", web.apply(replace))
    tell.row("... which has the deployed image", "revision 5 app=3 A=1 proxy=1", web.live())
    tell.row("... plan again", "no changes", web.plan())

    web.apply(a="2")
    web.deploy("4")
    tell.row("a change by Terraform and a deployment", "no changes", web.plan(a="2"))
    back = roll_back(web, tools)
    tell.row(f"rolled back to before the change {back}", f"update service{WARNED}", web.plan(a="2"))
    tell.row(
        "... Terraform registers its own anew",
        "replace definition; update service",
        web.apply(replace, a="2"),
    )
    tell.row("... A is Terraform's again, and the image stays back", "app=2 A=2 proxy=1", web.contents())
    tell.row("... plan again", "no changes", web.plan(a="2"))


def races(tell, tools):
    """What Terraform cannot see in time: what stays, and is in the README."""
    web = deployed("races", "parameter", tools)
    tell.row("a plan is saved", REPLACED, web.save(a="2"))
    tell.row("... the pipeline deploys 3", "deployed", web.deploy("3"))
    tell.row(
        "... the saved plan is applied", "applied", "refused" if "refused" in web.apply_saved() else "applied"
    )
    tell.row("... and takes the image back", "revision 4 app=2 A=2 proxy=1", web.live())
    tell.row("... which a warning tells", f"no changes{WARNED}", web.plan(a="2"))
    tell.row("... until the next deployment", "deployed", web.deploy("3"))
    tell.row("... plan", "no changes", web.plan(a="2"))
    # What the stand-in reads of a definition is not what it was configured with; the state has to see it once.
    web.apply("-refresh-only", a="2")
    web.deploy("4")
    tell.row(
        "plan -refresh-only after a deployment",
        "has changed: parameter, service",
        web.plan("-refresh-only", a="2"),
    )
    (web.folder / "spoilt.tf").write_text(
        'output "revision" {\n  value = module.web.task_definition_arn\n}\n'
    )
    web.apply(a="2")
    web.deploy("5")
    tell.row("a root output that hands out the revision", "update output revision", web.plan(a="2"))


def remote_state(tell, tools):
    """The record as a state in a bucket, read by terraform_remote_state."""
    create_bucket("records")
    web = World("remote-state", "remote_state", tools)
    tell.row(
        "before there is a record",
        "refused: No stored state was found for the given workspace in the given backend.",
        web.plan(),
    )
    tell.row("evenkeel record init", "ok", web.record("init"))
    tell.row("first apply", "create definition, fingerprint, service", web.apply())
    tell.row("the pipeline deploys 2", "deployed", web.deploy("2"))
    tell.row("plan", "no changes", web.plan())
    tell.row("Terraform changes A", REPLACED, web.apply(a="2"))
    tell.row("A is new, and the image is the deployed one", "revision 3 app=2 A=2", web.live())
    tell.row("the pipeline deploys 3", "deployed", web.deploy("3"))
    tell.row("plan", "no changes", web.plan(a="2"))


def variables(tell, tools):
    """The record as a file of variables."""
    web = World("variables", "variables", tools)
    tell.row("first apply", "create definition, fingerprint, service", web.apply())
    tell.row("the pipeline deploys 2", "deployed", web.deploy("2"))
    tell.row("plan", "no changes", web.plan())
    tell.row("Terraform changes A", REPLACED, web.apply(a="2"))
    tell.row("A is new, and the image is the deployed one", "revision 3 app=2 A=2", web.live())


def moved_over(tell, tools):
    """From `ignore_changes = [task_definition]` to the module, as pipeline/terraform/README.md tells."""
    web = World("moved-over", "before", tools)
    web.apply()
    for tag in ("2", "3"):
        web.deploy(tag, recorded=False)
    tell.row("the service has left Terraform's revision", "revision 3 app=3 A=1", web.live())
    web.becomes("after")
    changed = "create fingerprint, parameter; import definition; remove aws_ecs_task_definition.web; update definition, service"
    tell.row("the module takes over: plan", changed, web.plan())
    tell.row("... and apply", changed, web.apply())
    tell.row("... the service was left alone", "revision 3 app=3 A=1", web.live())
    tell.row("... no revision was lost", "3 active", f"{active(web)} active")
    tell.row("... plan again", "no changes", web.plan())
    tell.row("the pipeline deploys what runs, with a record", "unchanged", web.deploy("3"))
    tell.row("... plan", "no changes", web.plan())
    tell.row("the pipeline deploys 4", "deployed", web.deploy("4"))
    tell.row("... plan", "no changes", web.plan())
    tell.row("Terraform changes A", REPLACED, web.apply(a="2"))
    tell.row("... A is new, and the image is the deployed one", "revision 5 app=4 A=2", web.live())
    tell.row("... no revision was lost", "5 active", f"{active(web)} active")


def imported(tell, tools):
    """A record that was there before Terraform, as when the pipeline wrote it first."""
    web = deployed("imported", "parameter", tools)
    web.terraform("state", "rm", "module.web.aws_ssm_parameter.record", check=True)
    (web.folder / "import.tf").write_text(
        f'import {{\n  to = module.web.aws_ssm_parameter.record[0]\n  id = "{web.parameter}"\n}}\n'
    )
    tell.row("it is imported", "import parameter; update parameter", web.apply())
    tell.row(
        "... it still says what was deployed",
        "2",
        json.loads(web.parameter_text())["images"]["app"].rsplit(":")[-1],
    )
    tell.row("... plan", "no changes", web.plan())
    tell.row("the pipeline deploys 3", "deployed", web.deploy("3"))
    tell.row("... plan", "no changes", web.plan())


def cut_off(tell, tools):
    """S13, the service moved and nothing recorded: Evenkeel is killed at every call that it makes."""
    web = deployed("cut-off", "parameter", tools)
    tag = 2
    for at in range(1, 100):
        for before in (True, False):
            running, tag = tag, tag + 1
            cut = Cut(at, before)
            outcome = web.deploy(str(tag), fault=cut)
            if cut.call is None:
                tell.row(f"with {at - 1} calls it has ended", "deployed", outcome)
                return
            case = f"S13 killed {'before' if before else 'after'} call {at}, {cut.call}"
            tell.row(f"{case}: plan", (UNDER_WAY, "no changes"), web.plan())
            if (at + before) % 2:
                web.deploy(str(tag))
                tell.row(
                    "... run again: plan",
                    f"no changes, app={tag} A=1 proxy=1",
                    f"{web.plan()}, {web.contents()}",
                )
            else:
                # It records what runs, and the service runs the one or the other.
                either = tuple(f"ok, no changes, app={image} A=1 proxy=1" for image in (running, tag))
                repaired = web.record("repair")
                tell.row(
                    "... evenkeel record repair: plan", either, f"{repaired}, {web.plan()}, {web.contents()}"
                )
                tag = int(web.contents().split()[0].removeprefix("app="))


def first(tell, tools):
    """The first deployment of all, when there is no record to go back to."""
    web = World("first", "parameter", tools)
    web.apply()
    tell.row("it fails", "failed", web.deploy("2", fault=Deny("UpdateService")))
    tell.row("... plan", "no changes", web.plan())
    tell.row("... and once more", "failed", web.deploy("3", fault=Deny("UpdateService")))
    tell.row("... plan", "no changes", web.plan())
    tell.row("it is cut off at its update", "killed", web.deploy("2", fault=CutAt("UpdateService")))
    tell.row("... plan", UNDER_WAY, web.plan())
    # The emulator completed it at once, so there is nothing to do but to record it.
    tell.row("... run again", "unchanged", web.deploy("2"))
    tell.row("... plan", "no changes", web.plan())
    tell.row("... it runs what was deployed", "revision 4 app=2 A=1 proxy=1", web.live())


def deployed(name, root, tools):
    """A world in which everything was applied once and the pipeline deployed 2."""
    web = World(name, root, tools)
    assert web.apply().startswith("create"), f"look at {name}.log"
    assert web.deploy("2") == "deployed", f"look at {name}.log"
    assert web.live() == "revision 2 app=2 A=1 proxy=1", web.live()
    return web


def newest(web):
    revisions = ecs("ListTaskDefinitions", familyPrefix=web.name, sort="DESC")["taskDefinitionArns"]
    return f"revision {revisions[0].rsplit(':')[-1]}"


def active(web):
    return len(ecs("ListTaskDefinitions", familyPrefix=web.name, status="ACTIVE")["taskDefinitionArns"])


def in_progress(record, until):
    return json.dumps(json.loads(record) | {"status": "in_progress", "expiresAt": until})


def has_all(web, every):
    live = web.definition(web.service()["taskDefinition"])
    app = next(one for one in live["containerDefinitions"] if one["name"] == "app")
    return (
        live["memory"] == every["memory"]
        and live["taskRoleArn"] == every["task_role_arn"]
        and [one["name"] for one in live["volumes"]] == ["scratch"]
        and live["tags"] == [{"key": "team", "value": "shop"}]
        and app["healthCheck"]["command"] == every["health_check"]
        and {"name": "SECRET", "value": every["secret"]} in app["environment"]
    )


def roll_back(web, tools):
    """To revision 2: by `evenkeel rollback` where there is one, else by hand, with the record mended after it."""
    if tools.has("rollback"):
        web.roll_back("2")
        return "by evenkeel"
    web.move("others:2")
    web.record("repair")
    return "by hand"


STORIES = {
    story.__name__: story
    for story in (
        table,
        cases,
        others,
        races,
        remote_state,
        variables,
        first,
        imported,
        moved_over,
        owned.schedules,
        owned.pipeline_variables,
        owned.variables_only,
        owned.variables_elsewhere,
        cut_off,
    )
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evenkeel", required=True, type=Path)
    parser.add_argument("--terraform", default="terraform")
    parser.add_argument("--only", nargs="*", choices=STORIES, default=list(STORIES))
    arguments = parser.parse_args()

    work = REPOSITORY / "target/terraform/play"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    emulator = Emulator(work / "emulator")
    os.environ.update(
        AWS_ENDPOINT_URL=emulator.url,
        AWS_REGION="eu-central-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_EC2_METADATA_DISABLED="true",
        **mirror.environment(REPOSITORY / "target/terraform"),
    )
    evenkeel = str(arguments.evenkeel.resolve())
    help_text = subprocess.run([evenkeel, "--help"], capture_output=True, text=True).stdout
    tools = SimpleNamespace(
        work=work,
        evenkeel=evenkeel,
        terraform=arguments.terraform,
        proxy=Proxy(emulator),
        subnet=any_subnet(),
        has=lambda verb: f"\n  {verb} " in help_text,
    )
    tell, began = Table(), time.monotonic()
    try:
        for name in arguments.only:
            tell.heading(name, STORIES[name].__doc__.splitlines()[0])
            try:
                STORIES[name](tell, tools)
            except Exception as error:
                traceback.print_exc()
                tell.row("played to its end", "yes", f"no: {error!r}")
    finally:
        emulator.stop()
    print(f"\nplayed in {time.monotonic() - began:.0f} s; what was run is in {work.relative_to(REPOSITORY)}")
    print(f"{tell.passed} passed, {tell.failed} failed")
    return 1 if tell.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
