"""test-targets: ask the target systems of a fleet what Entra ID will ask them."""

from collections.abc import Sequence

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.configuration.environment import EnvironmentIncomplete, environment
from flows.configuration.sign_in import read_identity
from flows.credentials.sources import Sources
from flows.fleet_file.loader import FleetParameter, read_fleet
from flows.fleet_file.models import Fleet
from flows.plan.diff import select_instances
from flows.plan.preflight import Preflight, check_references
from flows.run.artifacts import publish_targets
from flows.run.context import name_run
from flows.run.redaction import install_log_filter, redact_errors
from flows.target.address import AddressGuard
from flows.target.http import TargetHttp
from flows.target.targets import TargetCheck, check_coverage, check_targets, find_targets
from flows.tasks.mapped import log, redacted_task


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
