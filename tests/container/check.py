"""Checks the image, and deploys real containers with it. `build` beside this file has built it."""

import argparse
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

import image
import publish
import rollouts
from engine import Cleanup
from registry import Registry
from table import Table

ROOT = Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", required=True)
    parser.add_argument("--evenkeel", required=True, type=Path, help="the binary with the embedded AWS")
    parser.add_argument(
        "--service", required=True, type=Path, help="the binary of service/main.rs, linked statically"
    )
    parser.add_argument("--only", nargs="*", help="the parts to check; default: all")
    given = parser.parse_args()

    tell = Table()
    with Cleanup() as cleanup:
        registry = Registry()
        parts = {
            "image": lambda: image.check(tell, given.image, registry, cleanup),
            "deploy": lambda: image.deploys(tell, given.image, given.evenkeel.resolve(), cleanup),
            "rollouts": lambda: rollouts.check(tell, given.image, given.service, registry, cleanup),
            "action": lambda: rust(
                tell,
                given.image,
                "The GitHub action, built and started as GitHub's runner does",
                "success and failure are told by the runner's files and commands",
                "cli",
                "github::container",
            ),
            "replicas": lambda: rust(
                tell,
                given.image,
                "Three replicas on one queue: one is killed, one is cut off and comes back",
                "all jobs end once and right",
                "worker",
                "replicas",
                told="actions ended",
            ),
            "publish": lambda: publish.check(tell, registry, cleanup),
        }
        for name, part in parts.items():
            if given.only and name not in given.only:
                continue
            try:
                part()
            except Exception:
                # The other parts are still worth knowing.
                traceback.print_exc(file=sys.stdout)
                tell.row(f"{name} can be checked to its end", True, False)
    print(f"\n{tell.passed} passed, {tell.failed} failed")
    return 1 if tell.failed else 0


def rust(tell, tag, heading, promise, test, name, told=None):
    """A test of the Rust project that runs the image, if it is named one."""
    tell.heading(heading)
    done = subprocess.run(
        ["cargo", "test", "--locked", "--test", test, name, "--", "--nocapture"],
        cwd=ROOT,
        env=os.environ | {"EVENKEEL_IMAGE": tag},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    for line in done.stderr.splitlines():
        if told and told in line:
            tell.note(line)
    ran = re.search(r"test result: ok\. [1-9]\d* passed", done.stdout) and "skipped" not in done.stderr
    tell.row(promise, (0, True), (done.returncode, bool(ran)))
    if not ran:
        tell.note((done.stdout + done.stderr)[-4000:])


if __name__ == "__main__":
    sys.exit(main())
