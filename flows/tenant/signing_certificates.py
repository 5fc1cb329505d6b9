"""The signing certificates of a fleet's applications, and of all SAML applications of a tenant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flows.fleet_file.models import Fleet, Instance
from flows.formatting import format_iso
from flows.monitoring.health import UNREADABLE
from flows.monitoring.signing_certificates import NO_CERTIFICATES, SigningCertificates, read_certificates
from flows.tenant.observe import find_instances
from flows.tenant.ownership_tag import OwnershipTag
from graph_client import GraphClient
from graph_client.errors import GraphError, NotFound, WaitExpired
from graph_client.models import ServicePrincipal
from graph_client.parallel import gather

SAML = "saml"
_SELECT = (
    "id",
    "appId",
    "displayName",
    "tags",
    "preferredSingleSignOnMode",
    "preferredTokenSigningKeyThumbprint",
)
_PRINCIPALS_AT_ONCE = 400
"""Twenty batches."""
_SETTLING_SECONDS = 30.0


@dataclass(frozen=True)
class FleetCertificates:
    """The certificates of one instance, or of one application of the tenant."""

    key: str | None = None
    application_id: str | None = None
    service_principal_id: str | None = None
    app_id: str | None = None
    display_name: str | None = None
    fleet: str | None = None
    metadata_url: str = ""
    certificates: SigningCertificates = NO_CERTIFICATES
    is_saml: bool = False
    """Whether its sign-on mode is SAML."""
    duplicates: tuple[str, ...] = ()
    """Ids of the applications with the tag of the instance, if there are several."""
    unreadable: GraphError | None = None
    """Why its certificates could not be read."""

    @property
    def name(self) -> str:
        """What warnings call it."""
        return self.key or self.display_name or self.service_principal_id or ""

    def state(self, now: datetime) -> str:
        """Return its state in a word: that of the certificate that signs, or why it is not known."""
        if self.unreadable:
            return "unknown"
        active = self.certificates.active
        if active is None:
            return "staged" if self.certificates.staged else "none"
        if active.state == "expired":
            return "expired"
        return "expiring" if self.certificates.expiring(self.name, now) else "active"

    def as_json(self, now: datetime) -> dict[str, Any]:
        """Return it as `certificates list --output json` prints it."""
        active, staged = self.certificates.active, self.certificates.staged
        expiring = self.certificates.expiring(self.name, now)
        return {
            "fleet": self.fleet,
            "key": self.key,
            "display_name": self.display_name,
            "service_principal_id": self.service_principal_id,
            "app_id": self.app_id,
            "state": self.state(now),
            "expires": format_iso(active.ends_at) if active else None,
            "days": self.certificates.days_left(now),
            "urgency": expiring.urgency if expiring else None,
            "active": active.thumbprint if active else None,
            "staged": staged.thumbprint if staged else None,
            "metadata_url": self.metadata_url or None,
            "certificates": [each.as_json() for each in self.certificates.certificates],
            "error": self.unreadable.code or type(self.unreadable).__name__ if self.unreadable else None,
        }


async def find_fleet_certificates(
    graph: GraphClient, fleet: Fleet, instances: Sequence[Instance]
) -> dict[str, FleetCertificates]:
    """Return the certificates of instances by key, with an empty entry for one that does not exist.

    Raises:
        GraphError: The applications could not be listed.
    """
    found = await find_instances(graph, fleet)

    async def look(instance: Instance) -> FleetCertificates:
        items = found.get(instance.key, [])
        if not items:
            return FleetCertificates(instance.key, fleet=fleet.fleet)
        item = items[0]
        place = FleetCertificates(
            instance.key,
            item.application_id,
            item.service_principal_id,
            item.app_id,
            item.display_name,
            fleet.fleet,
            duplicates=tuple(each.application_id or each.app_id for each in items) if len(items) > 1 else (),
        )
        return await _settled(graph, await _read(graph, place, fleet.tenant_id), fleet.tenant_id)

    return dict(zip([each.key for each in instances], await gather(*map(look, instances)), strict=True))


async def read_certificates_of(graph: GraphClient, principals: Mapping[str, str]) -> dict[str, SigningCertificates]:
    """Return the certificates of service principals by key, without those that cannot be read.

    Args:
        graph: A signed-in client.
        principals: The object ids of the service principals, by key.
    """
    places = [FleetCertificates(key, service_principal_id=id_) for key, id_ in principals.items()]
    found = await gather(*(_read(graph, each, "") for each in places))
    return {each.key or "": each.certificates for each in found if not each.unreadable}


async def find_tenant_certificates(graph: GraphClient, tenant_id: str) -> list[FleetCertificates]:
    """Return the certificates of every SAML application of a tenant, those of an unknown state included.

    The keys are read one principal at a time, in batches: a collection with keyCredentials is throttled at about 150
    requests a minute, and has no certificates in it.

    Raises:
        GraphError: The service principals could not be listed.
    """
    signing: list[ServicePrincipal] = []
    async for page in graph.service_principals.pages(select=_SELECT):
        signing += [each for each in page.items if _signs(each)]
    rows: list[FleetCertificates] = []
    for start in range(0, len(signing), _PRINCIPALS_AT_ONCE):
        part = signing[start : start + _PRINCIPALS_AT_ONCE]
        rows += await gather(*(_read(graph, _place(each), tenant_id) for each in part))
    return rows


def _signs(principal: ServicePrincipal) -> bool:
    mode, preferred = principal.preferred_single_sign_on_mode, principal.preferred_token_signing_key_thumbprint
    return (mode or "").lower() == SAML or bool(preferred)


def _place(principal: ServicePrincipal) -> FleetCertificates:
    mark = OwnershipTag.in_tags(principal.tags)
    return FleetCertificates(
        mark.key if mark else None,
        None,
        principal.id,
        principal.app_id,
        principal.display_name,
        mark.fleet if mark else None,
    )


async def _settled(graph: GraphClient, seen: FleetCertificates, tenant_id: str) -> FleetCertificates:
    """Return the certificates once a replica shows the one that is to sign; as they are if none does in time."""
    if seen.certificates.is_whole:
        return seen

    async def look() -> FleetCertificates | None:
        found = await _read(graph, seen, tenant_id)
        return found if found.certificates.is_whole else None

    try:
        return await graph.wait_until(look, seen=1, within_seconds=_SETTLING_SECONDS)
    except WaitExpired:
        return seen


async def _read(graph: GraphClient, place: FleetCertificates, tenant_id: str) -> FleetCertificates:
    if place.service_principal_id is None:
        return place
    try:
        keys = await graph.batched.signing_certificates.get(place.service_principal_id)
    except (*UNREADABLE, NotFound) as error:
        return replace(place, unreadable=error)
    url = graph.signing_certificates.metadata_url(tenant_id, place.app_id or "") if place.app_id else ""
    certificates = read_certificates(keys, graph.now())
    is_saml = (keys.preferred_single_sign_on_mode or "").lower() == SAML
    return replace(place, certificates=certificates, metadata_url=url, is_saml=is_saml)
