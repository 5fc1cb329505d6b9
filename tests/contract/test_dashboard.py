"""The dashboard as Grafana's own types read it; Grafana itself is in no registry that the tests can install from."""

import copy
import importlib.util
import json
from pathlib import Path

import pytest

from tests.contract.conftest import is_required

DASHBOARD = json.loads((Path(__file__).parents[2] / "deployments/grafana-dashboard.json").read_text())


@pytest.fixture
def read_as_grafana():
    """Reads a dashboard into Grafana's types and writes it again: what they do not know is gone then."""
    if importlib.util.find_spec("grafana_foundation_sdk") is None:
        hint = "Grafana's types are not installed; pip install -c constraints.txt '.[contract]'"
        (pytest.fail if is_required() else pytest.skip)(hint)
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    return lambda document: json.loads(JSONEncoder().encode(Dashboard.from_json(document)))


def lost(before, after, path=""):
    """The places of what is in one document and not, or otherwise, in the other."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            yield from lost(value, after[name], f"{path}.{name}") if name in after else [f"{path}.{name}"]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from lost(one, other, f"{path}[{number}]")
    elif before != after:
        yield path


def test_grafana_knows_all_that_the_dashboard_says(read_as_grafana):
    assert list(lost(DASHBOARD, read_as_grafana(DASHBOARD))) == []


def test_a_name_that_grafana_does_not_know_would_be_noticed(read_as_grafana):
    wrong = copy.deepcopy(DASHBOARD)
    wrong["panels"][0]["fieldConfig"]["default"] = {}
    wrong["panels"][0]["targets"][0]["expression"] = "up"
    assert set(lost(wrong, read_as_grafana(wrong))) == {
        ".panels[0].fieldConfig.default",
        ".panels[0].targets[0].expression",
    }
