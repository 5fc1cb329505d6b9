"""`entra-fleet inventory`."""

import asyncio
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.errors import FAILED, BadUsage
from flows.cli.options import Output, OutputOption, StoreOption, TenantOption, parse_since
from flows.cli.output.console import stderr_console
from flows.cli.output.records import InventoryFormat

if TYPE_CHECKING:
    from flows.inventory.discovery import Progress
    from flows.inventory.inventory import Inventory

ANY, UNREADABLE = "any", "unreadable"


def command(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File to write to, instead of standard output.")
    ] = None,
    form: Annotated[
        InventoryFormat | None, typer.Option("--format", help="Table (the default), JSON Lines, or CSV.")
    ] = None,
    changed_since: Annotated[
        datetime | None,
        typer.Option(
            "--changed-since",
            metavar="AGO",
            parser=parse_since,
            help="Only jobs that changed since, and those removed: a date or time (UTC), or 7d.",
        ),
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on", metavar="RULE", help="Exit with 1 if this finding applies (or any, unreadable); repeatable."
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read every service principal again, not only changes.")] = False,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """List every provisioning job of the tenant, with what is wrong with it. Only reads."""
    from flows.cli.output.inventory import print_inventory, show_summary
    from flows.configuration.environment import use_store

    if form is not None and output is Output.JSON:
        raise BadUsage("--format and --output json are mutually exclusive.")
    # Before the look, which may take minutes.
    rules = _rules(fail_on or ())
    use_store(store)
    with _progress() as tell:
        inventory = asyncio.run(look_through(tenant, tell, changed_since, full=full))
    print_inventory(inventory, None if output is Output.JSON else form or InventoryFormat.TABLE, out)
    show_summary(inventory)
    if _fails(inventory, rules):
        raise typer.Exit(FAILED)


def _rules(chosen: Collection[str]) -> frozenset[str]:
    from flows.inventory.findings import rules

    known = [ANY, UNREADABLE, *(each.rule for each in rules())]
    if unknown := sorted(set(chosen) - set(known)):
        raise BadUsage(f"--fail-on {', '.join(unknown)}: no such rule.", f"Known: {', '.join(known)}.")
    return frozenset(chosen)


def _fails(inventory: "Inventory", rules: frozenset[str]) -> bool:
    if UNREADABLE in rules and inventory.unreadable:
        return True
    wanted = rules - {ANY, UNREADABLE}
    warned = any(row.warnings for row in inventory.rows) or any(each.findings for each in inventory.signing)
    return bool(inventory.with_rules(wanted)) or (ANY in rules and warned)


async def look_through(
    tenant: str | None, tell: "Progress", changed_since: datetime | None = None, *, full: bool = False
) -> "Inventory":
    """Look through the tenant of the sign-in, and return its inventory.

    Args:
        tenant: EntraTenant block to sign in with; None for the environment.
        tell: Told how far it has come.
        changed_since: Only jobs that have changed since.
        full: Whether to read every service principal again.
    """
    from flows.configuration.environment import EnvironmentIncomplete, environment
    from flows.configuration.sign_in import open_client
    from flows.inventory.discovery import FULL_EVERY_HOURS, TenantLook
    from flows.inventory.inventory import read_inventory
    from flows.store import open_store

    began = time.monotonic()
    async with open_client(tenant) as (graph, claims):
        tenant_id = claims.tenant_id or environment().tenant
        if tenant_id is None:
            raise EnvironmentIncomplete("The token does not name its tenant: set AZURE_TENANT_ID to the tenant id.")
        with await asyncio.to_thread(open_store, environment().store_url) as store:
            hours = 0.0 if full else FULL_EVERY_HOURS
            await TenantLook(graph, store, tenant_id.lower(), full_every_hours=hours, on_progress=tell).run()
            return await asyncio.to_thread(
                read_inventory,
                store,
                tenant_id.lower(),
                graph.now(),
                changed_since=changed_since,
                requests=graph.requests_sent,
                seconds=time.monotonic() - began,
            )


@contextmanager
def _progress() -> Iterator["Progress"]:
    """Show a bar on standard error, where that is a terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = stderr_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("service principals", total=None)
        listed = 0

        def tell(what: str, done: int, total: int) -> None:
            nonlocal listed
            # While the list is read, its length is not known, and each page counts on.
            listed += 0 if total else done
            bar.update(task, description=what, completed=done if total else listed, total=total or None)

        yield tell
