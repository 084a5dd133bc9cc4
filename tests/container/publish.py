"""The project's own buildspec, run as CodeBuild runs it: every command in one bash, a phase ends with the first that fails.

The Docker engine is the real one. The registry is the one of these tests, where in an account it is Amazon ECR's, and `aws`
answers what a build asks it for. The project's tests, which a build runs, are not run again here.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from engine import docker, inspect

ROOT = Path(__file__).resolve().parents[2]
AWS = """#!/bin/sh
case "$1 $2" in
"sts get-caller-identity") echo 123456789012 ;;
"ecr get-login-password") echo password-of-the-registry ;;
*) echo "not expected of a build: aws $*" >&2; exit 255 ;;
esac
"""


def check(tell, registry, cleanup):
    tell.heading("buildspec.yml: build, test, publish")
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    revision = revision or "0123456789abcdef0123456789abcdef01234567"
    tag = f"{registry.address}/evenkeel:{revision[:12]}"
    cleanup.later("rmi", "--force", "--no-prune", tag, "evenkeel:build")

    failed, workspace, _ = build(registry, cleanup, revision, TEST="false")
    tell.row("a build whose tests fail ends with their status", 1, failed)
    tell.row(
        "and publishes nothing",
        (False, False),
        (f"evenkeel:{revision[:12]}" in registry.manifests, (workspace / "imagedefinitions.json").exists()),
    )

    status, workspace, output = build(registry, cleanup, revision, TEST="cargo --version")
    tell.row("a build whose tests pass ends with", 0, status)
    if status:
        tell.note(output[-3000:])
        return
    definitions = json.loads((workspace / "imagedefinitions.json").read_text())
    pushed = registry.manifests[f"evenkeel:{revision[:12]}"][0]
    digest = next(
        it
        for it, (content, _) in registry.manifests.items()
        if content == pushed and it.startswith("sha256:")
    )
    tell.row(
        "imagedefinitions.json names what was pushed, by its digest",
        [{"name": "worker", "imageUri": f"{registry.address}/evenkeel@{digest}"}],
        definitions,
    )
    tell.row(
        "the image tells its commit",
        revision,
        inspect(tag)["Config"]["Labels"]["org.opencontainers.image.revision"],
    )
    tell.row(
        "the variable is exported", definitions[0]["imageUri"], output.splitlines()[-1].removeprefix("IMAGE=")
    )
    bill(tell, (workspace / "sbom.cdx.json").read_text())


def bill(tell, text):
    refused = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    tell.row("the bill of materials is CycloneDX 1.5", None, refused and str(refused)[:500])
    document = json.loads(text)
    components = document["components"]
    names = {component["name"] for component in components}
    tell.note(f"{len(components)} components, {sum('licenses' in it for it in components)} of them with a licence")
    tell.row(
        "it has what is in the image",
        set(),
        {"aws-sdk-ecs", "rustls", "libc6-dev", "ca-certificates"} - names,
    )
    tell.row("and the compiler's own library", True, any(name.startswith("libgcc-") for name in names))
    tell.row("and nothing that is not", set(), {"proptest", "jsonschema", "windows-sys", "tempfile"} & names)


def build(registry, cleanup, revision, **variables):
    """Runs the phases in a copy of what a source action gives; returns the status, the workspace and what was printed."""
    workspace = cleanup.folder()
    for name in (
        "Cargo.toml",
        "Cargo.lock",
        "Dockerfile",
        ".dockerignore",
        "buildspec.yml",
        "crates",
        "src",
        "pipeline",
    ):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, workspace / name)
    tools = cleanup.folder()
    (tools / "aws").write_text(AWS)
    (tools / "aws").chmod(0o755)

    spec = yaml.safe_load((workspace / "buildspec.yml").read_text())
    settings = {name: str(value) for name, value in spec["env"]["variables"].items()}
    # As the variables of a build take the place of the buildspec's. The compiler's image is the one that is here.
    settings |= {"RUST_IMAGE": os.environ["RUST_IMAGE"], "REGISTRY": registry.address} | variables
    settings |= {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "AWS_REGION": "eu-west-1",
        "CODEBUILD_RESOLVED_SOURCE_VERSION": revision,
        # The login is not to stay with whoever runs the tests.
        "DOCKER_CONFIG": str(tools / "docker"),
    }
    commands = [command for phase in ("pre_build", "build") for command in spec["phases"][phase]["commands"]]
    script = "\n".join(f"{{\n{command}\n}} || exit" for command in commands)
    script += "\n" + "\n".join(f'echo "{name}=${name}"' for name in spec["env"]["exported-variables"])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=workspace,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    return done.returncode, workspace, done.stdout + (done.stderr if done.returncode else "")
