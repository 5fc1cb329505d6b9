import base64
import json

import pytest

from tests.graph_emulator.driver import error_of

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def claims_of(token):
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


async def test_discovery_points_at_the_host_that_was_asked(wire):
    tenant = wire.emulator.settings.tenant_id
    found = (await wire.client.get(f"/{tenant}/v2.0/.well-known/openid-configuration")).json()
    root = str(wire.client.base_url).rstrip("/")
    assert found["token_endpoint"] == f"{root}/{tenant}/oauth2/v2.0/token"
    assert found["issuer"] == f"{root}/{tenant}/v2.0"


async def test_an_access_token_says_who_and_what_may_be_done(open_tenant):
    wire = await open_tenant(roles=("Application.Read.All",), token_lifetime_seconds=600)
    answer = (await wire.sign_in()).json()
    claims = claims_of(answer["access_token"])
    settings = wire.emulator.settings
    assert (claims["tid"], claims["appid"]) == (settings.tenant_id, settings.client_id)
    assert claims["roles"] == ["Application.Read.All"]
    assert claims["oid"]
    assert claims["exp"] - claims["iat"] == answer["expires_in"] == 600


@pytest.mark.parametrize(
    ("changes", "status", "error", "number"),
    [
        ({"client_secret": "not it"}, 401, "invalid_client", 7000215),
        ({"client_secret": "last year's"}, 401, "invalid_client", 7000222),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_id": "11111111-1111-1111-1111-111111111111"}, 400, "unauthorized_client", 700016),
        ({"client_id": ""}, 400, "invalid_request", 900144),
        ({"scope": "https://graph.microsoft.com/User.Read"}, 400, "invalid_scope", 1002012),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
async def test_a_refused_sign_in_has_the_number_of_its_cause(open_tenant, changes, status, error, number):
    wire = await open_tenant(sign_in=False, expired_secrets=("last year's",))
    answer = await wire.sign_in(**changes)
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [number])
    assert body["error_description"].startswith(f"AADSTS{number}: ")
    assert {"trace_id", "correlation_id", "timestamp"} <= body.keys()


async def test_an_unknown_tenant_is_told_apart(wire):
    answer = await wire.client.post("/22222222-2222-2222-2222-222222222222/oauth2/v2.0/token", data={})
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


@pytest.mark.parametrize("token", [None, "Bearer nonsense", "Bearer a.b.c", "Basic abc"])
async def test_a_foreign_token_is_refused(wire, token):
    wire.headers = {} if token is None else {"Authorization": token}
    assert error_of(await wire.send("GET", "/organization")) == (401, "InvalidAuthenticationToken")


async def test_a_token_of_another_tenant_is_refused(open_tenant):
    first = await open_tenant(seed=1)
    second = await open_tenant(seed=2)
    second.headers = first.headers
    assert error_of(await second.send("GET", "/organization")) == (401, "InvalidAuthenticationToken")


async def test_a_token_expires_and_a_new_one_works(open_tenant):
    wire = await open_tenant(token_lifetime_seconds=600)
    wire.emulator.controls.advance(599)
    assert (await wire.send("GET", "/organization")).status_code == 200
    wire.emulator.controls.advance(1)
    assert error_of(await wire.send("GET", "/organization")) == (401, "InvalidAuthenticationToken")
    await wire.sign_in()
    assert (await wire.send("GET", "/organization")).status_code == 200


async def test_a_token_can_be_refused_before_it_says_it_expires(open_tenant):
    wire = await open_tenant(token_valid_seconds=2)
    wire.emulator.controls.advance(3)
    assert claims_of(wire.headers["Authorization"])["exp"] > wire.emulator.clock.now()
    assert error_of(await wire.send("GET", "/organization")) == (401, "InvalidAuthenticationToken")


async def test_the_body_of_a_sign_in_is_not_kept(wire):
    kept = json.dumps([record.as_json() for record in wire.emulator.requests])
    assert wire.emulator.settings.client_secret not in kept
    assert [record.operation for record in wire.emulator.requests] == ["token"]
