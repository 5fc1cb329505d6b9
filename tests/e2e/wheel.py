"""The program as people have it: a wheel in an environment of its own."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.cli.conftest import ROOT


def installed_wheel(directory):
    """Build a wheel and install it beside what this environment has; the folder with its programs."""
    run("-m", "hatchling", "build", "-t", "wheel", "-d", directory / "dist")
    run("-m", "venv", "--without-pip", directory / "venv")
    (wheel,) = (directory / "dist").glob("*.whl")
    python = directory / "venv" / "bin" / "python"
    quick = ("--no-deps", "--no-index", "--no-compile", "--quiet", "--disable-pip-version-check")
    run("-m", "pip", "--python", python, "install", *quick, wheel)
    # Its dependencies, without what this environment has of ours: a path in such a file brings no further ones in.
    (site,) = (directory / "venv" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def run(*arguments):
    subprocess.run([sys.executable, *map(str, arguments)], cwd=ROOT, check=True, capture_output=True, timeout=100)


def starter(programs, folder):
    """As `started`, for the installed program in a folder."""

    def start(*arguments, program="entra-fleet", **variables):
        # Nothing that would have it see this clone.
        inherited = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
        return subprocess.Popen(
            [str(Path(programs) / program), *map(str, arguments)],
            cwd=folder,
            env=inherited | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
