"""What the pipeline owns besides images, and what follows the image: stories of the table about variables and schedules."""

from emulator import Deny
from world import REGION, World, create_bucket, scheduler

ACCOUNT_ROLE = "arn:aws:iam::000000000000:role"
PARAMETERS = f"arn:aws:ssm:{REGION}:000000000000:parameter"
REPLACED = "replace definition; update fingerprint, service"
WARNED = "; warned of what was deployed"
REPLACED_ALL = "replace definition; update fingerprint, nightly, report, service"

# One schedule with nothing but what it needs, and one with everything of its own.
NIGHTLY = {"schedule_expression": "rate(1 day)", "role_arn": f"{ACCOUNT_ROLE}/schedule"}
REPORT = {
    "schedule_expression": "cron(0 6 ? * MON *)",
    "timezone": "Europe/Berlin",
    "role_arn": f"{ACCOUNT_ROLE}/schedule",
    "enabled": False,
    "description": "The report of the week",
    "start_date": "2030-01-01T00:00:00Z",
    "end_date": "2031-01-01T00:00:00Z",
    "flexible_window_minutes": 15,
    "container_overrides": {"app": {"command": ["report"], "environment": {"FORMAT": "pdf"}, "memory": 256}},
    "task_count": 2,
    "propagate_tags": "TASK_DEFINITION",
    "network_configuration": {
        "subnets": ["subnet-2", "subnet-1"],
        "security_groups": ["sg-1"],
        "assign_public_ip": True,
    },
    "capacity_provider_strategy": [
        {"capacity_provider": "FARGATE_SPOT", "weight": 2},
        {"capacity_provider": "FARGATE"},
    ],
    "platform_version": "1.4.0",
    "placement_strategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}],
    "placement_constraints": [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
    "dead_letter_arn": f"arn:aws:sqs:{REGION}:000000000000:dead",
    "retry_policy": {"maximum_retry_attempts": 0, "maximum_event_age_in_seconds": 60},
}
ALSO = ("--also", "schedule:nightly", "--also", "schedule:default/report")


def schedules(tell, tools):
    """Schedules that start tasks of the revision that the service runs."""
    web = World("schedules", "parameter", tools)
    given = {"schedules": {"nightly": NIGHTLY, "report": REPORT}}
    tell.row(
        "first apply",
        "create definition, fingerprint, nightly, parameter, report, service",
        web.apply(**given),
    )
    tell.row("they start Terraform's revision", "revision 1; revision 1, disabled", both(web))
    tell.row("plan again", "no changes", web.plan(**given))

    before = [rest_of(web.schedule(name)) for name in ("nightly", "report")]
    tell.row("the pipeline deploys 2, with --also", "deployed", web.deploy("2", *ALSO))
    tell.row("they start the deployed revision", "revision 2; revision 2, disabled", both(web))
    tell.row(
        "all else of them is as before",
        "yes",
        "yes" if before == [rest_of(web.schedule(name)) for name in ("nightly", "report")] else "no",
    )
    tell.row("plan", "no changes", web.plan(**given))
    tell.row("the same again", "unchanged", web.deploy("2", *ALSO))
    tell.row("plan", "no changes", web.plan(**given))

    tell.row("a deployment of 3 fails", "failed", web.deploy("3", *ALSO, fault=Deny("UpdateService")))
    tell.row("they start what they started before", "revision 2; revision 2, disabled", both(web))
    tell.row("plan", "no changes", web.plan(**given))

    tell.row("Terraform changes A", REPLACED_ALL, web.apply(a="2", **given))
    tell.row("they start Terraform's revision", "revision 4; revision 4, disabled", both(web))
    tell.row("plan again", "no changes", web.plan(a="2", **given))
    tell.row("the pipeline deploys 4, with --also family", "deployed", web.deploy("4", "--also", "family"))
    tell.row("they start the deployed revision", "revision 5; revision 5, disabled", both(web))
    tell.row("plan", "no changes", web.plan(a="2", **given))

    given["schedules"]["nightly"] = NIGHTLY | {"schedule_expression": "rate(2 days)"}
    tell.row("Terraform changes when one starts", "update nightly", web.apply(a="2", **given))
    tell.row("it starts the same revision", "revision 5", web.scheduled("nightly"))
    tell.row("plan again", "no changes", web.plan(a="2", **given))

    tell.row("the pipeline deploys 5, without --also", "deployed", web.deploy("5"))
    tell.row("Terraform moves the schedules", "update nightly, report", web.apply(a="2", **given))
    tell.row("they start the deployed revision", "revision 6; revision 6, disabled", both(web))
    tell.row("plan again", "no changes", web.plan(a="2", **given))

    denied = Deny("PUT /schedules/report")
    tell.row("a deployment of 6 cannot move one", "deployed, status 3", web.deploy("6", *ALSO, fault=denied))
    tell.row("what it could not move, Terraform would", "update report", web.plan(a="2", **given))
    tell.row("run again", "unchanged", web.deploy("6", *ALSO))
    tell.row("plan", "no changes", web.plan(a="2", **given))

    tell.row("rolled back to 5, with --also", "deployed", web.roll_back("6", *ALSO))
    tell.row("they are rolled back as well", "revision 6; revision 6, disabled", both(web))
    tell.row("plan", "no changes", web.plan(a="2", **given))

    report = web.schedule("report")
    changed = {name: value for name, value in report.items() if not name.endswith("Date") and name != "Arn"}
    scheduler("PUT", "/schedules/report", body=changed | {"State": "ENABLED"})
    tell.row("somebody enables one, and drops its dates", "update report", web.apply(a="2", **given))
    tell.row("it is as Terraform has it", "revision 6, disabled", web.scheduled("report"))
    web.terraform("state", "rm", 'module.web.aws_scheduler_schedule.this["report"]', check=True)
    (web.folder / "import.tf").write_text(
        'import {\n  to = module.web.aws_scheduler_schedule.this["report"]\n  id = "default/report"\n}\n'
    )
    tell.row("one that was there before is imported", "import report", web.apply(a="2", **given))
    (web.folder / "import.tf").unlink()
    tell.row("plan again", "no changes", web.plan(a="2", **given))
    del given["schedules"]["report"]
    tell.row("Terraform removes one", "delete report", web.apply(a="2", **given))
    tell.row("plan again", "no changes", web.plan(a="2", **given))


def both(web):
    return f"{web.scheduled('nightly')}; {web.scheduled('report')}"


def rest_of(schedule):
    """A schedule without the revision and the time of its last change."""
    parameters = {
        name: value
        for name, value in schedule["Target"]["EcsParameters"].items()
        if name != "TaskDefinitionArn"
    }
    target = schedule["Target"] | {"EcsParameters": parameters}
    return {name: value for name, value in schedule.items() if name != "LastModificationDate"} | {
        "Target": target
    }


def pipeline_variables(tell, tools):
    """Environment variables, secrets and labels that the pipeline owns."""
    web = World("pipeline-variables", "parameter", tools)
    web.apply()
    set_all = (
        "--set-env", "app:GIT_SHA=abc", "--set-secret", f"app:TOKEN={PARAMETERS}/token", "--set-label", "app:rev=abc",
    )  # fmt: skip
    tell.row("the pipeline deploys 2 and sets three", "deployed", web.deploy("2", *set_all))
    tell.row("they are there", "app=2 A=1 GIT_SHA=abc TOKEN<-token (rev=abc) proxy=1", web.contents())
    tell.row("plan", "no changes", web.plan())
    tell.row("the same again", "unchanged", web.deploy("2", *set_all))
    tell.row("plan", "no changes", web.plan())

    tell.row("Terraform changes A: plan", REPLACED, web.plan(a="2"))
    tell.row("... and apply", REPLACED, web.apply(a="2"))
    tell.row(
        "A is new, and what the pipeline owns is kept",
        "revision 3 app=2 A=2 GIT_SHA=abc TOKEN<-token (rev=abc) proxy=1",
        web.live(),
    )
    tell.row("plan again", "no changes", web.plan(a="2"))

    tell.row(
        "a deployment of 3 with another one fails",
        "failed",
        web.deploy("3", "--set-env", "app:GIT_SHA=x", fault=Deny("UpdateService")),
    )
    tell.row("plan", "no changes", web.plan(a="2"))
    tell.row("the pipeline deploys 3", "deployed", web.deploy("3", "--set-env", "app:GIT_SHA=def"))
    tell.row(
        "it deploys a variable and no image", "deployed", web.deploy(None, "--set-env", "app:STAGE=prod")
    )
    tell.row(
        "all of it is there",
        "app=3 A=2 GIT_SHA=def STAGE=prod TOKEN<-token (rev=abc) proxy=1",
        web.contents(),
    )
    tell.row("plan", "no changes", web.plan(a="2"))

    tell.row("rolled back to before STAGE", "deployed", web.roll_back("5"))
    tell.row("it is absent", "app=3 A=2 GIT_SHA=def TOKEN<-token (rev=abc) proxy=1", web.contents())
    tell.row("plan", "no changes", web.plan(a="2"))
    tell.row("Terraform changes A", REPLACED, web.apply(a="3"))
    tell.row("it stays absent", "app=3 A=3 GIT_SHA=def TOKEN<-token (rev=abc) proxy=1", web.contents())
    tell.row("plan again", "no changes", web.plan(a="3"))
    tell.row("the bootstrap image is forced", REPLACED, web.apply(a="3", force_bootstrap=True))
    tell.row(
        "variables are no images", "app=boot A=3 GIT_SHA=def TOKEN<-token (rev=abc) proxy=1", web.contents()
    )
    tell.row("not forced any more", REPLACED, web.apply(a="3"))

    both_own = (
        'refused: Both Terraform and the pipeline own the environment variable "{}" of the container "app"'
    )
    taken = {"environment": {"GIT_SHA": "terraform"}}
    tell.row("Terraform takes GIT_SHA", both_own.format("GIT_SHA"), web.plan(a="3", **taken))
    tell.row(
        "... as a secret: one set of names",
        both_own.format("GIT_SHA"),
        web.plan(a="3", secrets={"GIT_SHA": f"{PARAMETERS}/sha"}),
    )
    tell.row(
        "... and one that is absent", both_own.format("STAGE"), web.plan(a="3", environment={"STAGE": "prod"})
    )
    tell.row("the pipeline sets A, which is Terraform's", "failed", web.deploy("4", "--set-env", "app:A=9"))
    tell.row("... plan", "no changes", web.plan(a="3"))
    tell.row("... it takes A over", "deployed", web.deploy("4", "--set-env", "app:A=9", "--take-over"))
    tell.row("... plan", both_own.format("A"), web.plan(a="3"))
    tell.row("... it gives A back", "deployed", web.deploy(None, "--unset-env", "app:A"))
    tell.row(
        "... A has Terraform's value",
        "app=4 A=3 GIT_SHA=def TOKEN<-token (rev=abc) proxy=1",
        ordered(web),
    )
    tell.row("... plan", "no changes", web.plan(a="3"))
    tell.row("... it takes A over again", "deployed", web.deploy(None, "--set-env", "app:A=9", "--take-over"))
    tell.row("... Terraform lets it go", REPLACED, web.apply(a=""))
    tell.row(
        "... and it is the pipeline's", "app=4 A=9 GIT_SHA=def TOKEN<-token (rev=abc) proxy=1", ordered(web)
    )
    tell.row("... plan again", "no changes", web.plan(a=""))

    # The change by Terraform put A into Terraform's own revision, which is what a name is given back to.
    tell.row("the pipeline gives back A", "unchanged", web.deploy(None, "--unset-env", "app:A"))
    tell.row("... plan", "no changes; warned of A of app", web.plan(a=""))
    tell.row("... and Terraform takes it", REPLACED, web.apply(a="5"))
    tell.row("... it is Terraform's", "app=4 A=5 GIT_SHA=def TOKEN<-token (rev=abc) proxy=1", ordered(web))
    tell.row("the pipeline sets NEW", "deployed", web.deploy(None, "--set-env", "app:NEW=1"))
    tell.row("... and gives it back", "deployed", web.deploy(None, "--unset-env", "app:NEW"))
    tell.row("... it is gone", "app=4 A=5 GIT_SHA=def TOKEN<-token (rev=abc) proxy=1", ordered(web))
    tell.row("... plan", "no changes", web.plan(a="5"))
    given_back = ("--unset-env", "app:GIT_SHA", "--unset-secret", "app:TOKEN", "--unset-label", "app:rev")
    tell.row("it gives back the rest", "deployed", web.deploy("5", *given_back, "--unset-env", "app:STAGE"))
    tell.row("... plan", "no changes; warned of GIT_SHA of app, TOKEN of app, rev of app", web.plan(a="5"))
    tell.row("... Terraform takes GIT_SHA", REPLACED, web.apply(a="5", **taken))
    tell.row("... and removes the others", "app=5 A=5 GIT_SHA=terraform proxy=1", web.contents())
    tell.row("... plan again", "no changes", web.plan(a="5", **taken))
    tell.row("the pipeline deploys 6", "deployed", web.deploy("6", "--set-env", "app:STAGE=1"))
    tell.row("... plan", "no changes", web.plan(a="5", **taken))

    tell.row("a plan is saved", REPLACED, web.save(a="6", **taken))
    tell.row("... the pipeline sets STAGE", "deployed", web.deploy(None, "--set-env", "app:STAGE=2"))
    tell.row(
        "... the saved plan is applied", "applied", "refused" if "refused" in web.apply_saved() else "applied"
    )
    tell.row("... and takes it back", "app=6 A=6 GIT_SHA=terraform STAGE=1 proxy=1", web.contents())
    tell.row("... which a warning tells", f"no changes{WARNED}", web.plan(a="6", **taken))
    tell.row("... until the next deployment", "deployed", web.deploy(None, "--set-env", "app:STAGE=2"))
    tell.row("... plan", "no changes", web.plan(a="6", **taken))


def variables_only(tell, tools):
    """A service of which the pipeline owns a variable and no image."""
    web = World("variables-only", "variables_only", tools)
    web.apply()
    tell.row("the pipeline sets a variable", "deployed", web.deploy(None, "--set-env", "app:GIT_SHA=abc"))
    tell.row("plan", "no changes", web.plan())
    other = {"image": "registry.example.com/app:2"}
    tell.row("Terraform changes its image", REPLACED, web.apply(**other))
    tell.row("the variable is kept", "revision 3 app=2 GIT_SHA=abc", web.live())
    tell.row("plan again", "no changes", web.plan(**other))
    tell.row("the pipeline gives it back", "unchanged", web.deploy(None, "--unset-env", "app:GIT_SHA"))
    tell.row("plan", "no changes; warned of GIT_SHA of app", web.plan(**other))
    replace = "-replace=module.web.aws_ecs_task_definition.this"
    tell.row(
        "Terraform registers its own anew", "replace definition; update service", web.apply(replace, **other)
    )
    tell.row("it is gone", "revision 4 app=2", web.live())
    tell.row("plan again", "no changes", web.plan(**other))


def variables_elsewhere(tell, tools):
    """Variables of the pipeline in a record that is not kept in a parameter."""
    create_bucket("records")
    for name, root in (("owned-remote-state", "remote_state"), ("owned-variables", "variables")):
        web = World(name, root, tools)
        if root == "remote_state":
            tell.row(f"{root}: evenkeel record init", "ok", web.record("init"))
        web.apply()
        set_both = ("--set-env", "app:GIT_SHA=abc", "--set-label", "app:rev=abc")
        tell.row(f"{root}: the pipeline deploys 2 and sets two", "deployed", web.deploy("2", *set_both))
        tell.row(f"{root}: plan", "no changes", web.plan())
        tell.row(f"{root}: Terraform changes A", REPLACED, web.apply(a="2"))
        tell.row(f"{root}: they are kept", "revision 3 app=2 A=2 GIT_SHA=abc (rev=abc)", web.live())


def ordered(web):
    """The contents, whatever the order in which Terraform and the pipeline put in their variables."""
    words = web.contents().split()
    app = sorted(word for word in words[1:-1] if "=" in word and not word.startswith("("))
    rest = [word for word in words[1:-1] if word not in app]
    return " ".join([words[0], *app, *rest, words[-1]])
