"""A look knows when the certificate of every SAML application expires, whatever jobs it has."""

from datetime import datetime

from graph_emulator.directory.signing_certificates import active_key, public_keys, read_certificate, thumbprint
from graph_emulator.faults.rules import read_fault


def principals(tenant):
    return {id_: each.value for id_, each in tenant.emulator.tenant.directory.live["servicePrincipal"].items()}


def by_id(inventory):
    return {each.principal.service_principal_id: each.as_json() for each in inventory.signing}


async def test_every_saml_application_shows_when_its_certificate_expires(open_tenant):
    tenant = open_tenant(400)
    shown = by_id(await tenant.look())
    signing = {id_: each for id_, each in principals(tenant).items() if each["preferredSingleSignOnMode"] == "saml"}
    assert shown.keys() == signing.keys()
    assert len({each["expires"] for each in shown.values()}) > 5
    for id_, value in signing.items():
        active = active_key(value, tenant.controls.now())
        expected = datetime.fromisoformat(active["endDateTime"]) if active else None
        assert (datetime.fromisoformat(shown[id_]["expires"]) if active else None) == expected
        assert shown[id_]["active"] == (thumbprint(read_certificate(active)) if active else None)
        # Nothing of a key is kept.
        assert {"active", "expires", "staged", "error"} < shown[id_].keys()
        assert "key" not in str(shown[id_]["findings"]).split()


async def test_a_certificate_activated_between_two_looks_shows_in_the_second(open_tenant):
    tenant = open_tenant(400)
    first = by_id(await tenant.look())
    id_ = next(id_ for id_, each in first.items() if each["staged"])
    assert {"certificate-30d", "certificate-switch"} <= {each["rule"] for each in first[id_]["findings"]}
    tenant.controls.edit(id_, {"preferredTokenSigningKeyThumbprint": first[id_]["staged"]})
    tenant.controls.advance(900.0)
    second = by_id(await tenant.look())
    assert (second[id_]["active"], second[id_]["staged"], second[id_]["findings"]) == (first[id_]["staged"], None, [])
    assert len(public_keys(principals(tenant)[id_])) == 2
    assert {id_: each for id_, each in second.items() if each["read"] != first[id_]["read"]}.keys() == {id_}


async def test_one_that_cannot_be_read_is_named_and_hides_no_other(open_tenant):
    tenant = open_tenant(100)
    tenant.controls.add_faults([read_fault("get_service_principal#1: 403")])
    shown = by_id(await tenant.look())
    assert len(shown) == 7
    (unknown,) = [each for each in shown.values() if each["error"]]
    assert (unknown["expires"], unknown["findings"]) == (None, [])
