"""Whether credentials that an apply would not touch have changed at their source."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace

from flows.credentials.fingerprint import FingerprintKey
from flows.credentials.references import Reference, ReferenceUnresolved, Secret, Source, resolve
from flows.fleet_file.models import Fleet
from flows.plan.diff import diff_fleet
from flows.plan.plan import Action, Conflict, FieldChange, InstancePlan, Plan
from flows.tenant.instance_state import Observed
from graph_client.parallel import gather

STEP = "compare-credentials"
_AT_ONCE = 16  # reads of secrets; a vault throttles more

Fingerprints = Mapping[str, Mapping[str, str]]
"""By service principal id (lower case) and credential key."""


async def compare_credentials(
    plan: Plan, kept: Fingerprints, fingerprint_key: FingerprintKey, sources: Mapping[str, Source]
) -> Plan:
    """Return a plan that also saves credentials that differ from their fingerprint; those without one stay unchanged.

    An instance with an unresolvable reference gets a conflict: whether it has changed is unknown.

    Args:
        plan: The plan; instances whose credentials are saved anyway are skipped.
        kept: The fingerprints of the last saved credentials.
        fingerprint_key: The key of the fingerprints.
        sources: Sources of the values, by scheme.
    """
    gate = asyncio.Semaphore(_AT_ONCE)

    async def compared(each: InstancePlan) -> InstancePlan:
        known = _known(each, kept)
        if not known:
            return each
        async with gate:
            return await _compare(plan.tenant_id, each, known, fingerprint_key, sources)

    return replace(plan, instances=tuple(await gather(*(compared(each) for each in plan.instances))))


def _known(plan: InstancePlan, kept: Fingerprints) -> Mapping[str, str]:
    # They are saved anyway, or not at all.
    if plan.conflict or plan.touches("credentials"):
        return {}
    known = kept.get((plan.service_principal_id or "").lower(), {})
    wanted = plan.instance.credentials
    return {key: known[key] for key in wanted if key in known and Reference.parse(wanted[key])}


async def _compare(
    tenant_id: str,
    plan: InstancePlan,
    known: Mapping[str, str],
    fingerprint_key: FingerprintKey,
    sources: Mapping[str, Source],
) -> InstancePlan:
    changes = list(plan.changes)
    for key, before in known.items():
        try:
            secret = await resolve(plan.instance.credentials[key], sources, instance=plan.key, key=key)
        except ReferenceUnresolved as error:
            conflict = Conflict(error.code, error.message, error.hint, STEP)
            return replace(plan, action=Action.CONFLICT, conflict=conflict)
        now = fingerprint_key.fingerprint(tenant_id, plan.service_principal_id or "", key, secret)
        if fingerprint_key.differs(before, now):
            changes.append(FieldChange(f"credentials.{key}", "saved", "changed"))
    if len(changes) == len(plan.changes):
        return plan
    action = Action.UPDATE if plan.action is Action.NONE else plan.action
    return replace(plan, action=action, changes=tuple(changes))


def fingerprint_credentials(
    plan: InstancePlan,
    tenant_id: str,
    service_principal_id: str,
    fingerprint_key: FingerprintKey,
    saved: Mapping[str, Secret],
) -> dict[str, str]:
    """Return the fingerprints of what was saved; a literal has none, because Graph shows it."""
    return {
        key: fingerprint_key.fingerprint(tenant_id, service_principal_id, key, secret)
        for key, secret in saved.items()
        if Reference.parse(plan.instance.credentials[key])
    }


def build_rotation_plan(fleet: Fleet, observed: Observed, only: Collection[str]) -> Plan:
    """Return a plan that saves the credentials of some instances again and changes nothing else.

    Args:
        fleet: The fleet with the credential references.
        observed: The current state of the tenant.
        only: Keys of the instances.

    Raises:
        UnknownKey: A key is not in the fleet file.
    """
    plan = diff_fleet(fleet, observed, only=only)
    # A rotation has nothing to say about applications that are not in the file.
    return replace(plan, instances=tuple(_rotation(each) for each in plan.instances), orphans=())


def _rotation(plan: InstancePlan) -> InstancePlan:
    key, conflict = plan.key, plan.conflict
    if conflict is None and not plan.job_id:
        conflict = Conflict(
            "NotProvisioned",
            f"{key} has no provisioning job to validate new credentials with.",
            f"Create it with entra-fleet apply FLEET --only {key}, which also saves the credentials.",
        )
    if conflict is None and not plan.instance.credentials:
        conflict = Conflict(
            "NoCredentials",
            f"The fleet file has no credentials for {key}.",
            "Add them under credentials; renew a portal authorization in the portal.",
        )
    if conflict:
        return replace(plan, action=Action.CONFLICT, changes=(), conflict=conflict)
    changes = (FieldChange(f"credentials.{name}", "saved", "to be saved again") for name in plan.instance.credentials)
    return replace(plan, action=Action.UPDATE, changes=tuple(changes))
