"""What comes to the door before anybody has signed in, and what is too much for it."""

import pytest

from tests.graph_emulator.driver import AWS, error_of

PATH = f"/applicationTemplates/{AWS}/instantiate"


async def test_a_cloud_names_its_hosts_to_other_tools(open_tenant):
    wire = await open_tenant(sign_in=False)
    answer = await wire.client.get("/metadata/endpoints?api-version=2022-09-01")
    root = str(wire.client.base_url).rstrip("/")
    found = answer.json()
    assert (found["authentication"]["loginEndpoint"], found["microsoftGraphResourceId"]) == (root, root)
    assert found["resourceManager"].startswith("https://emulator.invalid")
    signed = await wire.sign_in(scope=f"{found['microsoftGraphResourceId']}/.default")
    assert signed.status_code == 200


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 5000, 400),
        (b"null", 400),
        (b"[]", 400),
        (b'{"displayName": "' + b"x" * 5_000_000 + b'"}', 413),
    ],
)
async def test_a_body_that_cannot_be_taken_changes_nothing(wire, content, status):
    headers = {**wire.headers, "content-type": "application/json"}
    refused = await wire.client.post(f"/v1.0{PATH}", content=content, headers=headers)
    assert (refused.status_code, refused.json()["error"]["innerError"]["request-id"] != "") == (status, True)
    assert wire.emulator.controls.state()["applications"] == []
    assert len(await wire.all_pages("/applications")) == 0


@pytest.mark.parametrize("path", ["/%2e%2e/%2e%2e/etc/passwd", "/applications/%2e%2e%2f%2e%2e", "/applications/..%00"])
async def test_a_path_leads_to_no_file(wire, path):
    answer = await wire.send("GET", path)
    assert answer.status_code in (400, 404)
    assert "root:" not in answer.text
    assert error_of(answer)[1]
