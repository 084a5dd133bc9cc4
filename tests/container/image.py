"""What is in the image, and what it does with as few rights as a container can have."""

import json
import os
import re
import tarfile
import tempfile
import uuid
from pathlib import Path

from engine import CONFINED, docker, inspect, until
from tls import Tls

LIMIT = 25_000_000

# Everything in it that is a file. The engine puts the other files, like /etc/hosts, into every container.
FILES = {
    "etc/group", "etc/nsswitch.conf", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "evenkeel",
}
ENGINES_OWN = {".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf"}


def check(tell, image, registry, cleanup):
    tell.heading("The image")
    layers_and_size(tell, image, registry, cleanup)
    settings(tell, image)
    content(tell, image, cleanup)


def layers_and_size(tell, image, registry, cleanup):
    pushed = f"{registry.address}/evenkeel:size"
    docker("tag", image, pushed)
    cleanup.later("rmi", pushed)
    docker("push", pushed)
    manifest = registry.manifest("evenkeel:size")
    history = docker(
        "history", "--no-trunc", "--format", "{{.Size}}\t{{.CreatedBy}}", image
    ).stdout.splitlines()
    layers = [line for line in reversed(history) if not line.startswith("0B")]
    for layer, line in zip(manifest["layers"], layers):
        size, command = line.split("\t")
        command = re.sub(
            r"^.*?(COPY|WORKDIR|ADD)", r"\1", re.sub(r"(dir|file|multi):[0-9a-f]+", r"\1", command)
        )
        tell.note(f"{layer['size'] / 1e6:6.2f} MB compressed, {size:>7} unpacked: {command}")
    total = sum(layer["size"] for layer in manifest["layers"])
    tell.note(f"{total / 1e6:6.2f} MB compressed, {inspect(image)['Size'] / 1e6:.1f} MB unpacked: together")
    tell.row("it is 25 MB at most, compressed", True, total <= LIMIT)


def settings(tell, image):
    config = inspect(image)["Config"]
    tell.row("its user is not root, and a number", "65532:65532", config["User"])
    tell.row("its entry point is the binary", ["/evenkeel"], config["Entrypoint"])
    tell.row("it is stopped by the signal that hands jobs back", "SIGTERM", config["StopSignal"])
    labels = {
        name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()
    }
    version = docker("run", "--rm", "--network", "none", *CONFINED, image, "--version").stdout.strip()
    tell.row(
        "--version runs in it, and the labels say the same", f"evenkeel {labels.get('version')}", version
    )
    tell.row(
        "its labels", {"title", "description", "licenses", "version", "revision", "created"}, set(labels)
    )
    sandbox = docker("run", "--rm", "--network", "none", *CONFINED, image, "sandbox", check=False)
    tell.row("the embedded AWS is not in it", (2, True), (sandbox.returncode, "'sandbox'" in sandbox.stderr))


def content(tell, image, cleanup):
    name = f"evenkeel-content-{uuid.uuid4().hex[:8]}"
    docker("create", "--name", name, image)
    cleanup.later("rm", "--force", name)
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder, "image.tar")
        docker("export", "--output", exported, name)
        with tarfile.open(exported) as archive:
            members = archive.getmembers()
            bundle = archive.extractfile("etc/ssl/certs/ca-certificates.crt").read()
    seen = {member.name for member in members if not member.isdir()} - ENGINES_OWN
    tell.row("these files are in it and no others, so no shell", sorted(FILES), sorted(seen))
    privileged = [
        member.name for member in members if member.mode & 0o6000 or (member.isfile() and member.mode & 0o002)
    ]
    tell.row("none of them lends rights or can be written by all", [], privileged)
    tell.row("the authorities are the distribution's", True, bundle.count(b"BEGIN CERTIFICATE") > 100)
    for shell in ("/bin/sh", "sh", "/bin/bash", "/busybox/sh"):
        tried = docker(
            "run", "--rm", "--network", "none", "--entrypoint", shell, image, "-c", "true", check=False
        )
        tell.row(f"{shell} cannot be run", 127, tried.returncode)


