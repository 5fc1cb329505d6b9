"""The differences between `cross_tenant` of the fleet file and the policies of both tenants."""

from collections.abc import Iterator, Mapping

from flows.errors import StepFailed
from flows.fleet_file.cross_tenant import COMPANY_ID, CrossTenant
from flows.fleet_file.models import Instance
from flows.plan.plan import Conflict, FieldChange
from flows.tenant.cross_tenant import Partnership, PolicySide
from graph_client.models import CrossTenantPartner, IdentitySynchronization

_TAKEN_AWAY = "inbound synchronization ends"


def diff_cross_tenant(wanted: CrossTenant, found: Partnership) -> tuple[FieldChange, ...]:
    """Return what both sides lack of what the file names, in the order in which it is changed.

    What the file does not name does not appear, and neither does the target without a sign-in for it.
    """
    return (*(_diff_target(wanted, found.target) if found.target else ()), *_diff_source(wanted, found.source))


def _diff_target(wanted: CrossTenant, side: PolicySide) -> Iterator[FieldChange]:
    there = side.synchronization or IdentitySynchronization()
    changes = [
        *_flag("target.users", there.users_allowed, wanted.users, _TAKEN_AWAY),
        *_flag("target.groups", there.groups_allowed, wanted.groups, _TAKEN_AWAY),
        *_redeem("target.redeem", bool(side.partner and side.partner.inbound_allowed), wanted),
    ]
    yield from _partner("target.partner", side.partner, changes)
    yield from changes


def _diff_source(wanted: CrossTenant, side: PolicySide) -> Iterator[FieldChange]:
    changes = _redeem("source.redeem", bool(side.partner and side.partner.outbound_allowed), wanted)
    yield from _partner("source.partner", side.partner, changes)
    yield from changes


def _partner(field: str, partner: CrossTenantPartner | None, changes: list[FieldChange]) -> Iterator[FieldChange]:
    # Only where something is to be set in it: an empty one changes nothing.
    if partner is None and changes:
        yield FieldChange(field, None, "created")


def _flag(field: str, before: bool, after: bool | None, danger: str) -> list[FieldChange]:
    if after is None or before == after:
        return []
    # What is synchronized already stays behind, and the job is put on hold.
    return [FieldChange(field, _text(before), _text(after), dangerous=before, danger=danger if before else "")]


def _redeem(field: str, before: bool, wanted: CrossTenant) -> list[FieldChange]:
    if wanted.redeems is None or before == wanted.redeems:
        return []
    return [FieldChange(field, "automatic" if before else "manual", wanted.redeem)]


def _text(flag: bool) -> str:
    return "true" if flag else "false"


def find_partnership_conflict(
    instance: Instance, found: Partnership | None, saved: Mapping[str, str] | None
) -> Conflict | None:
    """Return why a target cannot be set up; nothing is changed then on either side.

    Args:
        instance: The desired state.
        found: The policies of both sides; None where they were not read.
        saved: The settings of the job as Graph shows them; None if there are none, or they may not be read.
    """
    wanted = instance.cross_tenant
    if wanted is None or found is None:
        return None
    before = (saved or {}).get(COMPANY_ID, wanted.tenant_id)
    if before.lower() != wanted.tenant_id:
        return Conflict(
            "TargetChanged",
            f"{instance.key} synchronizes into tenant {before}, not into {wanted.tenant_id}.",
            "Its users would stay behind there: retire it, and add an instance with another key for the new target.",
        )
    if found.taken_by:
        return Conflict(
            "TargetTaken",
            f"Tenant {wanted.tenant_id}, the target of {instance.key}, is that of another application: "
            f"{', '.join(found.taken_by)}.",
            "Microsoft allows one per target: adopt that one as this instance, or delete it first.",
        )
    return _find_unusable(instance.key, wanted, found)


def _find_unusable(key: str, wanted: CrossTenant, found: Partnership) -> Conflict | None:
    if found.source.failure:
        return _unreadable(f"the policy about tenant {wanted.tenant_id} of {key}", found.source.failure)
    if found.target and found.target.failure:
        return _unreadable(f"the target of {key}, tenant {wanted.tenant_id}", found.target.failure)
    return None


def _unreadable(what: str, failure: StepFailed) -> Conflict:
    # Cause: The sign-in, a permission or the tenant itself; the text says which. Only this instance is left alone.
    return Conflict(failure.code, f"Not read: {what}. {failure.message}", failure.hint)


def find_permission_warnings(instance: Instance, found: Partnership | None) -> tuple[str, ...]:
    """Return the warnings about permissions that an apply would need in each tenant, as far as the tokens show them.

    They are no conflict: a plan may be made by applications that only read.
    """
    wanted = instance.cross_tenant
    if wanted is None or found is None:
        return ()
    target = found.target or PolicySide()
    sides = (
        (wanted.tenant_id, target.lacking, any(_diff_target(wanted, target))),
        (found.source_tenant_id, found.source.lacking, any(_diff_source(wanted, found.source))),
    )
    return tuple(
        f"cross_tenant: the application that signs in to tenant {tenant_id} lacks {' and '.join(lacking)}: apply would "
        "change nothing"
        for tenant_id, lacking, needed in sides
        if lacking and needed
    )


def find_organization_warnings(found: Partnership | None) -> tuple[str, ...]:
    """Return the warning about tenants that are in one multitenant organization, whose templates may set policies."""
    policies = {"source": found.source, "target": found.target} if found else {}
    named = [name for name, side in policies.items() if side and side.partner and _is_in_organization(side.partner)]
    if not named:
        return ()
    sides = " and ".join(named)
    what = f"by the policy of the {sides} both tenants are in one multitenant organization"
    return (f"cross_tenant: {what}, whose templates may set these policies too",)


def _is_in_organization(partner: CrossTenantPartner) -> bool:
    return partner.is_in_multi_tenant_organization is True


def ask_administrators(wanted: CrossTenant, source_tenant_id: str) -> str:
    """Return the sentence to send to the administrators of a target that cannot be signed in to."""
    kinds = " and ".join(["users", *(["groups"] if wanted.groups else [])])
    redeem = "; Trust settings: automatically redeem invitations with it" if wanted.redeems else ""
    return (
        f"the administrators of tenant {wanted.tenant_id} have to allow {kinds} to be synchronized from tenant "
        f"{source_tenant_id}: in their Microsoft Entra admin center under External Identities > Cross-tenant access "
        f"settings > Organizational settings, add {source_tenant_id}; Inbound access > Cross-tenant sync: "
        f"allow {kinds} sync into this tenant{redeem}"
    )
