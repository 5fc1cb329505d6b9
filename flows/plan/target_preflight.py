"""Whether the target tenants of a fleet could be set up: sign-in and permissions of each, licences, organizations."""

from collections.abc import Sequence
from dataclasses import replace

from flows.configuration.target_tenants import TargetTenants
from flows.errors import StepFailed
from flows.fleet_file.models import Instance
from flows.plan.preflight import Check, Need, check_permissions
from graph_client import GraphClient
from graph_client.errors import GraphError
from graph_client.parallel import gather

_PARTNER = "/policies/crossTenantAccessPolicy/partners/id"
_READING = Need("read its policies", "plan", (("GET", _PARTNER),))
_WRITING = Need("allow synchronization into it", "apply", (("PATCH", _PARTNER),))


async def check_target_tenants(
    graph: GraphClient, targets: TargetTenants, instances: Sequence[Instance], tenant_id: str, *, reading_only: bool
) -> list[Check]:
    """Sign in to every target tenant that the file names a sign-in for; nothing is written there.

    Args:
        graph: A client of the source tenant.
        targets: Signs in to the targets.
        instances: The instances.
        tenant_id: The source tenant.
        reading_only: Skip the permissions that only apply needs.
    """
    crossing = [each for each in instances if each.cross_tenant]
    if not crossing:
        return []
    needs = (_READING,) if reading_only else (_READING, _WRITING)
    found = await gather(*(_check_target(targets, each, tenant_id, needs) for each in crossing))
    ours = await gather(*(_check_organization(graph, each.key, _target_id(each), "source") for each in crossing))
    return [*_remind_of_licences(crossing), *(check for checks in (*found, *ours) for check in checks)]


async def _check_target(
    targets: TargetTenants, instance: Instance, tenant_id: str, needs: Sequence[Need]
) -> list[Check]:
    target_id, sign_in = _target_id(instance), instance.cross_tenant.sign_in if instance.cross_tenant else None
    if sign_in is None:
        hint = "An apply does the half of the source tenant and ends pending until they have done theirs."
        message = f"{instance.key}: the administrators of tenant {target_id} allow the synchronization"
        return [Check("sign-in", True, message, hint)]
    try:
        opened = await targets.open_tenant(sign_in, target_id)
    except (StepFailed, GraphError) as error:
        failed = Check.failed("sign-in", error)
        return [replace(failed, message=f"{instance.key}: tenant {target_id}: {failed.message}")]
    who = f"application {opened.claims.app_id}" if opened.claims.app_id else "an opaque token"
    permissions = check_permissions(needs, opened.claims)
    return [
        Check("sign-in", True, f"{instance.key}: tenant {target_id} as {who}"),
        *(replace(each, message=f"tenant {target_id}: {each.message}") for each in permissions),
        *await _check_organization(opened.graph, instance.key, tenant_id, "target"),
    ]


async def _check_organization(graph: GraphClient, key: str, partner_id: str, side: str) -> list[Check]:
    """Warn of a partner whose settings may come from the templates of a multitenant organization.

    Source: https://learn.microsoft.com/entra/identity/multi-tenant-organizations/multi-tenant-organization-templates
    """
    try:
        partner = await graph.cross_tenant_access.get_partner(partner_id)
    except GraphError:
        # There is none yet, or it may not be read, which the permissions say.
        return []
    if not partner.is_in_multi_tenant_organization:
        return []
    hint = "Its settings may come from the organization's templates; an apply leaves the membership as it is."
    message = f"{key}: in the {side} tenant, {partner_id} belongs to the same multitenant organization"
    return [Check("policy", True, message, hint)]


def _remind_of_licences(crossing: Sequence[Instance]) -> list[Check]:
    """Return what has to be licensed; whether it is shows in no token.

    Source: https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-overview
    """
    hint = "Each synchronized user needs Entra ID P1 in the source tenant; no permission of ours shows the licences."
    if any(each.cross_tenant and each.cross_tenant.groups for each in crossing):
        hint += " Groups need Entra ID Governance or the Entra Suite."
    return [Check("licence", True, f"{len(crossing)} target tenants", hint)]


def _target_id(instance: Instance) -> str:
    return instance.cross_tenant.tenant_id if instance.cross_tenant else ""
