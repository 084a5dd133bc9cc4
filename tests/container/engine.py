"""The Docker engine's command line, and what a test leaves behind of it: nothing."""

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

# What a container of ours may not do, wherever it runs: the least that an orchestrator can be told to give it.
CONFINED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]


def docker(*arguments, check=True, **options):
    """Runs a command of the engine; returns its status, standard output and standard error."""
    done = subprocess.run(
        ["docker", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"docker {' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done


def inspect(what):
    return json.loads(docker("inspect", what).stdout)[0]


def until(what, is_so, seconds=60):
    """Waits until `is_so` returns something true, and returns it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = is_so()
        if seen:
            return seen
        time.sleep(0.2)
    raise RuntimeError(f"not within {seconds} s: {what}")


class Cleanup:
    """Removes containers, networks, images and folders at the end, whatever happened before; the newest first."""

    def __init__(self):
        self.commands, self.folders = [], []

    def folder(self):
        self.folders.append(Path(tempfile.mkdtemp(prefix="evenkeel-container-")))
        return self.folders[-1]

    def later(self, *arguments):
        self.commands.append(arguments)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for command in reversed(self.commands):
            docker(*command, check=False)
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
