"""Writes the tables of inputs and outputs in the modules' READMEs from their variables and outputs.

python inputs.py            writes them
python inputs.py --check    says which are not as they would be written, by the status
"""

import re
import sys
from pathlib import Path

MODULES = Path(__file__).parent.parent.parent / "pipeline/terraform"
BEGIN, END = "<!-- from variables.tf and outputs.tf -->\n", "<!-- end -->\n"
BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)


def tables(module):
    files = [*sorted(module.glob("variables*.tf")), module / "outputs.tf"]
    blocks = [found for file in files for found in BLOCK.findall(file.read_text())]
    lines = ["| input | type | default | |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{name}` | {kind(body)} | {default(body)} | {description(body)} |"
        for what, name, body in blocks
        if what == "variable"
    ]
    lines += ["", "| output | |", "| --- | --- |"]
    lines += [f"| `{name}` | {description(body)} |" for what, name, body in blocks if what == "output"]
    return "\n".join(lines) + "\n"


def kind(body):
    spelled = re.search(r"^  type\s+= (.*)$", body, re.MULTILINE)[1]
    collection = re.match(r"(\w+)\(object\(\{", spelled)
    return f"`{collection[1]}(object)`" if collection else f"`{re.sub(r'object[(][{].*', 'object', spelled)}`"


def default(body):
    found = re.search(r"^  default\s+= (.*)$", body, re.MULTILINE)
    return f"`{found[1]}`" if found else "**required**"


def description(body):
    text = re.search(r'^  description\s+= "(.*)"$', body, re.MULTILINE)[1]
    return text.replace('\\"', '"').replace("|", "\\|")


def written(readme):
    before, rest = readme.read_text().split(BEGIN)
    return before + BEGIN + tables(readme.parent) + END + rest.split(END)[1]


stale = []
for readme in sorted(MODULES.glob("*/README.md")):
    if BEGIN in readme.read_text() and readme.read_text() != written(readme):
        stale.append(str(readme.relative_to(MODULES)))
        if "--check" not in sys.argv:
            readme.write_text(written(readme))
if stale and "--check" in sys.argv:
    print(f"run tests/terraform/inputs.py: {', '.join(stale)}")
    raise SystemExit(1)
