"""`entra-fleet check`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.arguments.options import FleetArgument, OnlyOption, Output, OutputOption, TenantOption
from flows.cli.errors import FAILED
from flows.cli.output.console import print_json, stderr_console, stdout_console

if TYPE_CHECKING:
    from flows.configuration.sign_in import Identity
    from flows.fleet_file.models import Instance
    from flows.plan.preflight import Check, Preflight


def command(
    fleet: FleetArgument,
    only: OnlyOption = None,
    tenant: TenantOption = None,
    reading_only: Annotated[
        bool, typer.Option("--reading-only", help="Skip the permissions that only apply needs.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check file, references, sign-in, permissions and templates. Writes nothing and shows no secrets."""
    with stderr_console().status("checking"):
        preflight = asyncio.run(_preflight(fleet, only, tenant, reading_only))
    if output is Output.JSON:
        print_json(preflight.as_json())
    else:
        _show(preflight)
    if preflight.failed:
        raise typer.Exit(FAILED)


async def _preflight(path: Path, only: list[str] | None, tenant: str | None, reading_only: bool) -> "Preflight":
    from flows.configuration.environment import EnvironmentIncomplete
    from flows.configuration.sign_in import UnknownBlock, read_identity
    from flows.credentials.sources import Sources
    from flows.fleet_file.loader import FleetFileError, load_fleet
    from flows.plan.diff import select_instances
    from flows.plan.preflight import Check, Preflight, check_file, check_quota, check_references, check_sizes

    try:
        fleet = load_fleet(path)
    except FleetFileError as error:
        return Preflight(None, check_file(error))
    instances = select_instances(fleet, only)
    counted = f"{len(instances)} instance{'' if len(instances) == 1 else 's'}"
    checks = [Check("fleet-file", True, f"{path}: {counted} of {fleet.fleet}")]
    identity = None
    try:
        identity = await read_identity(tenant, fleet.tenant_id)
    except (EnvironmentIncomplete, UnknownBlock) as error:
        checks.append(Check.failed("sign-in", error))
    if not reading_only:
        async with Sources(identity) as sources:
            checks += check_quota(len(instances)) + await check_references(instances, sources.by_scheme)
            bytes_max = identity.settings.credential_bytes_max if identity else None
            checks += await check_sizes(instances, sources.by_scheme, bytes_max)
    if identity:
        checks += await _check_tenant(identity, fleet.tenant_id, instances, reading_only)
    return Preflight(fleet.fleet, checks)


async def _check_tenant(
    identity: "Identity", tenant_id: str, instances: "tuple[Instance, ...]", reading_only: bool
) -> "list[Check]":
    from flows.configuration.sign_in import WrongTenant, open_client_as
    from flows.plan.permissions import check_log, check_permissions, find_needed_permissions
    from flows.plan.preflight import Check, check_principals, check_templates
    from graph_client.errors import GraphError

    try:
        async with open_client_as(identity, tenant_id) as (graph, claims):
            who = f"application {claims.app_id}" if claims.app_id else "an opaque token"
            return [
                Check("sign-in", True, f"tenant {tenant_id} as {who}"),
                *check_permissions(find_needed_permissions(instances, reading_only=reading_only), claims),
                *await check_log(graph, claims),
                *await check_templates(graph, instances),
                *([] if reading_only else await check_principals(graph, instances)),
            ]
    except (WrongTenant, GraphError) as error:
        return [Check.failed("sign-in", error)]


def _show(preflight: "Preflight") -> None:
    from rich.text import Text

    console = stdout_console()
    for check in preflight.checks:
        mark = Text("ok    ", "green") if check.ok else Text("FAILED", "red")
        console.print(mark, Text(f" {check.check:10}  {check.message}"), sep="", soft_wrap=True)
        if check.hint:
            console.print(Text(f"{'':19}{check.hint}"), soft_wrap=True)
    counted = len(preflight.checks)
    verdict = f"{preflight.failed} of {counted} checks failed" if preflight.failed else f"all {counted} checks passed"
    console.print(f"{preflight.fleet}: {verdict}." if preflight.fleet else f"{verdict}.")
