"""What comes along in an installed package: the same as in a clone."""

import shutil
import tomllib

import pytest

from flows.cli.deploy.prefect_yaml import find_packaged_file
from tests.cli.conftest import ROOT, finished, started

WHEEL = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]


@pytest.fixture
def installed(tmp_path):
    """A directory with what a wheel has."""
    site = tmp_path / "site-packages"
    for package in WHEEL["packages"]:
        shutil.copytree(ROOT / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    for source, target in WHEEL["force-include"].items():
        (site / target).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, site / target)
    return site


PROGRAM = """
import sys
from flows.cli.deploy.prefect_yaml import prefect_yaml
from flows.cli.deploy.prefect_yaml import find_packaged_file
print(find_packaged_file("prefect.yaml").is_relative_to(sys.argv[1]))
print(len(prefect_yaml()["deployments"]), len(list(find_packaged_file("deployments/automations").glob("*.yaml"))))
"""


def test_an_installed_package_has_its_deployments_and_automations_with_it(installed):
    result = finished(started(installed, program=("-c", PROGRAM), PYTHONPATH=str(installed), PYTHONSAFEPATH="1"))
    here = len(list(find_packaged_file("deployments/automations").glob("*.yaml")))
    assert result.err == ""
    own, counts = result.out.splitlines()
    assert own == "True"
    assert [int(count) for count in counts.split()][1] == here > 0
