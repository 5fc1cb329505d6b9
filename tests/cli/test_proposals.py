"""What a triage tells people to run can be run as it is told."""

import shlex

import pytest
import typer

from flows.cli.main import app
from flows.monitoring.error_codes import error_codes
from flows.monitoring.triage import explain, triage
from flows.reconcile.reset_scope import ResetScope, reset_scope


def told():
    table = error_codes()
    for entry in table.errors:
        yield from explain(entry.codes[0], None, "prod").proposal.commands
    for entry in table.quarantines:
        yield from triage("prod", entry.codes[0], None, None, []).proposal.commands
        yield from triage("prod", entry.codes[0], table.errors[0].codes[0], None, []).proposal.commands


@pytest.mark.parametrize("command", sorted(set(told())))
def test_a_command_that_is_told_exists_and_is_allowed(command):
    program, *arguments = shlex.split(command)
    assert program == "entra-fleet"
    group = typer.main.get_command(app)
    while hasattr(group, "commands"):
        group = group.commands[arguments.pop(0)]
    given = group.make_context(group.name, arguments).params
    if "reset" in given:
        wanted = [ResetScope(each) for each in given["reset"] or ()]
        assert set(reset_scope(wanted, force=given["force"]).split(", ")) == set(wanted or ["QuarantineState"])
