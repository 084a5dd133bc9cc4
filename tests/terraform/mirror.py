"""Puts the stand-in provider where `terraform init` looks for hashicorp/aws.

eval "$(python mirror.py FOLDER)"     makes the mirror there, and points Terraform to it
"""

import json
import platform
import sys
from pathlib import Path

PROVIDER = Path(__file__).parent / "provider"


def install(folder):
    schema = json.loads((PROVIDER / "schema.json").read_text())
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    system = f"{platform.system().lower()}_{machine}"
    place = folder / "mirror" / schema["provider"] / schema["version"] / system
    place.mkdir(parents=True, exist_ok=True)
    program = place / f"terraform-provider-aws_v{schema['version']}"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -B "{PROVIDER / "provider.py"}" "$@"\n')
    program.chmod(0o755)
    configuration = folder / "terraform.rc"
    configuration.write_text(
        f'disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n    path = "{folder / "mirror"}"\n  }}\n}}\n'
    )
    return configuration


def environment(folder):
    """What a Terraform that is to use the stand-in has in its environment; nothing of the user's own settings."""
    folder = folder.resolve()
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    return {
        "TF_CLI_CONFIG_FILE": str(install(folder)),
        "HOME": str(home),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
    }


if __name__ == "__main__":
    for name, value in environment(Path(sys.argv[1])).items():
        print(f"export {name}={json.dumps(value)}")
