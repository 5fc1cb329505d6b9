"""The single sign-on settings of an application, its claims policy, and who has the identifiers that it is to have.

Graph's policies have no tags, so ours are known by their display name, which is the ownership tag that an application
would have: `entra-fleet:FLEET:NAME`.

Source: https://learn.microsoft.com/graph/api/resources/claimsmappingpolicy
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from flows.fleet_file.models import Fleet
from flows.fleet_file.single_sign_on import ClaimsPolicy, SamlRole
from flows.monitoring.health import UNREADABLE
from flows.monitoring.signing_certificates import NO_CERTIFICATES, SigningCertificates, read_certificates
from flows.tenant.ownership_tag import OwnershipTag
from graph_client import GraphClient, Resources
from graph_client.clock import read_utc_now
from graph_client.errors import GraphError
from graph_client.models import AppRole, ClaimsMappingPolicy
from graph_client.parallel import gather
from graph_client.protocol import text_literal

_APPLICATION_FIELDS = ("id", "identifierUris", "web")
_PRINCIPAL_FIELDS = (
    "id",
    "preferredSingleSignOnMode",
    "samlSingleSignOnSettings",
    "notificationEmailAddresses",
    "appRoles",
)


@dataclass(frozen=True)
class ObservedSignOn:
    """What an application has of what `sso` describes."""

    mode: str | None = None
    identifiers: tuple[str, ...] = ()
    reply_urls: tuple[str, ...] = ()
    relay_state: str | None = None
    notification_emails: tuple[str, ...] = ()
    roles: tuple[AppRole, ...] = ()
    certificates: SigningCertificates = NO_CERTIFICATES
    claims: ClaimsMappingPolicy | None = None
    """The policy that is assigned to it; read only if the fleet has policies, or the file names one."""


NO_SIGN_ON = ObservedSignOn()


@dataclass(frozen=True)
class IdentifierOwner:
    """Another application that has an identifier."""

    application_id: str
    display_name: str | None


async def read_sign_on(graph: Resources, application_id: str, service_principal_id: str) -> ObservedSignOn:
    """Return the single sign-on settings of an application.

    Raises:
        GraphError: A read failed after all retries.
    """
    application, principal, keys = await gather(
        graph.applications.get(application_id, select=_APPLICATION_FIELDS),
        graph.service_principals.get(service_principal_id, select=_PRINCIPAL_FIELDS),
        graph.signing_certificates.get(service_principal_id),
    )
    settings = principal.saml_single_sign_on_settings
    return ObservedSignOn(
        principal.preferred_single_sign_on_mode,
        application.identifier_uris,
        application.web.redirect_uris if application.web else (),
        settings.relay_state if settings else None,
        principal.notification_email_addresses,
        principal.app_roles,
        read_certificates(keys, read_utc_now()),
    )


async def find_identifier_owners(
    graph: GraphClient, identifiers: Collection[str]
) -> dict[str, tuple[IdentifierOwner, ...]]:
    """Return the applications that have these identifiers.

    Raises:
        GraphError: A read failed after all retries.

    Source: https://learn.microsoft.com/graph/api/application-list
    """

    async def look(identifier: str) -> tuple[IdentifierOwner, ...]:
        condition = f"identifierUris/any(u:u eq {text_literal(identifier)})"
        listing = graph.batched.applications.list(filter=condition, select=("id", "displayName"))
        return tuple([IdentifierOwner(each.id, each.display_name) async for each in listing])

    wanted = sorted(set(identifiers))
    return dict(zip(wanted, await gather(*map(look, wanted)), strict=True))


def role_id(service_principal_id: str, value: str) -> str:
    """Return the id of a role that the fleet file adds: the same each time, so that ours are known as ours."""
    return str(uuid5(NAMESPACE_URL, f"entra-fleet:{service_principal_id.lower()}/role/{value}"))


@dataclass(frozen=True)
class RoleMerge:
    """The roles that an application is to have, and what they take."""

    added: tuple[SamlRole, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Display names by the id of a role of ours that has another, or is disabled."""
    removed: tuple[AppRole, ...] = ()
    """Roles of ours that the file no longer has; Graph removes only those that were disabled before."""

    @property
    def needed(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.renamed or self.removed)


def merge_roles(service_principal_id: str, wanted: Collection[SamlRole], there: Collection[AppRole]) -> RoleMerge:
    """Return what the roles of a file change; roles of others, msiam_access among them, are never touched."""
    own = {each.id: each for each in there if each.value and each.id == role_id(service_principal_id, each.value)}
    values = {each.value for each in there}
    names = {role_id(service_principal_id, each.value): each.name for each in wanted}
    return RoleMerge(
        tuple(each for each in wanted if each.value not in values),
        {
            id_: name
            for id_, name in names.items()
            if id_ in own and (own[id_].display_name != name or own[id_].is_enabled is False)
        },
        tuple(each for id_, each in own.items() if id_ not in names),
    )


