"""test-connection and test-targets: whether what a run needs works, at Microsoft and at the target systems."""

from collections.abc import Sequence
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from pydantic import Field

from flows.configuration.environment import EnvironmentIncomplete, environment
from flows.configuration.sign_in import UnknownBlock, open_client, read_identity
from flows.credentials.sources import Sources
from flows.fleet_file.loader import FleetParameter, read_fleet
from flows.fleet_file.models import Fleet
from flows.plan.diff import select_instances
from flows.plan.preflight import EVERYTHING, READING, Check, Preflight, check_log, check_permissions, check_references
from flows.run.artifacts import publish_connection, publish_targets
from flows.run.context import name_run
from flows.run.redaction import install_log_filter, redact_errors
from flows.target.address import AddressGuard
from flows.target.http import TargetHttp
from flows.target.targets import TargetCheck, check_coverage, check_targets, find_targets
from flows.tasks.mapped import log, redacted_task
from graph_client.errors import GraphError


@flow(name="test-connection", flow_run_name="test connection {tenant}", persist_result=False)
async def probe_connection(
    tenant: Annotated[str, Field(min_length=1)],
    reading_only: bool = False,
) -> State:
    """Sign in, and report which permissions are granted and which are missing. Writes nothing.

    Args:
        tenant: EntraTenant block to sign in with.
        reading_only: Skip the permissions that only apply needs.
    """
    install_log_filter()
    found = await check_sign_in(tenant, reading_only)
    await publish_connection(tenant, found)
    if not found.checks[0].ok:  # the sign-in itself
        return Failed(message=found.checks[0].message, data=found)
    if found.failed:
        return Completed(name="PartiallyCompleted", message=f"{found.failed} of {len(found.checks)} checks failed")
    return Completed(message=found.checks[0].message, data=found)


@redacted_task("sign-in")
async def check_sign_in(tenant: str, reading_only: bool) -> Preflight:
    """Sign in with the block, and compare the token's roles with what the commands need."""
    try:
        async with open_client(tenant) as (graph, claims):
            who = f"application {claims.app_id}" if claims.app_id else "an opaque token"
            signed = Check("sign-in", True, f"tenant {claims.tenant_id or 'unknown'} as {who}")
            roles = Check("roles", True, ", ".join(sorted(claims.roles)) or "none shown in the token")
            permissions = check_permissions(READING if reading_only else EVERYTHING, claims)
            return Preflight(None, [signed, roles, *permissions, *await check_log(graph, claims)])
    except (UnknownBlock, EnvironmentIncomplete, GraphError) as error:
        return Preflight(None, [Check.failed("sign-in", error)])


@flow(name="test-targets", flow_run_name=name_run("test targets"), persist_result=False)
async def probe_targets(fleet: FleetParameter, tenant: str | None = None, only: list[str] | None = None) -> State:
    """Ask each target system of the fleet what Entra ID will ask it. Reads only, and public addresses only.

    Args:
        fleet: Path or content of the fleet file.
        tenant: EntraTenant block to read Key Vault with; empty to use the environment.
        only: Keys of the instances; empty for all.
    """
    install_log_filter()
    desired = read_fleet(fleet)
    found = await ask_targets(desired, tenant, only)
    await publish_targets(found)
    verdicts = [each for each in found.checks if isinstance(each, TargetCheck)]
    asked = {each.target for each in verdicts}
    blocked = {each.target for each in verdicts if not each.ok}
    if not found.failed:
        return Completed(message=f"{len(asked)} targets, no blocker", data=found)
    text = f"{len(blocked)} of {len(asked)} targets have a blocker"
    if unread := found.failed - sum(not each.ok for each in verdicts):
        text = f"{text}; {unread} references cannot be read"
    if asked and blocked == asked:
        return Failed(message=text, data=found)
    return Completed(name="PartiallyCompleted", message=text, data=found)


@redacted_task("ask-targets")
async def ask_targets(fleet: Fleet, tenant: str | None, only: Sequence[str] | None) -> Preflight:
    """Probe the targets, at public addresses only: the fleet may come from the person who started the run."""
    instances = select_instances(fleet, only)
    try:
        identity = await read_identity(tenant, fleet.tenant_id)
    except EnvironmentIncomplete:
        if tenant is not None:
            raise
        # Only Key Vault needs a sign-in.
        identity = None
    settings = identity.settings if identity else environment().graph_settings()
    guard = AddressGuard(public_only=True, allowed=environment().allowed_targets)
    with redact_errors():
        async with Sources(identity) as sources, TargetHttp(settings, guard) as http:
            references = await check_references(instances, sources.by_scheme)
            targets = await find_targets(instances, sources.by_scheme)
            log().info("%s: asking %s targets", fleet.fleet, len(targets))
            verdicts = await check_targets(http, targets)
            return Preflight(fleet.fleet, [*references, check_coverage(instances, targets), *verdicts])
