"""Links to applications in the Entra admin center."""

from urllib.parse import quote, urlsplit

# https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
_PORTALS = {
    "graph.microsoft.com": "https://entra.microsoft.com",
    "graph.microsoft.us": "https://entra.microsoft.us",
    "dod-graph.microsoft.us": "https://entra.microsoft.us",
    "microsoftgraph.chinacloudapi.cn": "https://entra.microsoftonline.cn",
}


def portal_link(graph_url: str, service_principal_id: str | None, app_id: str | None) -> str | None:
    """Return the URL of an enterprise application's page; None if the Graph root has no known portal.

    Args:
        graph_url: Root of Microsoft Graph, which identifies the cloud.
        service_principal_id: Object id of the service principal.
        app_id: Its appId.
    """
    portal = _PORTALS.get(urlsplit(graph_url).hostname or "")
    if not (portal and service_principal_id and app_id):
        return None
    place = f"objectId/{quote(service_principal_id, safe='')}/appId/{quote(app_id, safe='')}"
    return f"{portal}/#view/Microsoft_AAD_IAM/ManagedAppMenuBlade/~/Overview/{place}"
