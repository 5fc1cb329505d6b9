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
from flows.cli.output.console import print_json, stderr_console, stdout_console

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
        Path | None, typer.Option(metavar="FILE", help="Also write the plan as Markdown, for a pull request.")
    ] = None,
    only: OnlyOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
    save_credentials: Annotated[
        bool, typer.Option(help="Plan to save credentials again even if they are already saved.")
    ] = False,
    force: ForceOption = False,
    detailed_exitcode: Annotated[bool, typer.Option(help="Exit with code 2 if there are changes.")] = False,
) -> None:
    """Show what apply would change, and why. Writes nothing and reads no secrets."""
    from rich.text import Text

    from flows.configuration.environment import use_store
    from flows.plan.safety import find_refusal

    use_store(store)
    options = PlanOptions(only, save_credentials, force)
    plan = make_plan(fleet, tenant, options)
    if out:
        write_plan_file(out, plan, options)
    refusal = find_refusal(plan, force=force)
    if markdown:
        _write_markdown(markdown, plan, refusal)
    if output is Output.JSON:
        print_json(plan.as_json())
    else:
        show_plan(plan, stdout_console())
        if refusal:
            stdout_console().print(Text(f"Apply will refuse this plan: {refusal}"), soft_wrap=True)
    if detailed_exitcode and plan.has_changes:
        raise typer.Exit(CHANGES)


def _write_markdown(path: Path, plan: "Plan", refusal: Exception | None) -> None:
    from flows.plan.text import format_plan_markdown

    try:
        path.write_text(format_plan_markdown(plan, refusal), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}", "Name a file in a directory that you can write to.") from None


def make_plan(path: Path, tenant: str | None, options: PlanOptions) -> "Plan":
    """Read the tenant and return what an apply would do."""
    from flows.fleet_file.loader import load_fleet
    from flows.plan.diff import select_instances

    fleet = load_fleet(path)
    select_instances(fleet, options.only)
    with stderr_console().status("reading the tenant"):
        return asyncio.run(_plan(fleet, tenant, options))


async def _plan(fleet: "Fleet", tenant: str | None, options: PlanOptions) -> "Plan":
    from flows.configuration.sign_in import open_client
    from flows.plan.diff import diff_fleet
    from flows.plan.known_state import read_known_state
    from flows.plan.schema_changes import estimate_scopes
    from flows.tenant.observe import observe_fleet
    from graph_client.parallel import gather

    async with open_client(tenant, fleet.tenant_id) as (graph, _):
        observed, memory = await gather(observe_fleet(graph, fleet, options.only), read_known_state(fleet))
        plan = diff_fleet(
            fleet,
            observed,
            memory=memory,
            only=options.only,
            save_all=options.save_credentials,
            force=options.force,
            now=graph.now(),
        )
        return await estimate_scopes(graph, plan)


def show_plan(plan: "Plan", console: "Console") -> None:
    """Print a plan as text."""
    from rich.text import Text

    from flows.cli.output.tables import plan_table
    from flows.plan.text import format_remarks, format_summary

    table = plan_table(plan)
    if table.row_count:
        console.print(table)
    for line in format_remarks(plan):
        console.print(Text(line), soft_wrap=True)
    console.print(Text(format_summary(plan)), soft_wrap=True)
