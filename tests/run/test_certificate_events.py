"""The event of a staged certificate is the same each time, so that Prefect keeps one."""

from datetime import UTC, datetime

from flows.plan.outcome import InstanceOutcome, StagedCertificate
from flows.run.events import STAGED, build_staged_event

TENANT = "aaaaaaaa-0000-4000-8000-000000000001"


def staged(thumbprint):
    certificate = StagedCertificate(thumbprint, datetime(2029, 1, 1, tzinfo=UTC), "https://login.example/m.xml", "MIIC")
    return InstanceOutcome("aws", "staged", None, "sp", app_id="app", staged_certificate=certificate)


def test_it_says_what_is_to_be_handed_over():
    event = build_staged_event(TENANT, "contoso", staged("AB"))
    assert (event.event, event.resource["prefect.resource.name"]) == (STAGED, "aws")
    assert (event.resource["entra-fleet.fleet"], event.resource["entra-fleet.key"]) == ("contoso", "aws")
    assert event.payload == {
        "tenant_id": TENANT,
        "fleet": "contoso",
        "key": "aws",
        "service_principal_id": "sp",
        "app_id": "app",
        "thumbprint": "AB",
        "expires": "2029-01-01T00:00:00Z",
        "metadata_url": "https://login.example/m.xml",
        "certificate": "MIIC",
    }


def test_a_certificate_has_one_event_however_often_it_is_told():
    first, again, other = (build_staged_event(TENANT, "contoso", staged(each)).id for each in ("AB", "AB", "CD"))
    assert first == again != other
