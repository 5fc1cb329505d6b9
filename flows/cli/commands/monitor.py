"""`entra-fleet monitor`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.cli.errors import FAILED, BadUsage
from flows.cli.options import (
    DEFAULT_FLEET,
    Output,
    OutputOption,
    StoreOption,
    TenantOption,
    VerboseOption,
    remember_fleet_file,
)
from flows.cli.output.console import print_json, print_note

if TYPE_CHECKING:
    from flows.monitoring.credential_warnings import ExpiringCredential
    from flows.monitoring.sweep import Sweep


def command(
    fleet: Annotated[
        Path | None, typer.Argument(metavar="FLEET", help="The fleet file; fleet.yaml by default.", show_default=False)
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Instead of a fleet: every job of the tenant, no matter who made it.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Check once (the default).")] = False,
    until: Annotated[
        str | None, typer.Option(metavar="settled", help="Wait until every job has settled ('settled').")
    ] = None,
    timeout_minutes: Annotated[float, typer.Option(min=0.01, help="How long to wait with --until.")] = 60,
    interval_seconds: Annotated[float, typer.Option(min=0.05, help="Time between checks.")] = 30,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
    verbose: VerboseOption = False,
) -> None:
    """Show the health of the jobs and the credentials that end soon, and record changes in the store."""
    from flows.configuration.environment import use_store
    from flows.fleet_file.loader import load_fleet

    waits = _waits(once, until)
    if fleet and everything:
        raise BadUsage("monitor takes either a fleet file or --all.")
    use_store(store)
    if everything:
        _monitor_tenant(waits, tenant, output, verbose=verbose)
        return
    fleet = remember_fleet_file(fleet or DEFAULT_FLEET)
    desired = load_fleet(fleet)

    from flows.cli.output.health import show_health
    from flows.cli.processes.run_flow import run_flow
    from flows.monitor import monitor_fleet
    from flows.monitoring.credential_warnings import find_expiring_credentials

    parameters = {
        "fleet": str(fleet.resolve()),
        "tenant": tenant,
        "until": waits,
        "timeout_minutes": timeout_minutes,
        "interval_seconds": interval_seconds,
    }
    seen = run_flow(monitor_fleet, parameters)
    expiring = find_expiring_credentials(desired.instances, datetime.now(UTC).date(), seen.token_expiries)
    _warn(seen, expiring)
    if output is Output.JSON:
        print_json({**seen.as_json(), "expiring": [each.as_json() for each in expiring]})
    else:
        show_health(seen, verbose=verbose)
    if seen.unwell or (waits == "settled" and seen.settled < len(seen.readings)):
        raise typer.Exit(FAILED)


def _monitor_tenant(waits: str, tenant: str | None, output: Output, *, verbose: bool) -> None:
    if waits != "once":
        raise BadUsage("--all and --until are mutually exclusive: it checks once.")

    from flows.cli.output.health import show_health
    from flows.cli.processes.run_flow import run_flow
    from flows.watch_tenant import watch_tenant

    seen = run_flow(watch_tenant, {"tenant": tenant})
    if output is Output.JSON:
        print_json(seen.as_json())
    else:
        show_health(seen, verbose=verbose)
    if seen.unwell:
        raise typer.Exit(FAILED)


def _warn(seen: "Sweep", expiring: "list[ExpiringCredential]") -> None:
    from flows.monitoring.credential_warnings import find_rejected_credentials

    rejected = find_rejected_credentials(seen.readings)
    print_note(*map(str, (*seen.warnings(), *rejected, *expiring, *seen.certificates)))


def _waits(once: bool, until: str | None) -> Literal["once", "settled"]:
    if until not in {None, "settled"}:
        raise typer.BadParameter("the only supported value is 'settled'", param_hint="--until")
    if once and until:
        raise typer.BadParameter("--once and --until are mutually exclusive", param_hint="--until")
    return "settled" if until else "once"
