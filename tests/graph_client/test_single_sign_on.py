"""Signing certificates, claims mapping policies and the federation metadata."""

import base64
import hashlib
from datetime import UTC, datetime

import httpx
import pytest

from graph_client import GraphClient, GraphSettings, StaticTokens, errors
from graph_client.models import KeyCredential
from tests.graph_client.doubles import GRAPH, SIGN_IN, FakeTime, Script, answer, client, page, refusal

SP = "1f2e3d4c-0000-4000-8000-000000000001"
POLICY = "1f2e3d4c-0000-4000-8000-000000000002"
DER = b"a certificate"
THUMBPRINT = hashlib.sha1(DER).hexdigest().upper()
ENDS = datetime(2029, 1, 31, tzinfo=UTC)
KEY = {
    "keyId": "k1",
    "customKeyIdentifier": base64.b64encode(bytes(20)).decode(),
    "key": base64.b64encode(DER).decode(),
    "usage": "Verify",
    "type": "AsymmetricX509Cert",
    "startDateTime": "2026-01-31T00:00:00Z",
    "endDateTime": "2029-01-31T00:00:00Z",
    "hasExtendedValue": None,
}
SIGNING = "id,appId,displayName,notes,preferredSingleSignOnMode,preferredTokenSigningKeyThumbprint,keyCredentials"


async def test_keys_are_read_with_what_signs():
    body = {"id": SP, "preferredTokenSigningKeyThumbprint": THUMBPRINT, "keyCredentials": [KEY]}
    script = Script(answer(200, body))
    async with client(script) as graph:
        found = await graph.signing_certificates.get(SP)
    assert str(script.requests[0].url) == f"{GRAPH}/v1.0/servicePrincipals/{SP}?$select={SIGNING}"
    (key,) = found.key_credentials
    assert (key.thumbprint, key.end_date_time) == (found.preferred_token_signing_key_thumbprint, ENDS)


def test_the_thumbprint_of_a_key_without_its_certificate_is_its_identifier():
    assert KeyCredential({**KEY, "key": None}).thumbprint == "00" * 20
    assert KeyCredential({**KEY, "usage": "Sign"}).thumbprint == "00" * 20
    assert KeyCredential({"keyId": "k", "customKeyIdentifier": "no base64"}).thumbprint is None
    assert KeyCredential({"endDateTime": "soon"}).end_date_time is None


async def test_a_certificate_is_added():
    script = Script(answer(200, {"keyId": "k1", "thumbprint": THUMBPRINT, "endDateTime": "2029-01-31T00:00:00Z"}))
    async with client(script) as graph:
        made = await graph.signing_certificates.add(SP, display_name="CN=x", end_date_time=ENDS)
    (request,) = script.requests
    assert (request.method, request.url.path) == ("POST", f"/v1.0/servicePrincipals/{SP}/addTokenSigningCertificate")
    assert script.bodies() == [{"displayName": "CN=x", "endDateTime": "2029-01-31T00:00:00Z"}]
    assert (made.thumbprint, made.end_date_time) == (THUMBPRINT, ENDS)


@pytest.mark.parametrize("fault", [answer(503), httpx.ReadError("reset"), refusal(404, "Request_ResourceNotFound")])
async def test_an_addition_of_unknown_outcome_is_not_sent_again(fault):
    script = Script(fault)
    async with client(script) as graph:
        graph.note_created(SP)
        with pytest.raises(errors.GraphError):
            await graph.signing_certificates.add(SP, display_name="CN=x", end_date_time=ENDS)
    assert len(script.requests) == 1


async def test_keys_go_back_as_they_came():
    script = Script(answer(204))
    async with client(script) as graph:
        await graph.signing_certificates.replace(SP, [KeyCredential(KEY)])
        await graph.signing_certificates.activate(SP, THUMBPRINT)
    assert [f"{each.method} {each.url.path}" for each in script.requests] == [f"PATCH /v1.0/servicePrincipals/{SP}"] * 2
    assert script.bodies() == [{"keyCredentials": [KEY]}, {"preferredTokenSigningKeyThumbprint": THUMBPRINT}]


