"""`entra-fleet certificates`: list, add, activate and remove the certificates that sign SAML tokens."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.errors import FAILED, BadUsage
from flows.cli.options import (
    DEFAULT_FLEET,
    ChangeOption,
    FleetArgument,
    OnlyOption,
    Output,
    OutputOption,
    StoreOption,
    TenantOption,
    WaitOption,
    YesOption,
    confirm,
    remember_fleet_file,
    require_terminal,
    wait_parameter,
)
from flows.cli.output.console import print_note, show_failure, stderr_console, stdout_console
from flows.cli.output.records import Format, FormatOption, choose_format, print_records

if TYPE_CHECKING:
    from flows.fleet_file.models import Fleet
    from flows.plan.certificates import CertificateChange, Stage
    from flows.tenant.signing_certificates import FleetCertificates

app = typer.Typer(no_args_is_help=True, help="List, add, activate and remove SAML signing certificates.")

COLUMNS = (
    "fleet",
    "key",
    "display_name",
    "service_principal_id",
    "app_id",
    "state",
    "expires",
    "days",
    "urgency",
    "active",
    "staged",
    "metadata_url",
    "certificates",
    "error",
)


@app.command("list")
def list_command(
    fleet: Annotated[
        Path | None, typer.Argument(metavar="FLEET", help="The fleet file; fleet.yaml by default.", show_default=False)
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Instead of a fleet: every SAML application of the tenant.")
    ] = False,
    only: OnlyOption = None,
    tenant: TenantOption = None,
    output: FormatOption = None,
) -> None:
    """Show which certificates sign, which are staged, and when they expire. Only reads.

    States: active, expiring (within 60 days), expired, staged (one waits and none is active), none, unknown.
    """
    from flows.monitoring.signing_certificates import find_expiring_certificates

    if everything and (fleet or only):
        raise BadUsage("certificates list takes either a fleet file or --all.")
    found, now = asyncio.run(_read_tenant(tenant) if everything else _read_fleet(fleet, only, tenant))
    form = choose_format(output, None)
    if form is Format.TEXT:
        _show_certificates(found, now)
        ends = (end for each in found for end in each.certificates.ends(each.name))
        print_note(*map(str, find_expiring_certificates(ends, now)))
    else:
        print_records((_record(each, now, form) for each in found), COLUMNS, form)


async def _read_tenant(tenant: str | None) -> tuple[list["FleetCertificates"], datetime]:
    from flows.configuration.environment import EnvironmentIncomplete, environment
    from flows.configuration.sign_in import open_client
    from flows.tenant.signing_certificates import find_tenant_certificates

    async with open_client(tenant) as (graph, claims):
        tenant_id = claims.tenant_id or environment().tenant
        if tenant_id is None:
            raise EnvironmentIncomplete("The token does not name its tenant: set AZURE_TENANT_ID to the tenant id.")
        return await find_tenant_certificates(graph, tenant_id), graph.now()


async def _read_fleet(
    path: Path | None, only: list[str] | None, tenant: str | None
) -> tuple[list["FleetCertificates"], datetime]:
    from flows.configuration.sign_in import open_client
    from flows.fleet_file.loader import load_fleet
    from flows.plan.diff import select_instances
    from flows.tenant.signing_certificates import find_fleet_certificates

    desired = load_fleet(remember_fleet_file(path or DEFAULT_FLEET))
    wanted = select_instances(desired, only)
    async with open_client(tenant, desired.tenant_id) as (graph, _):
        found = await find_fleet_certificates(graph, desired, wanted)
        return list(found.values()), graph.now()


def _record(found: "FleetCertificates", now: datetime, form: Format) -> dict[str, Any]:
    record = found.as_json(now)
    if form is Format.CSV:
        # A cell holds a value.
        record["certificates"] = " ".join(each["thumbprint"] for each in record["certificates"]) or None
    return record


def _show_certificates(found: Sequence["FleetCertificates"], now: datetime) -> None:
    from flows.cli.output.tables import Column, print_table, state_text

    columns = (
        Column("application"),
        Column("state"),
        Column("expires"),
        Column("days"),
        Column("active", drop=1),
        Column("staged", drop=2),
    )
    rows = []
    for each in sorted(found, key=lambda each: (each.certificates.days_left(now) or 0, each.name)):
        active, staged = each.certificates.active, each.certificates.staged
        days = each.certificates.days_left(now)
        rows.append(
            (
                each.name,
                state_text(each.state(now)),
                f"{active.ends_at:%Y-%m-%d}" if active else "-",
                "-" if days is None else str(days),
                active.thumbprint if active else "-",
                staged.thumbprint if staged else "-",
            )
        )
    if rows:
        print_table(columns, rows, stdout_console())
    for each in found:
        if each.unreadable:
            print_note(f"{each.name}: its certificates cannot be read: {each.unreadable}")


@app.command()
def renew(
    fleet: FleetArgument = DEFAULT_FLEET,
    only: OnlyOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Add one although the certificate in use is valid for long.")
    ] = False,
    yes: YesOption = False,
    change: ChangeOption = None,
    wait: WaitOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Stage 1: add the next certificate where the one in use expires soon. It does not sign yet."""
    _rotate("renew", fleet, yes, store, output, only=only, tenant=tenant, change=change, force=force, wait=wait)


