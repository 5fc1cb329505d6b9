import pytest

from flows.run.artifacts import portal_link
from graph_client.settings import CLOUDS


@pytest.mark.parametrize(
    ("cloud", "portal"),
    [
        ("global", "https://entra.microsoft.com"),
        ("usgov", "https://entra.microsoft.us"),
        ("usgov-dod", "https://entra.microsoft.us"),
        ("china", "https://entra.microsoftonline.cn"),
    ],
)
def test_each_cloud_has_its_portal(cloud, portal):
    link = portal_link(CLOUDS[cloud].graph_url, "sp-1", "app-1")
    assert link == f"{portal}/#view/Microsoft_AAD_IAM/ManagedAppMenuBlade/~/Overview/objectId/sp-1/appId/app-1"


def test_every_cloud_that_the_client_knows_is_known_here():
    assert all(portal_link(cloud.graph_url, "sp", "app") for cloud in CLOUDS.values())


@pytest.mark.parametrize(
    ("graph_url", "service_principal_id", "app_id"),
    [
        ("https://127.0.0.1:8443", "sp", "app"),
        ("https://graph.microsoft.com", None, "app"),
        ("https://graph.microsoft.com", "sp", ""),
    ],
)
def test_without_a_portal_or_an_id_there_is_no_link(graph_url, service_principal_id, app_id):
    assert portal_link(graph_url, service_principal_id, app_id) is None
