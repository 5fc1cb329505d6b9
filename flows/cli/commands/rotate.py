"""`entra-fleet rotate`."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.errors import FAILED
from flows.cli.options import (
    DEFAULT_FLEET,
    FleetArgument,
    Output,
    OutputOption,
    StoreOption,
    TenantOption,
    WaitOption,
    complete_keys,
    confirm,
    require_terminal,
    wait_parameter,
)
from flows.cli.output.console import print_json, print_note

if TYPE_CHECKING:
    from flows.run.journal import FleetOutcome


def command(
    only: Annotated[
        list[str],
        typer.Option("--only", metavar="KEY", help="Instance with new credentials", autocompletion=complete_keys),
    ],
    fleet: FleetArgument = DEFAULT_FLEET,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Rotate without asking for confirmation.")] = False,
    change: Annotated[str | None, typer.Option(metavar="TICKET", help="Ticket to record in the journal.")] = None,
    wait: WaitOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Validate and save new credentials. Changes nothing else."""
    from flows.configuration.environment import use_store
    from flows.fleet_file.loader import load_fleet
    from flows.plan.diff import select_instances

    use_store(store)
    desired = load_fleet(fleet)
    # A wrong key is refused before anyone is asked.
    select_instances(desired, only)
    if not (yes or _confirmed(only)):
        return

    from flows.cli.output.changes import show_outcome
    from flows.cli.processes.run_flow import run_flow
    from flows.rotate import rotate_credentials

    parameters = {
        "fleet": desired.to_object(),
        "only": only,
        "tenant": tenant,
        "change": change,
        **wait_parameter(wait),
    }
    outcome = run_flow(rotate_credentials, parameters)
    if output is Output.JSON:
        print_json(outcome.as_json())
    else:
        show_outcome(outcome)
    _show_quarantined(outcome)
    if outcome.failed:
        raise typer.Exit(FAILED)


def _confirmed(only: list[str]) -> bool:
    require_terminal("rotate")
    return confirm(f"Save new credentials for {', '.join(only)}?")


def _show_quarantined(outcome: "FleetOutcome") -> None:
    for each in outcome.instances:
        if each.job_state == "quarantined" and not each.failure:
            print_note(
                f"\nThe job of {each.key} is in quarantine, where Entra ID retries only about once a day.",
                f"To retry now: entra-fleet jobs restart FLEET --only {each.key}",
            )
