"""Setting up single sign-on by SAML: mode, addresses, roles, and a first certificate that signs.

Each collection is replaced as a whole, so what others have added is read first, until reads agree, and written back.

Source: https://learn.microsoft.com/graph/application-saml-sso-configure-api
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from flows.fleet_file.single_sign_on import SingleSignOn
from flows.monitoring.signing_certificates import SigningCertificate, read_certificates
from flows.plan.certificates import choose_end, name_certificate
from flows.plan.outcome import ApplicationIds
from flows.plan.plan import InstancePlan
from flows.plan.single_sign_on import merge_lists
from flows.steps.certificates import activate_certificate, add_first_certificate
from flows.steps.idempotency import find_existing, wait_limits
from flows.tenant.single_sign_on import ObservedSignOn, RoleMerge, build_roles, merge_roles, read_sign_on
from graph_client import GraphClient

T = TypeVar("T")
_GOOD_READS = 4
"""How many reads in a row have to show everything that any has shown: replicas answer in turn."""


async def configure_sign_on(graph: GraphClient, plan: InstancePlan, placed: ApplicationIds) -> None:
    """Give an application the settings in `sso`, and a certificate if it has none.

    Raises:
        WaitExpired: The reads of the application do not agree in time.
        GraphError: Graph refused.
    """
    wanted = plan.instance.sso
    if wanted is None:
        return
    found = await _read_agreeing(graph, placed)
    # The mode comes first: Graph may refuse the identifiers of an application that does not sign in by SAML.
    await _change_principal(graph, wanted, found, placed.service_principal_id)
    if changes := _application_changes(wanted, found):
        await graph.applications.patch(placed.application_id, changes)
    if plan.touches_field("sso.certificate"):
        await _add_certificate(graph, plan, wanted, placed)


async def _read_agreeing(graph: GraphClient, placed: ApplicationIds) -> ObservedSignOn:
    """Return the settings once several reads in a row show everything that any read has shown."""
    known: set[str] = set()

    async def look() -> ObservedSignOn | None:
        found = await read_sign_on(graph.batched, placed.application_id, placed.service_principal_id)
        roles = [role.id for role in found.roles]
        shown = {*found.identifiers, *found.reply_urls, *found.notification_emails, *roles}
        known.update(shown)
        return found if known <= shown else None

    return await wait_until_agreed(graph, look)


async def _change_principal(
    graph: GraphClient, wanted: SingleSignOn, found: ObservedSignOn, service_principal_id: str
) -> None:
    changes: dict[str, Any] = {}
    if found.mode != wanted.mode:
        changes["preferredSingleSignOnMode"] = wanted.mode
    if wanted.relay_state is not None and found.relay_state != wanted.relay_state:
        changes["samlSingleSignOnSettings"] = {"relayState": wanted.relay_state}
    if not set(wanted.notification_emails) <= set(found.notification_emails):
        changes["notificationEmailAddresses"] = merge_lists(wanted.notification_emails, found.notification_emails)
    merge = merge_roles(service_principal_id, wanted.roles, found.roles)
    disabled = all(each.is_enabled is False for each in merge.removed)
    if merge.added or merge.renamed or not disabled:
        changes["appRoles"] = build_roles(service_principal_id, merge, found.roles, remove=False)
    if changes:
        await graph.service_principals.patch(service_principal_id, changes)
    if merge.added:
        await _wait_for_roles(graph, service_principal_id, merge)
    if merge.removed:
        whole = build_roles(service_principal_id, merge, found.roles, remove=True)
        await graph.service_principals.patch(service_principal_id, {"appRoles": whole})


async def _wait_for_roles(graph: GraphClient, service_principal_id: str, merge: RoleMerge) -> None:
    """Wait until the reads show the new roles: people are assigned to them next."""
    added = {each.value for each in merge.added}

    async def look() -> bool | None:
        principal = await graph.service_principals.get(service_principal_id, select=("id", "appRoles"))
        return added <= {each.value for each in principal.app_roles} or None

    await wait_until_agreed(graph, look)


def _application_changes(wanted: SingleSignOn, found: ObservedSignOn) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if not set(wanted.identifiers) <= set(found.identifiers):
        changes["identifierUris"] = merge_lists(wanted.identifiers, found.identifiers)
    if not set(wanted.reply_urls) <= set(found.reply_urls):
        changes["web"] = {"redirectUris": merge_lists(wanted.reply_urls, found.reply_urls)}
    return changes


async def _add_certificate(
    graph: GraphClient, plan: InstancePlan, wanted: SingleSignOn, placed: ApplicationIds
) -> None:
    """Add a certificate and have it sign: none signed before, so no user is locked out."""
    principal_id = placed.service_principal_id
    ends_at = choose_end(graph.now(), wanted.certificate.years)
    subject = name_certificate(plan.fleet, plan.key, ends_at)

    async def look() -> SigningCertificate | None:
        found = read_certificates(await graph.signing_certificates.get(principal_id), graph.now())
        return next((each for each in found.certificates if each.state != "expired"), None)

    # What this run has created has none; anything else may have one that this replica does not show yet.
    existing = None if placed.requested_at else await find_existing(graph, look)
    if existing is None:
        await add_first_certificate(graph, principal_id, subject, ends_at)
    certificate = await wait_until_agreed(graph, look)
    if not certificate.active:
        await activate_certificate(graph, principal_id, certificate.thumbprint)


async def wait_until_agreed(graph: GraphClient, look: Callable[[], Awaitable[T | None]]) -> T:
    """Return what several reads in a row have shown."""
    bounds = wait_limits()
    return await graph.wait_until(
        look,
        seen=max(_GOOD_READS, bounds.good_reads),
        within_seconds=bounds.ready_seconds,
        interval_seconds=bounds.interval_seconds,
    )
