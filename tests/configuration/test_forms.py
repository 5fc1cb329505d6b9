"""What Prefect makes of the flows' signatures: the form of a run, and what the server refuses."""

import importlib
from pathlib import Path

import pytest
from prefect import Flow

ROOT = Path(__file__).parents[2]
MODULES = [
    f"flows.{path.stem}"
    for path in sorted((ROOT / "flows").glob("*.py"))
    if "@flow(" in path.read_text(encoding="utf-8")
]


def flows_of(module):
    return [each for each in vars(importlib.import_module(module)).values() if isinstance(each, Flow)]


@pytest.mark.parametrize("module", MODULES)
def test_each_parameter_is_described_in_the_form(module):
    for flow in flows_of(module):
        described = {name: field.get("description") for name, field in flow.parameters.properties.items()}
        assert [name for name, text in described.items() if not text] == []
        assert flow.description


def test_every_flow_of_the_package_is_looked_at():
    assert {flow.name for module in MODULES for flow in flows_of(module)} >= {
        "provision-fleet",
        "monitor-fleet",
        "harvest-logs",
        "control-jobs",
        "rotate-credentials",
        "retire-instances",
    }


@pytest.mark.parametrize("module", MODULES)
def test_no_flow_takes_a_secret(module):
    for flow in flows_of(module):
        assert not set(flow.parameters.properties) & {"secret", "password", "client_secret", "token"}
        assert "writeOnly" not in str(flow.parameters.properties)