def build_roles(
    service_principal_id: str, merge: RoleMerge, there: Collection[AppRole], *, remove: bool
) -> list[dict[str, Any]]:
    """Return the whole collection of roles to write.

    Args:
        service_principal_id: Object id of the service principal.
        merge: What changes.
        there: The roles as they were just read.
        remove: Whether to leave out the roles to be removed; otherwise they are disabled, as Graph demands first.
    """
    gone = {each.id for each in merge.removed}
    roles = []
    for each in there:
        role = each.model_dump(mode="json", by_alias=True, exclude_unset=True)
        if each.id in gone:
            if remove:
                continue
            role["isEnabled"] = False
        elif each.id in merge.renamed:
            role |= {"displayName": merge.renamed[each.id], "isEnabled": True}
        roles.append(role)
    added = (_new_role(service_principal_id, each) for each in merge.added)
    return [*roles, *added]


def expected_roles(service_principal_id: str, merge: RoleMerge) -> tuple[AppRole, ...]:
    """Return the roles that a merge adds, for assignments that need them."""
    return tuple(AppRole.parse(_new_role(service_principal_id, each)) for each in merge.added)


def _new_role(service_principal_id: str, role: SamlRole) -> dict[str, Any]:
    return {
        "id": role_id(service_principal_id, role.value),
        "displayName": role.name,
        "description": role.name,
        "value": role.value,
        "isEnabled": True,
        "allowedMemberTypes": ["User"],
    }


@dataclass(frozen=True)
class FleetPolicies:
    """The policies of a fleet, as far as they could be read."""

    policies: tuple[ClaimsMappingPolicy, ...] = ()
    unreadable: GraphError | None = None
    """Why they could not be read, which concerns only the instances that name one."""

    def has(self, policy: ClaimsMappingPolicy | None, fleet: str) -> bool:
        """Return whether a policy is the fleet's, by its name or by what was read."""
        if policy is None:
            return False
        return is_of_fleet(policy, {fleet}) or policy.id in {each.id for each in self.policies}


NO_POLICIES = FleetPolicies()


async def find_fleet_policies(graph: GraphClient, fleet: Fleet) -> FleetPolicies:
    """Return the policies with a fleet's tag; none is looked for if no instance signs people in.

    Source: https://learn.microsoft.com/graph/api/claimsmappingpolicy-list
    """
    if not any(instance.sso for instance in fleet.instances):
        return NO_POLICIES
    try:
        # All of them: the service filters by whole names, and a tenant has few.
        found = [each async for each in graph.batched.claims_mapping_policies.list()]
    except UNREADABLE as error:
        return FleetPolicies(unreadable=error)
    return FleetPolicies(tuple(each for each in found if is_of_fleet(each, fleet.names)))


async def read_assigned_policy(graph: Resources, service_principal_id: str) -> ClaimsMappingPolicy | None:
    """Return the policy that is assigned to an application, no matter who assigned it.

    Raises:
        GraphError: The read failed after all retries.

    Source: https://learn.microsoft.com/graph/api/serviceprincipal-list-claimsmappingpolicies
    """
    async for policy in graph.claims_mapping_policies.assigned(service_principal_id):
        return policy
    return None


def is_of_fleet(policy: ClaimsMappingPolicy, fleets: Collection[str]) -> bool:
    """Return whether a policy has the tag of one of these fleets as its name."""
    tag = OwnershipTag.in_tags([policy.display_name or ""])
    return tag is not None and tag.fleet in fleets


def choose_policy(policies: Iterable[ClaimsMappingPolicy], fleet: str, name: str) -> ClaimsMappingPolicy | None:
    """Return the policy with a name: that of the fleet's current name first, then always the same one."""
    found = [(OwnershipTag.in_tags([each.display_name or ""]), each) for each in policies]
    named = [(tag.fleet != fleet, each.id, each) for tag, each in found if tag and tag.key == name]
    return min(named, key=lambda each: each[:2])[2] if named else None


def has_definition(policy: ClaimsMappingPolicy, wanted: ClaimsPolicy) -> bool:
    """Return whether a policy says what the file says; `true` and `"true"` are the same to Entra ID."""
    try:
        (found,) = map(json.loads, policy.definition)
    except ValueError:
        return False
    return _as_texts(found) == _as_texts(wanted.definition)


def _as_texts(value: object) -> object:
    if isinstance(value, dict):
        return {name: _as_texts(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_texts(inner) for inner in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
