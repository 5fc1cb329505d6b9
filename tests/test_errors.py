"""Every expected error has one base, which says how it is shown and with which code the command ends."""

import importlib
import pkgutil

import pytest

import flows
from flows.base_error import BUSY, FAILED, USAGE, EntraFleetError
from flows.cli.errors import BadUsage, CommandFailed, exit_code_of
from flows.errors import FLEET_BUSY, StepFailed
from flows.plan.diff import UnknownKey
from flows.store import StoreVersionError
from graph_client.errors import Forbidden

# What their callers turn into a problem of the file, and a defect whose text held a secret.
NOT_SHOWN = {"ClauseError", "ExpressionError", "Redacted"}


def exceptions():
    """Every exception class that is defined in flows."""
    for module in pkgutil.walk_packages(flows.__path__, "flows."):
        if "migrations" in module.name or module.name.endswith("__main__"):
            continue
        for each in vars(importlib.import_module(module.name)).values():
            if isinstance(each, type) and issubclass(each, Exception) and each.__module__ == module.name:
                yield each


def test_every_error_of_flows_has_the_one_base():
    others = {each.__name__ for each in exceptions() if not issubclass(each, EntraFleetError)}
    assert others == NOT_SHOWN


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandFailed("no"), FAILED),
        (BadUsage("no"), USAGE),
        (UnknownKey("no"), USAGE),
        (StepFailed("NameTaken", "no"), FAILED),
        (StepFailed(FLEET_BUSY, "no"), BUSY),
        (StoreVersionError("store", "0100", "0101"), FAILED),
        (Forbidden("no"), FAILED),
        (ValueError("a defect"), None),
    ],
    ids=lambda each: type(each).__name__,
)
def test_the_error_says_the_exit_code(error, code):
    assert exit_code_of(error) == code


def test_the_hint_is_the_last_line():
    assert str(CommandFailed("what\nwhere", "what to do")).splitlines() == ["what", "where", "what to do"]
    assert str(CommandFailed("what")) == "what"
