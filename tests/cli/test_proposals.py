"""What a triage tells people to run can be run as it is told."""

import shlex

import pytest
import typer

from flows.cli.main import app
from flows.monitoring.error_codes import error_codes
from flows.monitoring.triage import explain_error, explain_quarantine
from flows.plan.credential_changes import build_rotation_plan
from flows.plan.diff import diff_fleet
from flows.plan.job_control import ResetScope, plan_job_controls, reset_scope
from flows.store import Failure
from flows.tenant.observe import observe_fleet
from tests.tenant.crowds import crowd, graph_of

KEY = "k0"


def told(reason):
    """The commands that are told of a quarantine, whatever error is behind it."""
    errors = [entry.codes[0] for entry in error_codes().errors]
    of_the_job = [(None, None, []), ("X", "x", []), *((code, None, []) for code in errors)]
    of_its_events = [(None, None, [Failure(code, 1)]) for code in errors]
    for job_error, message, failures in of_the_job + of_its_events:
        yield from explain_quarantine(KEY, reason, job_error, message, failures).proposal.commands


def all_told():
    table = error_codes()
    for entry in table.errors:
        yield from explain_error(entry.codes[0], None, KEY).proposal.commands
    for check in table.scoping:
        yield from explain_error(None, None, KEY, details={check.codes[0]: "False"}).proposal.commands
    for entry in table.quarantines:
        yield from told(entry.codes[0])


def parsed(command):
    """The names of a command, and its parameters as typer reads them."""
    program, *arguments = shlex.split(command)
    assert program == "entra-fleet"
    group, names = typer.main.get_command(app), []
    while hasattr(group, "commands"):
        names.append(arguments.pop(0))
        group = group.commands[names[-1]]
    return names, group.make_context(group.name, arguments).params


@pytest.mark.parametrize("command", sorted(set(all_told())))
def test_a_command_that_is_told_exists_and_is_allowed(command):
    _, given = parsed(command)
    if "reset" in given:
        wanted = [ResetScope(each) for each in given["reset"] or ()]
        assert set(reset_scope(wanted, force=given["force"]).split(", ")) == set(wanted or ["QuarantineState"])


@pytest.mark.parametrize("reason", [entry.codes[0] for entry in error_codes().quarantines])
async def test_a_job_in_quarantine_takes_every_command_that_is_told_of_it(reason):
    emulator, wanted = crowd(1)
    async with await graph_of(emulator) as graph:
        ((found,),) = (await observe_fleet(graph, wanted)).instances.values()
        emulator.controls.quarantine(found.jobs[0].id, reason)
        observed = await observe_fleet(graph, wanted)
        for command in sorted(set(told(reason))):
            names, given = parsed(command)
            if names == ["jobs", "restart"]:
                scope = reset_scope([ResetScope(each) for each in given["reset"] or ()], force=given["force"])
                (control,) = await plan_job_controls(
                    graph, wanted, "restart", given["only"], scope, force=given["force"]
                )
                assert (control.refusal, control.needed) == (None, True)
            elif names == ["rotate"]:
                assert [each.conflict for each in build_rotation_plan(wanted, observed, given["only"]).instances] == [
                    None
                ]
            elif names == ["apply"]:
                assert [each.conflict for each in diff_fleet(wanted, observed, only=given["only"]).instances] == [None]
            else:
                assert names == ["harvest"]
