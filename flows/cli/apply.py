"""`entra-fleet apply`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.errors import FAILED, BadUsage
from flows.cli.options import FleetArgument, OnlyOption, Output, OutputOption, StoreOption, TenantOption
from flows.cli.output import person, print_json, show_failure
from flows.counts import in_words

if TYPE_CHECKING:
    from flows.reconcile.outcome import FleetOutcome


def command(
    fleet: FleetArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking.")] = False,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Instances worked on at once.")] = 10,
    only: OnlyOption = None,
    change: Annotated[str | None, typer.Option(metavar="TICKET", help="Ticket to note in the journal.")] = None,
    save_credentials: Annotated[bool, typer.Option(help="Save credentials that are there already again.")] = False,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Make the tenant what the fleet file says."""
    from flows.environment import use_store
    from flows.reconcile.diff import select
    from flows.reconcile.fleet_file import load_fleet

    use_store(store)
    desired = load_fleet(fleet)
    select(desired, only)
    if not (yes or _confirmed(fleet, only, tenant, save_credentials)):
        return

    from flows.cli.engine import run_flow
    from flows.provision import provision_fleet

    parameters = {
        "fleet": desired.to_object(),
        "tenant": tenant,
        "only": only,
        "concurrency": concurrency,
        "change": change,
        "save_credentials": save_credentials,
    }
    outcome = run_flow(provision_fleet, parameters)
    if output is Output.JSON:
        print_json(outcome.as_json())
    else:
        show_outcome(outcome)
    if outcome.failed:
        raise typer.Exit(FAILED)


def show_outcome(outcome: "FleetOutcome") -> None:
    """Print an outcome for a person: what failed in full, the rest in one line."""
    from flows.cli.tables import outcome_table

    console = person()
    if any(each.outcome != "unchanged" for each in outcome.instances):
        console.print(outcome_table(outcome))
    counts = in_words(outcome.summary)
    console.print(f"{outcome.fleet}: {counts or 'no instances'}; {outcome.requests} requests, {outcome.seconds:.1f} s.")
    for each in outcome.instances:
        if each.failure:
            show_failure(each.key, each.failure)


def _confirmed(path: Path, only: list[str] | None, tenant: str | None, save_credentials: bool) -> bool:
    from flows.cli.plan import plan_of, show_plan

    if not sys.stdin.isatty():
        raise BadUsage("apply asks before it changes anything, and there is no terminal to ask on.\nAdd --yes.")
    plan = plan_of(path, only, tenant, save_credentials)
    show_plan(plan)
    return plan.has_changes and typer.confirm("Apply?", err=True)