@app.command()
def activate(
    fleet: FleetArgument = DEFAULT_FLEET,
    only: OnlyOption = None,
    acknowledged: Annotated[
        bool, typer.Option("--acknowledged", help="The service provider knows the staged certificates.")
    ] = False,
    canary: Annotated[int, typer.Option(min=1, help="How many to activate first; a failure holds the others.")] = 1,
    yes: YesOption = False,
    change: ChangeOption = None,
    wait: WaitOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Stage 2: have the staged certificates sign, once the service provider knows them.

    Without --acknowledged, the command in ENTRA_FLEET_CERTIFICATE_HOOK hands each over first, and only those it
    succeeds for are activated.
    """
    from flows.configuration.environment import environment
    from flows.rotate import unacknowledged

    if not (acknowledged or environment().certificate_hook):
        raise unacknowledged()
    options = {"acknowledged": acknowledged, "canary": canary}
    _rotate("activate", fleet, yes, store, output, only=only, tenant=tenant, change=change, wait=wait, **options)


@app.command()
def clean(
    fleet: FleetArgument = DEFAULT_FLEET,
    only: OnlyOption = None,
    yes: YesOption = False,
    change: ChangeOption = None,
    wait: WaitOption = None,
    tenant: TenantOption = None,
    store: StoreOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Stage 3: remove certificates that expired long ago."""
    _rotate("clean", fleet, yes, store, output, only=only, tenant=tenant, change=change, wait=wait)


def _rotate(
    stage: "Stage",
    fleet: Path,
    yes: bool,
    store: str | None,
    output: Output,
    *,
    wait: float | None,
    **parameters: Any,
) -> None:
    """Ask for confirmation, then run the flow.

    Args:
        stage: The stage.
        fleet: The fleet file.
        yes: Skip the confirmation.
        store: Store URL, overriding the environment.
        output: Text or JSON.
        wait: How long to wait for another run, in minutes.
        parameters: The flow's other parameters.
    """
    from flows.configuration.environment import use_store
    from flows.fleet_file.loader import load_fleet
    from flows.plan.diff import select_instances

    use_store(store)
    desired = load_fleet(fleet)
    select_instances(desired, parameters["only"])
    if not (yes or _confirmed(stage, desired, **parameters)):
        return

    from flows.cli.output.changes import report_outcome
    from flows.cli.processes.run_flow import run_flow
    from flows.rotate import rotate_certificates

    given = {"fleet": desired.to_object(), "stages": [stage], **parameters, **wait_parameter(wait)}
    report_outcome(run_flow(rotate_certificates, given), output)


def _confirmed(
    stage: "Stage",
    fleet: "Fleet",
    only: list[str] | None,
    tenant: str | None,
    force: bool = False,
    acknowledged: bool = False,
    **_: Any,
) -> bool:
    from flows.configuration.environment import environment
    from flows.configuration.sign_in import open_client
    from flows.plan.certificates import plan_certificate_changes, plan_handing_over
    from flows.store import open_store

    async def look() -> "list[CertificateChange]":
        async with open_client(tenant, fleet.tenant_id) as (graph, _):
            return await plan_certificate_changes(graph, fleet, stage, only, force=force)

    require_terminal(f"certificates {stage}")
    with stderr_console().status("reading the tenant"):
        changes = asyncio.run(look())
        if stage == "activate" and not acknowledged and environment().certificate_hook:
            with open_store(environment().store_url) as store:
                activated = store.journal.activated_certificates(fleet.tenant_id, fleet.fleet)
            changes = [plan_handing_over(each, activated) for each in changes]
    _show_changes(changes)
    needed = sum(each.needed for each in changes)
    if not needed:
        stdout_console().print(f"{fleet.fleet}: nothing to {stage}.")
        raise typer.Exit(FAILED if any(each.refusal for each in changes) else 0)
    return confirm(f"{stage.capitalize()} the certificates of {needed} of {len(changes)} instances?")


def _show_changes(changes: "Sequence[CertificateChange]") -> None:
    from flows.cli.output.tables import Column, print_table

    for each in changes:
        if each.refusal:
            show_failure(each.key, each.refusal)
    rows = [
        (each.key, field.field.partition(".")[2], field.before or "-", field.after or "-")
        for each in changes
        for field in each.changes
    ]
    if rows:
        print_table((Column("key"), Column("certificate"), Column("before"), Column("after")), rows, stdout_console())
