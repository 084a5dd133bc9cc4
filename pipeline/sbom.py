"""Prints the software bill of materials of Evenkeel's image, as CycloneDX 1.5 in JSON.

    python3 pipeline/sbom.py CRATES PACKAGES

CRATES is what `cargo metadata` says of the image's features and target, PACKAGES the lines `name version architecture` of
the distribution's packages that files were copied from; the Dockerfile's stage `build` has both. Equal input is equal
output: there is neither a time nor a random number in it.
"""

import json
import sys
from pathlib import Path


def main(crates, packages):
    metadata = json.loads(Path(crates).read_text())
    by_id = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    compiled_in = reached(root, nodes)
    debian = [line.split() for line in Path(packages).read_text().splitlines()]
    libraries = [library(*words) for words in debian]
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": crate(by_id[root]) | {"type": "application"}},
        "components": [
            crate(by_id[each]) for each in sorted(compiled_in - {root}, key=lambda it: key(by_id[it]))
        ]
        + libraries,
        "dependencies": [
            {
                "ref": reference(by_id[each]),
                "dependsOn": sorted(reference(by_id[it]) for it in normal(nodes[each])),
            }
            for each in sorted(compiled_in, key=lambda it: key(by_id[it]))
        ],
    }
    json.dump(bill, sys.stdout, indent=2)
    print()


def reached(root, nodes):
    """The crates that are linked into the binary, or that its procedural macros are made of."""
    found, open_ends = set(), [root]
    while open_ends:
        if (each := open_ends.pop()) not in found:
            found.add(each)
            open_ends += normal(nodes[each])
    return found


def normal(node):
    """What a crate depends on where it is used, unlike its tests and its build script."""
    return [dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]


def key(package):
    return package["name"], package["version"]


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def crate(package):
    component = {
        "type": "library",
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "purl": reference(package),
    }
    if package.get("license"):
        # Older crates write a slash where SPDX has OR.
        component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if package.get("repository"):
        component["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return component


def library(name, version, architecture):
    purl = f"pkg:deb/debian/{name}@{version.replace('+', '%2B')}?arch={architecture}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


if __name__ == "__main__":
    main(*sys.argv[1:])
