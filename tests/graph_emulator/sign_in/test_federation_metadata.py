import base64
import hashlib
import re
from xml.etree import ElementTree

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from graph_emulator.clock import write_moment
from graph_emulator.directory.signing_certificates import thumbprint
from tests.graph_emulator.driver import AWS

pytestmark = pytest.mark.parametrize("door", ["in process"])
MD, DS = "{urn:oasis:names:tc:SAML:2.0:metadata}", "{http://www.w3.org/2000/09/xmldsig#}"
DAY = 86_400.0


async def fetch(wire, app_id=None, tenant=None):
    query = f"?appid={app_id}" if app_id else ""
    tenant = tenant or wire.emulator.settings.tenant_id
    return await wire.client.get(f"/{tenant}/federationmetadata/2007-06/federationmetadata.xml{query}")


def listed(document):
    keys = ElementTree.fromstring(document).iterfind(f"{MD}IDPSSODescriptor/{MD}KeyDescriptor//{DS}X509Certificate")
    return [thumbprint(base64.b64decode(each.text)) for each in keys]


def check_signature(document):
    """Verify as the standard says; return the thumbprint of the certificate that signed."""
    text, signature = document.decode(), ElementTree.fromstring(document).find(f"{DS}Signature")
    signed = ElementTree.canonicalize(re.search("<SignedInfo.*</SignedInfo>", text)[0]).encode()
    certificate = base64.b64decode(signature.findtext(f".//{DS}X509Certificate"))
    value = base64.b64decode(signature.findtext(f"{DS}SignatureValue"))
    public = x509.load_der_x509_certificate(certificate).public_key()
    public.verify(value, signed, padding.PKCS1v15(), hashes.SHA256())
    rest = ElementTree.canonicalize(text, exclude_tags=[f"{DS}Signature"]).encode()
    assert base64.b64encode(hashlib.sha256(rest).digest()).decode() == signature.findtext(f".//{DS}DigestValue")
    return thumbprint(certificate)


async def with_certificates(wire, *days):
    """An application with a certificate for each number of days, of which the first is active."""
    application, principal = await wire.instantiate("Orders", AWS)
    path, thumbprints = f"/servicePrincipals/{principal}", []
    for each in days:
        end = write_moment(wire.emulator.clock.now() + each * DAY)
        body = {"displayName": "CN=Orders", "endDateTime": end}
        thumbprints.append((await wire.post(f"{path}/addTokenSigningCertificate", body, 200))["thumbprint"])
    await wire.send("PATCH", path, {"preferredTokenSigningKeyThumbprint": thumbprints[0].lower()})
    return (await wire.get(f"/applications/{application}"))["appId"], thumbprints


async def test_the_active_certificate_signs_and_the_staged_one_is_listed_after_it(wire):
    app_id, (active, staged) = await with_certificates(wire, 10, 20)
    answer = await fetch(wire, app_id)
    assert answer.status_code == 200
    assert listed(answer.content) == [active, staged]
    assert check_signature(answer.content) == active


async def test_after_the_switch_the_staged_one_signs_and_the_expired_one_is_gone(wire):
    app_id, (_, staged) = await with_certificates(wire, 10, 20)
    wire.emulator.controls.advance(10 * DAY)
    document = (await fetch(wire, app_id)).content
    assert (listed(document), check_signature(document)) == ([staged], staged)


async def test_an_expired_certificate_still_signs_where_there_is_no_other(wire):
    app_id, (only,) = await with_certificates(wire, 10)
    wire.emulator.controls.advance(11 * DAY)
    document = (await fetch(wire, app_id)).content
    assert (listed(document), check_signature(document)) == ([only], only)


async def test_the_switch_shows_here_even_where_graph_hides_it(open_tenant):
    wire = await open_tenant(certificate_switch="hidden", federation_metadata="active")
    app_id, (active, staged) = await with_certificates(wire, 10, 20)
    assert listed((await fetch(wire, app_id)).content) == [active]
    wire.emulator.controls.advance(11 * DAY)
    assert listed((await fetch(wire, app_id)).content) == [staged]


async def test_without_a_certificate_of_its_own_the_tenants_signs(wire):
    application, _ = await wire.instantiate("Orders", AWS)
    app_id = (await wire.get(f"/applications/{application}"))["appId"]
    own, general = (await fetch(wire, app_id)).content, (await fetch(wire)).content
    assert listed(own) == listed(general) == [check_signature(own)]


async def test_no_token_is_needed_but_the_tenant_and_the_application_must_exist(open_tenant):
    wire = await open_tenant(sign_in=False)
    assert (await fetch(wire)).status_code == 200
    unknown = "00000000-0000-4000-8000-000000000000"
    for answer, number in ((await fetch(wire, unknown), 700016), (await fetch(wire, tenant=unknown), 90002)):
        assert (answer.status_code, answer.json()["error_codes"]) == (400, [number])


async def test_the_path_may_be_written_as_microsoft_writes_it(wire):
    answer = await wire.client.get(
        f"/{wire.emulator.settings.tenant_id}/FederationMetadata/2007-06/FederationMetadata.xml",
    )
    place = ElementTree.fromstring(answer.content).find(f".//{MD}SingleSignOnService").get("Location")
    assert place.endswith(f"/{wire.emulator.settings.tenant_id}/saml2")
