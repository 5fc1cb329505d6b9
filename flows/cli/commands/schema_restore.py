"""`entra-fleet schema restore`."""

from typing import Annotated

import typer

from flows.cli.arguments.confirmation import require_terminal
from flows.cli.arguments.options import (
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
        int | None, typer.Option(min=1, metavar="N", help="Version from schema history; default: the newest.")
    ] = None,
    yes: YesOption = False,
    change: ChangeOption = None,
    wait: WaitOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Restore an earlier schema of a job. Starts an initial cycle."""
    from flows.configuration.environment import use_store
    from flows.fleet_file.loader import load_fleet
    from flows.plan.diff import select_instances

    use_store(store)
    desired = load_fleet(fleet)
    select_instances(desired, [only])
    if not (yes or _confirmed(only, version)):
        return

    from flows.cli.output.outcome import report_outcome
    from flows.cli.processes.run_flow import run_flow
    from flows.restore import restore_schema

    parameters = {"key": only, "version": version, "tenant": tenant, "change": change, **wait_parameter(wait)}
    report_outcome(run_flow(restore_schema, {"fleet": desired.to_object(), **parameters}), output)


def _confirmed(key: str, version: int | None) -> bool:
    require_terminal("schema restore")
    which = f"version {version}" if version else "the newest saved version"
    return typer.confirm(f"Replace the schema of {key} with {which}? This starts an initial cycle.", err=True)
