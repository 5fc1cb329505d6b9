"""The signing certificates of a tenant's SAML applications, as a look keeps them: what warnings need, no keys."""

from collections.abc import Mapping
from typing import Any

from flows.formatting import format_iso
from flows.monitoring.health import UNREADABLE
from flows.monitoring.signing_certificates import read_certificates
from graph_client import GraphClient
from graph_client.errors import NotFound
from graph_client.models import ServicePrincipal

SAML = "saml"


def read_sign_on_mode(principal: ServicePrincipal) -> str | None:
    """Return how people sign in to a listed service principal, in lower case."""
    # Entra ID signs with such a certificate, whatever the mode says.
    if principal.preferred_token_signing_key_thumbprint:
        return SAML
    return (principal.preferred_single_sign_on_mode or "").lower() or None


async def read_certificate_facts(graph: GraphClient, service_principal_id: str) -> Mapping[str, Any]:
    """Return which certificate signs and until when, and which is staged; or the code of why that cannot be read.

    Args:
        graph: A signed-in client.
        service_principal_id: Object id of the service principal.

    Source: https://learn.microsoft.com/graph/api/serviceprincipal-get
    """
    try:
        # A list with keyCredentials is throttled at about 150 requests a minute; single reads are not.
        keys = await graph.batched.signing_certificates.get(service_principal_id)
    except (*UNREADABLE, NotFound) as error:
        return {"active": None, "expires": None, "staged": None, "error": error.code or type(error).__name__}
    found = read_certificates(keys, graph.now())
    return {
        "active": found.active.thumbprint if found.active else None,
        "expires": format_iso(found.active.ends_at) if found.active else None,
        "staged": found.staged.thumbprint if found.staged else None,
        "error": None,
    }
