"""docs/prefect.md, to be followed line by line: every block of shell that is not marked as one that cannot be."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "prefect.md").read_text()
BLOCK = re.compile(r"(<!-- not executed: [^>]+ -->\n)?^```(sh|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(kind):
    """The blocks of a language that can be executed."""
    return [lines for marked, language, lines in BLOCK.findall(PAGE) if language == kind and not marked]


UP, QUARANTINE, RUN, OVER_HTTP = blocks("sh")
(FLEETS,) = blocks("toml")


def follow(lines, person):
    """Run lines in a shell of somebody with this home directory, and return what they printed."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "XDG_"))}
    path = f"{Path(sys.executable).parent}:{variables['PATH']}"
    shell = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines],
        cwd=person,
        env={**variables, "HOME": str(person), "PATH": path},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert shell.returncode == 0, shell.stderr
    return shell.stdout


def of_the_example(lines):
    """Lines with the folder, the deployment and an instance of the example fleet, as the page says they are named."""
    names = {"entra-fleet/prefect/": "entra-fleet/embedded/", "fleet/on-demand": "fleet/on-demand-demo"}
    names["prod-eu"] = "aws-1"
    for name, own in names.items():
        assert name in lines
        lines = lines.replace(name, own)
    return lines
