"""`entra-fleet plan`."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import FleetArgument, OnlyOption, Output, OutputOption, TenantOption
from flows.cli.output import aside, person, print_json
from flows.counts import in_words

if TYPE_CHECKING:
    from flows.reconcile.fleet import Fleet
    from flows.reconcile.plan import Plan

CHANGES = 2


def command(
    fleet: FleetArgument,
    only: OnlyOption = None,
    tenant: TenantOption = None,
    output: OutputOption = Output.TEXT,
    save_credentials: Annotated[bool, typer.Option(help="Plan to save credentials that are there again.")] = False,
    detailed_exitcode: Annotated[bool, typer.Option(help="Exit with 2 if there are changes.")] = False,
) -> None:
    """Show what an apply would change, and why. Writes nothing and reads no secret."""
    plan = plan_of(fleet, only, tenant, save_credentials)
    if output is Output.JSON:
        print_json(plan.as_json())
    else:
        show_plan(plan)
    if detailed_exitcode and plan.has_changes:
        raise typer.Exit(CHANGES)


def plan_of(path: Path, only: list[str] | None, tenant: str | None, save_credentials: bool) -> "Plan":
    """Look at the tenant and return what an apply would do."""
    from flows.reconcile.diff import select
    from flows.reconcile.fleet_file import load_fleet

    fleet = load_fleet(path)
    select(fleet, only)
    with aside().status("looking at the tenant"):
        return asyncio.run(_plan(fleet, only, tenant, save_credentials))


async def _plan(fleet: "Fleet", only: list[str] | None, tenant: str | None, save_credentials: bool) -> "Plan":
    from flows.memory import memory_of
    from flows.reconcile.diff import diff
    from flows.reconcile.observe import observe
    from flows.sign_in import signed_in

    async with signed_in(tenant, fleet.tenant_id) as (graph, _):
        observed, memory = await asyncio.gather(observe(graph, fleet, only), memory_of(fleet))
    return diff(fleet, observed, memory=memory, only=only, save_all=save_credentials, now=datetime.now(UTC))


def show_plan(plan: "Plan") -> None:
    """Print a plan for a person."""
    from flows.cli.tables import plan_table

    console = person()
    if plan.has_changes or plan.orphans:
        console.print(plan_table(plan))
    for orphan in plan.orphans:
        console.print(f"orphan: {orphan.display_name} ({orphan.application_id}) bears the mark of {orphan.key}")
    counts = in_words(plan.count())
    console.print(f"{plan.fleet}: {counts or 'no instances'}; {plan.writes} writes to do.")