async def test_the_metadata_is_read_from_the_sign_in_endpoint_without_a_token():
    script = Script(answer(503, retry_after="1"), httpx.Response(200, content=b"<EntityDescriptor/>"))
    async with client(script, FakeTime()) as graph:
        assert await graph.signing_certificates.federation_metadata("t", "a b") == b"<EntityDescriptor/>"
        address = graph.signing_certificates.metadata_url("t", "a")
    for request in script.requests:
        assert str(request.url) == f"{SIGN_IN}/t/federationmetadata/2007-06/federationmetadata.xml?appid=a%20b"
        assert "authorization" not in request.headers
    assert len(script.requests) == 2
    assert address == f"{SIGN_IN}/t/federationmetadata/2007-06/federationmetadata.xml?appid=a"


@pytest.mark.parametrize("status", [400, 404, 429])
async def test_metadata_that_is_not_there_is_an_error_of_the_client(status):
    async with client(Script(httpx.Response(status, text="AADSTS90002: no such tenant"))) as graph:
        with pytest.raises(errors.GraphStatusError) as failed:
            await graph.batched.signing_certificates.federation_metadata("t", "a")
    assert failed.value.status == status


async def test_policies_are_found_created_changed_and_assigned():
    definition = ['{"ClaimsMappingPolicy":{"Version":1}}']
    policy = {"id": POLICY, "displayName": "x", "definition": definition}
    policies = "/v1.0/policies/claimsMappingPolicies"
    script = Script(page([policy]), answer(201, policy), answer(204), page([policy]), answer(204), answer(204))
    async with client(script) as graph:
        resource = graph.claims_mapping_policies
        assert [each.id async for each in resource.list(display_name="x")] == [POLICY]
        assert (await resource.create(display_name="x", definition=definition)).definition == tuple(definition)
        await resource.patch(POLICY, display_name="aws", definition=definition)
        assert [each.id async for each in resource.assigned(SP)] == [POLICY]
        await resource.assign(SP, POLICY)
        await resource.unassign(SP, POLICY)
    on = f"/v1.0/servicePrincipals/{SP}/claimsMappingPolicies"
    assert [f"{each.method} {str(each.url).removeprefix(GRAPH)}" for each in script.requests] == [
        f"GET {policies}?$filter=displayName%20eq%20'x'",
        f"POST {policies}",
        f"PATCH {policies}/{POLICY}",
        f"GET {on}",
        f"POST {on}/$ref",
        f"DELETE {on}/{POLICY}/$ref",
    ]
    assert script.bodies()[1] == {"definition": definition, "displayName": "x"}
    assert script.bodies()[4] == {"@odata.id": f"{GRAPH}{policies}/{POLICY}"}


async def test_a_service_principal_is_changed_by_what_differs():
    script = Script(answer(204))
    async with client(script) as graph:
        await graph.service_principals.patch(SP, {"preferredSingleSignOnMode": "saml"})
    assert (script.requests[0].method, script.bodies()) == ("PATCH", [{"preferredSingleSignOnMode": "saml"}])


async def test_the_sign_in_endpoint_has_the_proxy_of_its_own_host():
    settings = {"proxy_url": "http://127.0.0.1:9", "no_proxy": "login.example"}
    async with client_without_transport(**settings) as graph:
        pool = graph._session._http._http._transport_for_url(httpx.URL(f"{SIGN_IN}/t"))._pool
        assert type(pool).__name__ == "AsyncConnectionPool"
        pool = graph._session._http._http._transport_for_url(httpx.URL(f"{GRAPH}/v1.0"))._pool
        assert type(pool).__name__ == "AsyncHTTPProxy"


def client_without_transport(**changes):
    return GraphClient(GraphSettings(graph_url=GRAPH, authority=SIGN_IN, **changes), StaticTokens("t"))
