"""Ctrl-C before a command has begun anything is not silent."""

import pytest

from tests.estates import fleet, instance


@pytest.mark.parametrize("begun", ["flows.fleet_file.loader.load_fleet", "flows.cli.processes.run_flow.run_flow"])
def test_an_apply_says_that_nothing_was_changed(entra_fleet, write_fleet, monkeypatch, begun):
    monkeypatch.setattr(begun, interrupt)
    result = entra_fleet("apply", write_fleet(fleet(instance("eu"))), "--yes")
    assert (result.code, result.out) == (130, "")
    assert result.err.split() == ["Interrupted.", "Nothing", "was", "changed."]


def test_a_command_without_a_fleet_says_that_it_was_interrupted(entra_fleet, monkeypatch):
    monkeypatch.setattr("flows.cli.processes.run_flow.run_flow", interrupt)
    result = entra_fleet("harvest")
    assert (result.code, result.err.split()) == (130, ["Interrupted."])


def interrupt(*_, **__):
    raise KeyboardInterrupt
