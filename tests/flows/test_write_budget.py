"""The write budget that the environment gives an application."""

import pytest

from flows.configuration.environment import Environment, EnvironmentIncomplete
from graph_client import GraphSettings


def budget(text):
    found = Environment({"ENTRA_FLEET_WRITE_BUDGET": text}).budgeted(GraphSettings())
    return found.writes_per_window, found.write_window_seconds


def test_it_is_graphs_own_unless_it_is_given():
    assert budget("") == (3000, 150.0)
    assert budget("600/150") == (600, 150.0)
    assert budget("20/1.5") == (20, 1.5)


@pytest.mark.parametrize("text", ["600", "600/", "/150", "many/150", "0/150", "600/-1", "600/150/2", "1.5/1", "9/inf"])
def test_anything_else_is_told(text):
    with pytest.raises(EnvironmentIncomplete) as told:
        budget(text)
    assert f"ENTRA_FLEET_WRITE_BUDGET is {text!r}" in told.value.message
