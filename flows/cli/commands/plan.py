"""`entra-fleet plan`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.arguments.options import (
    FleetArgument,
    ForceOption,
    OnlyOption,
    Output,
    OutputOption,
    StoreOption,
    TenantOption,
)
from flows.cli.arguments.plan_file import PlanOptions, write_plan_file
from flows.cli.errors import CommandFailed
from flows.cli.output.console import aside, person, print_json
from graph_client.parallel import gather

if TYPE_CHECKING:
    from rich.console import Console

    from flows.fleet_file.models import Fleet
    from flows.plan.plan import Plan

CHANGES = 2


def command(
    fleet: FleetArgument,
    out: Annotated[
        Path | None, typer.Option(metavar="PLAN", help="Write the plan to a file, for apply --plan-file.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the plan as Markdown too, for a pull request.")
    ] = None,
    only: OnlyOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
    save_credentials: Annotated[bool, typer.Option(help="Plan to save credentials that are there again.")] = False,
    force: ForceOption = False,
    detailed_exitcode: Annotated[bool, typer.Option(help="Exit with 2 if there are changes.")] = False,
) -> None:
    """Show what an apply would change, and why. Writes nothing and reads no secret."""
    from rich.text import Text

    from flows.configuration.environment import use_store
    from flows.plan.safety import refused

    use_store(store)
    options = PlanOptions(only, save_credentials, force)
    plan = plan_of(fleet, tenant, options)
    if out:
        write_plan_file(out, plan, options)
    refusal = refused(plan, force=force)
    if markdown:
        _write_markdown(markdown, plan, refusal)
    if output is Output.JSON:
        print_json(plan.as_json())
    else:
        show_plan(plan, person())
        if refusal:
            person().print(Text(f"An apply will be refused: {refusal}"), soft_wrap=True)
    if detailed_exitcode and plan.has_changes:
        raise typer.Exit(CHANGES)


def _write_markdown(path: Path, plan: "Plan", refusal: Exception | None) -> None:
    from flows.plan.markdown import plan_markdown

    try:
        path.write_text(plan_markdown(plan, refusal), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}\nName a file in a directory this user may write to.") from None


def plan_of(path: Path, tenant: str | None, options: PlanOptions) -> "Plan":
    """Look at the tenant and return what an apply would do."""
    from flows.fleet_file.loader import load_fleet
    from flows.plan.diff import select

    fleet = load_fleet(path)
    select(fleet, options.only)
    with aside().status("looking at the tenant"):
        return asyncio.run(_plan(fleet, tenant, options))


async def _plan(fleet: "Fleet", tenant: str | None, options: PlanOptions) -> "Plan":
    from flows.configuration.sign_in import signed_in
    from flows.plan.diff import diff
    from flows.plan.scope_estimate import estimated
    from flows.run.load_known_state import memory_of
    from flows.tenant.observe import observe

    async with signed_in(tenant, fleet.tenant_id) as (graph, _):
        observed, memory = await gather(observe(graph, fleet, options.only), memory_of(fleet))
        plan = diff(
            fleet,
            observed,
            memory=memory,
            only=options.only,
            save_all=options.save_credentials,
            force=options.force,
            now=graph.now(),
        )
        return await estimated(graph, plan)


def show_plan(plan: "Plan", console: "Console") -> None:
    """Print a plan for a person."""
    from rich.text import Text

    from flows.cli.output.tables import plan_table
    from flows.plan.text import besides, in_summary

    table = plan_table(plan)
    if table.row_count:
        console.print(table)
    for line in besides(plan):
        console.print(Text(line), soft_wrap=True)
    console.print(Text(in_summary(plan)), soft_wrap=True)
