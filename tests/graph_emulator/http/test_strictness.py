import pytest

from tests.graph_emulator.driver import AWS, error_of

NOBODY = "00000000-0000-4000-8000-000000000000"
INSTANTIATE = f"/applicationTemplates/{AWS}/instantiate"


async def test_an_error_is_an_envelope_with_the_identifiers_of_the_request(wire):
    answer = await wire.send("GET", f"/applications/{NOBODY}", headers={"client-request-id": "mine"})
    error = answer.json()["error"]
    assert (error["code"], bool(error["message"])) == ("Request_ResourceNotFound", True)
    inner = error["innerError"]
    assert inner["client-request-id"] == answer.headers["client-request-id"] == "mine"
    assert inner["request-id"] == answer.headers["request-id"] != "mine"
    assert inner["date"] == "2026-01-05T08:00:00"


async def test_every_request_has_an_identifier_of_its_own(wire):
    first, second = await wire.send("GET", "/organization"), await wire.send("GET", "/organization")
    assert first.headers["request-id"] != second.headers["request-id"]
    assert first.headers["client-request-id"] == first.headers["request-id"]


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b'{"displayName":"x"}', {"Content-Type": ""}, 400, "BadRequest"),
        (b'{"displayName":"x"}', {"Content-Type": "text/plain"}, 415, "UnsupportedMediaType"),
        (b"{displayName:'x'}", {"Content-Type": "application/json"}, 400, "BadRequest"),
        (b"", {"Content-Type": "application/json"}, 400, "BadRequest"),
        (b'{"displayName":"\xff"}', {"Content-Type": "application/json"}, 400, "BadRequest"),
        (b"[1]", {"Content-Type": "application/json; charset=utf-8"}, 400, "BadRequest"),
        (b"[" * 100_000, {"Content-Type": "application/json"}, 400, "BadRequest"),
        (b"x" * 5_000_000, {"Content-Type": "application/json"}, 413, "RequestEntityTooLarge"),
        (b'{"displayName":"x","color":1}', {"Content-Type": "application/json"}, 400, "Request_BadRequest"),
        (b'{"displayName":5}', {"Content-Type": "application/json"}, 400, "Request_BadRequest"),
    ],
)
async def test_a_bad_body_is_refused_and_the_tenant_unharmed(wire, content, headers, status, code):
    answer = await wire.send("POST", INSTANTIATE, content=content, headers=headers)
    assert error_of(answer) == (status, code)
    assert wire.emulator.controls.state()["applications"] == []


@pytest.mark.parametrize(
    "query",
    [
        "$foo=1",
        "$expand=owners",
        "$search=x",
        "$select=nonsense",
        "$top=1&$top=2",
        "$count=true",
        "$orderby=displayName&$filter=displayName eq 'x'",
        "$orderby=appId",
    ],
)
async def test_an_unsupported_option_is_refused(wire, query):
    assert (await wire.send("GET", f"/applications?{query}")).status_code == 400


async def test_an_option_of_nobody_is_ignored(wire):
    assert (await wire.send("GET", "/applications?trace=1")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nonsense", 400),
        ("GET", "/applications/x/nonsense", 400),
        ("GET", f"/applications/{NOBODY}/nonsense", 404),
        ("GET", f"/servicePrincipals/{NOBODY}/synchronization", 404),
        ("DELETE", "/organization", 405),
        ("PUT", "/applications", 405),
        ("GET", INSTANTIATE, 405),
        ("GET", "/../../../etc/passwd", 400),
        ("GET", "/applications/..%2f..%2fetc%2fpasswd", 400),
        ("GET", "/applications/%00", 400),
        ("GET", "/applications/%ff%fe", 400),
    ],
)
async def test_addresses_that_lead_nowhere(wire, method, path, status):
    answer = await wire.client.request(
        method, f"/v1.0{path}", headers={**wire.headers, "Content-Type": "application/json"}
    )
    assert answer.status_code == status or (status == 400 and answer.status_code == 404)
    assert "root:" not in answer.text


async def test_segments_are_read_without_regard_to_case(wire):
    assert (await wire.send("GET", "/serviceprincipals")).status_code == 200
    assert (await wire.send("GET", "/ApplicationTemplates?$top=1")).status_code == 200


async def test_an_identifier_may_be_percent_encoded(wire):
    _, principal = await wire.instantiate()
    job = await wire.make_job(principal)
    head, _, job_id = job.rpartition("/")
    encoded = "".join(f"%{ord(c):02x}" if c in ".-" else c for c in job_id)
    assert (await wire.get(f"{head}/{encoded}"))["id"] == job_id


async def test_the_next_link_keeps_the_other_options(wire):
    for n in range(3):
        await wire.instantiate(f"A&B {n}", AWS)
    path = "/servicePrincipals"
    params = {"$filter": "startswith(displayName,'A&B')", "$select": "id,displayName", "$top": "1"}
    first = await wire.get(path, params=params)
    rest = await wire.all_pages(first["@odata.nextLink"])
    assert [value["displayName"] for value in rest] == ["A&B 1", "A&B 2"]
    assert rest[0].keys() == {"id", "displayName"}
    assert first["@odata.nextLink"].startswith(str(wire.client.base_url))


@pytest.mark.parametrize("token", ["x", "!!", "AAAA", "w6Q"])
async def test_a_foreign_skip_token_is_refused(wire, token):
    await wire.instantiate()
    for path in ("/servicePrincipals", "/auditLogs/provisioning", "/users"):
        assert (await wire.send("GET", f"{path}?$skiptoken={token}")).status_code == 400
