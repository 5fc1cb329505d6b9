"""`entra-fleet schema restore`."""

from typing import Annotated

import typer

from flows.cli.asking import require_terminal
from flows.cli.options import (
    ChangeOption,
    FleetArgument,
    OneKeyOption,
    Output,
    OutputOption,
    StoreOption,
    TenantOption,
    WaitOption,
    YesOption,
    wait_parameter,
)


def command(
    fleet: FleetArgument,
    only: OneKeyOption,
    version: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="A version of the history; by default the newest.")
    ] = None,
    yes: YesOption = False,
    change: ChangeOption = None,
    wait: WaitOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Put the schema that a job had before a write of ours; begins an initial cycle."""
    from flows.environment import use_store
    from flows.reconcile.diff import select
    from flows.reconcile.fleet_file import load_fleet

    use_store(store)
    desired = load_fleet(fleet)
    select(desired, [only])
    if not (yes or _confirmed(only, version)):
        return

    from flows.cli.apply import report_outcome
    from flows.cli.engine import run_flow
    from flows.restore import restore_schema

    parameters = {"key": only, "version": version, "tenant": tenant, "change": change, **wait_parameter(wait)}
    report_outcome(run_flow(restore_schema, {"fleet": desired.to_object(), **parameters}), output)


def _confirmed(key: str, version: int | None) -> bool:
    require_terminal("schema restore")
    which = f"version {version}" if version else "the newest version kept"
    return typer.confirm(f"Replace the schema of {key} by {which}? An initial cycle begins.", err=True)