def deploys(tell, image, evenkeel, cleanup):
    """A deployment in the image, against the embedded AWS in a container of its own that is found by its name."""
    tell.heading(
        "A deployment in the image: neither root nor capabilities, a root file system that is only read"
    )
    network = f"evenkeel-{uuid.uuid4().hex[:8]}"
    docker("network", "create", network)
    cleanup.later("network", "rm", network)
    # The binary with the embedded AWS was linked for this machine, whose libraries it gets.
    libraries = [
        f"--volume={place}:{place}:ro" for place in ("/lib", "/lib64", "/usr/lib") if Path(place).exists()
    ]
    docker(
        *(
            "run",
            "--detach",
            "--name",
            f"{network}-aws",
            "--network",
            network,
            "--network-alias",
            "aws",
            *CONFINED,
            *libraries,
        ),
        *(
            f"--volume={evenkeel}:/embedded:ro",
            "--entrypoint",
            "/embedded",
            image,
            "sandbox",
            "--serve",
            "0.0.0.0:4566",
        ),
    )
    cleanup.later("rm", "--force", f"{network}-aws")
    until("the embedded AWS starts", lambda: "AWS_ENDPOINT_URL" in docker("logs", f"{network}-aws").stdout)

    workspace = cleanup.folder()
    # As a build leaves its workspace: another user's, who alone may write.
    owner = 1001
    workspace.chmod(0o755)
    (workspace / "imagedefinitions.json").write_text(
        '[{"name": "app", "imageUri": "registry.example.com/shop/web:2.0"}]'
    )
    if os.getuid() == 0:
        os.chown(workspace, owner, owner)

    def run(*arguments, options=(), more={}):
        settings = {
            "AWS_ENDPOINT_URL": "http://aws:4566",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
        } | more
        environment = [f"--env={name}={value}" for name, value in settings.items()]
        what = ["--cluster", "demo", "--service", "web", "--output", "json"]
        return docker(
            *(
                "run",
                "--rm",
                "--network",
                network,
                *CONFINED,
                *environment,
                *options,
                f"--volume={workspace}:/work",
                image,
            ),
            *(arguments[0], *what, *arguments[1:]),
            check=False,
        )

    deployed = run("deploy")
    tell.row("it ends with", 0, deployed.returncode)
    document = json.loads(deployed.stdout or "{}")
    tell.row("its outcome", ("deployed", {"app": "registry.example.com/shop/web:2.0"}), outcome(document))
    tell.row(
        "the same again changes nothing", "unchanged", json.loads(run("deploy").stdout or "{}").get("outcome")
    )

    gateway = inspect(network)["IPAM"]["Config"][0]["Gateway"]
    aws = inspect(f"{network}-aws")["NetworkSettings"]["Networks"][network]["IPAddress"]
    tls = Tls("aws.test", gateway, (aws, 4566))
    (workspace / "authority.pem").write_bytes(tls.authority)
    secure = {"AWS_ENDPOINT_URL": tls.url, "AWS_MAX_ATTEMPTS": "1"}
    host = ("--add-host", f"aws.test:{gateway}")
    unknown = run("deploy", options=host, more=secure)
    tell.row(
        "over TLS, an authority that is not in the image is not trusted",
        (3, True),
        (unknown.returncode, "Set AWS_CA_BUNDLE" in unknown.stderr),
    )
    known = run("deploy", options=host, more=secure | {"SSL_CERT_FILE": "/work/authority.pem"})
    tell.row(
        "over TLS, an authority that it is given is",
        "unchanged",
        json.loads(known.stdout or "{}").get("outcome"),
    )

    record = ("deploy", "--record", "file:record.json")
    refused = run(*record)
    tell.row(
        "it cannot write into a workspace that is another's, and says where",
        True,
        refused.returncode != 0 and "record.json" in refused.stderr + refused.stdout,
    )
    tell.row(
        "it can as the workspace's owner", 0, run(*record, options=["--user", f"{owner}:{owner}"]).returncode
    )
    written = workspace / "record.json"
    tell.row("then the file is the owner's", owner, written.stat().st_uid if written.exists() else None)


def outcome(document):
    services = document.get("services") or [{}]
    images = services[0].get("images") or {}
    return document.get("outcome"), {name: image for name, image in images.items() if name == "app"}
