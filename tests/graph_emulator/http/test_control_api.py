import pytest

from tests.graph_emulator.driver import AWS, GOOD


async def control(wire, method, action, **options):
    return await wire.client.request(method, f"/_emulator/{action}", **options)


async def test_the_state_is_the_whole_tenant_as_json(wire):
    principal, _ = await wire.running_job()
    wire.settle()
    state = (await control(wire, "GET", "state")).json()
    assert [value["id"] for value in state["servicePrincipals"]] == [principal]
    assert state["jobs"][principal][0]["status"]["code"] == "Active"
    assert state["secrets"] == {principal: ["SecretToken", "SyncAll"]}
    assert state["events"][principal]["success"] > 0
    assert len(state["groups"]) == 12
    assert GOOD["SecretToken"] not in str(state["secrets"])


async def test_every_request_is_kept_with_its_body(wire):
    await wire.send("POST", f"/applicationTemplates/{AWS}/instantiate", {"displayName": "x"})
    await wire.send("GET", "/applications?$top=1", headers={"client-request-id": "mine", "X-Secret": "no"})
    answer = (await control(wire, "GET", "requests?since=1")).json()
    assert answer["count"] == 3
    made, listed = answer["requests"]
    assert (made["operation"], made["body"], made["status"]) == ("instantiate", {"displayName": "x"}, 201)
    assert (listed["path"], listed["query"], listed["fault"]) == ("/v1.0/applications", "$top=1", None)
    assert listed["headers"]["client-request-id"] == "mine"
    assert "x-secret" not in listed["headers"]
    assert "authorization" not in listed["headers"]
    assert listed["app"] == wire.emulator.settings.client_id


async def test_only_so_many_requests_are_kept_but_all_are_counted(open_tenant):
    wire = await open_tenant(requests_kept=10)
    for _ in range(25):
        await wire.get("/organization")
    assert (len(wire.emulator.requests), wire.emulator.controls.requests_seen) == (10, 26)
    assert [record.sequence for record in wire.emulator.requests] == list(range(17, 27))


async def test_the_clock_can_be_advanced(wire):
    before = (await control(wire, "GET", "clock")).json()["now"]
    after = (await control(wire, "POST", "clock", json={"advance_seconds": 90.5})).json()["now"]
    assert after - before == 90.5


@pytest.mark.parametrize("body", [{}, {"advance_seconds": -1}, {"advance_seconds": "5"}, {"advance_seconds": True}, []])
async def test_the_clock_goes_forward_only(wire, body):
    answer = await control(wire, "POST", "clock", json=body)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)


async def test_faults_are_added_listed_and_cleared(wire):
    rule = {"effect": "status", "operation": "list_organization", "status": 503, "retry_after": 2, "times": 1}
    assert (await control(wire, "POST", "faults", json={"rules": [rule]})).status_code == 200
    shown = (await control(wire, "GET", "faults")).json()["rules"]
    assert shown[0]["retry_after"] == "2"
    answer = await wire.send("GET", "/organization")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert (await wire.send("GET", "/organization")).status_code == 200
    await control(wire, "POST", "faults", json={"effect": "reset"})
    await control(wire, "DELETE", "faults")
    assert (await wire.send("GET", "/organization")).status_code == 200


async def test_a_bad_rule_is_refused_and_none_is_added(wire):
    good, bad = {"effect": "reset"}, {"effect": "explode"}
    answer = await control(wire, "POST", "faults", json={"rules": [good, bad]})
    assert (answer.status_code, "unknown effect" in answer.json()["error"]) == (400, True)
    assert wire.emulator.controls.faults == []


async def test_credentials_can_go_bad(wire):
    _, job = await wire.running_job()
    wire.settle()
    await control(wire, "POST", "credentials", json={"reject": "good"})
    wire.emulator.controls.advance(wire.emulator.settings.cycle_seconds)
    assert (await wire.get(job))["status"]["code"] == "Quarantine"


async def test_a_reset_makes_the_tenant_as_new(wire):
    await wire.instantiate()
    await control(wire, "POST", "reset")
    assert wire.emulator.controls.state()["applications"] == []
    assert len(wire.emulator.requests) == 0
    assert (await wire.send("GET", "/organization")).status_code == 401
    await wire.sign_in()
    assert (await wire.instantiate())[0]


@pytest.mark.parametrize(("method", "action"), [("GET", "nonsense"), ("DELETE", "state"), ("GET", "../v1.0")])
async def test_an_unknown_action_names_the_known_ones(wire, method, action):
    answer = await wire.client.request(method, f"/_emulator/{action}".replace("../", "%2e%2e/"))
    assert (answer.status_code, "GET /_emulator/state" in answer.json()["error"]) == (404, True)


async def test_the_control_interface_is_not_counted(wire):
    await control(wire, "GET", "state")
    assert wire.emulator.controls.requests_seen == 1


async def test_a_job_can_be_put_into_quarantine(wire):
    _, job = await wire.running_job()
    wire.settle()
    job_id = job.rpartition("/")[2]
    body = {"job_id": job_id, "reason": "TooManyDeletes"}
    assert (await control(wire, "POST", "quarantine", json=body)).status_code == 204
    status = (await wire.get(job))["status"]
    assert (status["code"], status["quarantine"]["reason"]) == ("Quarantine", "TooManyDeletes")
    await wire.post(f"{job}/restart", {"criteria": {"resetScope": "QuarantineState"}})
    wire.settle()
    assert (await wire.get(job))["status"]["code"] == "Active"
    assert (await control(wire, "POST", "quarantine", json={"job_id": "x"})).status_code == 400


async def test_the_log_can_be_filled_with_a_past(wire):
    _, principal = await wire.instantiate()
    body = {"service_principal_id": principal, "count": 1000, "over_seconds": 3600}
    assert (await control(wire, "POST", "events", json=body)).status_code == 204
    events = await wire.all_pages("/auditLogs/provisioning?$top=300&$orderby=activityDateTime asc")
    assert len({event["id"] for event in events}) == 1000
    assert events[0]["activityDateTime"] == "2026-01-05T07:00:01Z"
    assert wire.emulator.controls.state()["events"][principal] == {"success": 900, "failure": 50, "skipped": 50}
    assert (await control(wire, "POST", "events", json={**body, "count": -1})).status_code == 400
    assert (await control(wire, "POST", "events", json={**body, "service_principal_id": "x"})).status_code == 400
