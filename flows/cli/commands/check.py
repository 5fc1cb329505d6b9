"""`entra-fleet check`."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.errors import FAILED
from flows.cli.options import DEFAULT_FLEET, FleetArgument, OnlyOption, Output, OutputOption, TenantOption
from flows.cli.output.console import print_json, print_lines, stderr_console, stdout_console

if TYPE_CHECKING:
    from flows.configuration.sign_in import Identity
    from flows.credentials.sources import Sources
    from flows.fleet_file.models import Instance
    from flows.plan.preflight import Check, Preflight


@dataclass(frozen=True)
class Depth:
    """How much is checked."""

    reading_only: bool = False
    target: bool = False
    plain_http: bool = False


def command(
    fleet: FleetArgument = DEFAULT_FLEET,
    only: OnlyOption = None,
    tenant: TenantOption = None,
    reading_only: Annotated[
        bool, typer.Option("--reading-only", help="Skip the permissions that only apply needs.")
    ] = False,
    target: Annotated[
        bool, typer.Option("--target", help="Also ask each target system what Entra ID will ask it, reading only.")
    ] = False,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="With --target: allow http for a target on this machine.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check file, references, sign-in, permissions and templates. Writes nothing and shows no secrets."""
    if plain_http and not target:
        raise typer.BadParameter("it needs --target", param_hint="--plain-http")
    if target and reading_only:
        raise typer.BadParameter("it needs the secrets, which --reading-only leaves alone", param_hint="--target")
    depth = Depth(reading_only, target, plain_http)
    with stderr_console().status("checking"):
        preflight = asyncio.run(_preflight(fleet, only, tenant, depth))
    if output is Output.JSON:
        print_json(preflight.as_json())
    else:
        _show(preflight)
    if preflight.failed:
        raise typer.Exit(FAILED)


async def _preflight(path: Path, only: list[str] | None, tenant: str | None, depth: Depth) -> "Preflight":
    from flows.configuration.environment import EnvironmentIncomplete
    from flows.configuration.sign_in import UnknownBlock, read_identity
    from flows.credentials.sources import Sources
    from flows.fleet_file.loader import FleetFileError, load_fleet
    from flows.plan.diff import select_instances
    from flows.plan.preflight import Check, Preflight, check_code_grants, check_file, check_quota

    try:
        fleet = load_fleet(path)
    except FleetFileError as error:
        # Nothing else can be checked without the file.
        return Preflight(None, check_file(error))
    instances = select_instances(fleet, only)
    counted = f"{len(instances)} instance{'' if len(instances) == 1 else 's'}"
    checks = [Check("fleet-file", True, f"{path}: {counted} of {fleet.fleet}")]
    identity = None
    try:
        identity = await read_identity(tenant, fleet.tenant_id)
    except (EnvironmentIncomplete, UnknownBlock) as error:
        # The rest of the file is checked all the same.
        checks.append(Check.failed("sign-in", error))
    checks += check_code_grants(instances)
    if not depth.reading_only:
        checks += check_quota(len(instances))
        async with Sources(identity) as sources:
            checks += await _check_credentials(sources, identity, instances, depth)
    if identity:
        checks += await _check_tenant(identity, fleet.tenant_id, instances, depth.reading_only)
    return Preflight(fleet.fleet, checks)


async def _check_credentials(
    sources: "Sources", identity: "Identity | None", instances: "tuple[Instance, ...]", depth: Depth
) -> "list[Check]":
    from flows.configuration.environment import EnvironmentIncomplete, environment
    from flows.plan.preflight import Check, check_references, check_sizes
    from graph_client.errors import BadSettings

    checks = await check_references(instances, sources.by_scheme)
    bytes_max = identity.settings.credential_bytes_max if identity else None
    checks += await check_sizes(instances, sources.by_scheme, bytes_max)
    if not depth.target:
        return checks

    from flows.target.http import TargetHttp
    from flows.target.targets import check_coverage, check_targets, find_targets

    targets = await find_targets(instances, sources.by_scheme)
    checks.append(check_coverage(instances, targets))
    try:
        # TLS trust, proxy and time limits apply to targets too, also where the sign-in could not be read.
        settings = identity.settings if identity else environment().graph_settings()
        async with TargetHttp(settings) as http:
            return [*checks, *await check_targets(http, targets, plain_http=depth.plain_http)]
    except (EnvironmentIncomplete, BadSettings) as error:
        return [*checks, Check.failed("targets", error)]


async def _check_tenant(
    identity: "Identity", tenant_id: str, instances: "tuple[Instance, ...]", reading_only: bool
) -> "list[Check]":
    from flows.configuration.sign_in import WrongTenant, open_client_as
    from flows.configuration.target_tenants import TargetTenants
    from flows.plan.preflight import (
        Check,
        check_log,
        check_permissions,
        check_principals,
        check_templates,
        find_needed_permissions,
    )
    from flows.plan.target_preflight import check_target_tenants
    from graph_client.errors import GraphError

    try:
        async with open_client_as(identity, tenant_id) as (graph, claims), TargetTenants(identity) as targets:
            who = f"application {claims.app_id}" if claims.app_id else "an opaque token"
            return [
                Check("sign-in", True, f"tenant {tenant_id} as {who}"),
                *check_permissions(find_needed_permissions(instances, reading_only=reading_only), claims),
                *await check_log(graph, claims),
                *await check_templates(graph, instances),
                *([] if reading_only else await check_principals(graph, instances)),
                *await check_target_tenants(graph, targets, instances, tenant_id, reading_only=reading_only),
            ]
    except (WrongTenant, GraphError) as error:
        return [Check.failed("sign-in", error)]


_MARKS = {"blocker": ("FAILED", "red"), "warning": ("warn  ", "yellow"), "fine": ("ok    ", "green")}


def _show(preflight: "Preflight") -> None:
    from flows.target.targets import TargetCheck

    fine: dict[str, int] = {}
    for check in preflight.checks:
        if not isinstance(check, TargetCheck):
            _show_line("fine" if check.ok else "blocker", check.check, check.message, check.hint)
        elif check.verdict == "fine":
            # Eleven rules for each of forty targets: what is well is only counted.
            fine[check.target] = fine.get(check.target, 0) + 1
        else:
            _show_line(check.verdict, check.check, f"{check.target}: {check.rule}: {check.message}", check.hint)
    for target, number in fine.items():
        _show_line("fine", "target", f"{target}: {number} rule{'' if number == 1 else 's'} fine", "")
    counted = len(preflight.checks)
    verdict = f"{preflight.failed} of {counted} checks failed" if preflight.failed else f"all {counted} checks passed"
    stdout_console().print(f"{preflight.fleet}: {verdict}." if preflight.fleet else f"{verdict}.")


def _show_line(verdict: str, check: str, message: str, hint: str) -> None:
    from rich.text import Text

    lines = [Text.assemble(_MARKS[verdict], f" {check:10}  {message}")]
    lines += [Text(f"{'':19}{hint}")] if hint else []
    print_lines(lines, stdout_console(), hang=19)
