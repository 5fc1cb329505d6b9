import pytest

from graph_emulator import FaultRule
from tests.graph_emulator.driver import error_of


def step(number, url="/organization", method="GET", **more):
    return {"id": str(number), "method": method, "url": url, **more}


async def send(wire, *steps):
    answer = await wire.post("/$batch", {"requests": list(steps)}, 200)
    return {response["id"]: response for response in answer["responses"]}


async def test_twenty_requests_in_one(wire):
    answer = await wire.post("/$batch", {"requests": [step(n) for n in range(20)]}, 200)
    ids = [response["id"] for response in answer["responses"]]
    assert sorted(ids, key=int) == [str(n) for n in range(20)] != ids
    assert all(response["body"]["value"] for response in answer["responses"])


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [step(n) for n in range(21)],
        [step("a"), step("A")],
        [step(1, method="HEAD")],
        [step(1, dependsOn=["2"])],
        [step(1, dependsOn=["2"]), step(2, dependsOn=["1"])],
        [{"id": "1"}],
        [step(1, colour="red")],
        [5],
    ],
)
async def test_a_malformed_batch_does_nothing(wire, steps):
    assert (await wire.send("POST", "/$batch", {"requests": steps})).status_code == 400
    assert [record.operation for record in wire.emulator.requests] == ["token", "batch"]


async def test_each_request_is_answered_on_its_own(wire):
    _, principal = await wire.instantiate()
    made = await send(
        wire,
        step(1, f"/servicePrincipals/{principal}?$select=id"),
        step(2, "/servicePrincipals/00000000-0000-0000-0000-000000000000"),
        step(3, "/nonsense"),
        step(
            4,
            f"/servicePrincipals/{principal}",
            "PATCH",
            body={"notes": "x"},
            headers={"Content-Type": "application/json"},
        ),
        step(5, f"/servicePrincipals/{principal}", "PATCH", body={"notes": "y"}),
    )
    assert made["1"]["body"]["id"] == principal
    assert [made[str(n)]["status"] for n in range(1, 6)] == [200, 404, 400, 204, 400]
    assert made["2"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert "body" not in made["4"]
    assert (await wire.get(f"/servicePrincipals/{principal}"))["notes"] == "x"


async def test_what_depends_on_a_failure_is_not_done(wire):
    _, principal = await wire.instantiate()
    change = {"body": {"notes": "x"}, "headers": {"Content-Type": "application/json"}}
    made = await send(
        wire,
        step(2, f"/servicePrincipals/{principal}", "PATCH", dependsOn=["1"], **change),
        step(1, "/nonsense"),
    )
    assert made["2"]["status"] == 424
    assert (await wire.get(f"/servicePrincipals/{principal}"))["notes"] is None


async def test_what_depends_on_a_success_comes_after_it(wire):
    _, principal = await wire.instantiate()
    json = {"Content-Type": "application/json"}
    path = f"/servicePrincipals/{principal}"
    await send(
        wire,
        step(2, path, "PATCH", dependsOn=["1"], body={"notes": "second"}, headers=json),
        step(1, path, "PATCH", body={"notes": "first"}, headers=json),
    )
    assert (await wire.get(path))["notes"] == "second"


async def test_parts_are_recorded_with_the_batch_they_came_in(wire):
    await send(wire, step(1), step(2))
    outer, *parts = list(wire.emulator.requests)[1:]
    assert outer.operation == "batch"
    assert [(part.operation, part.batch) for part in parts] == [("list_organization", outer.sequence)] * 2


async def test_each_part_is_throttled_on_its_own(open_tenant):
    wire = await open_tenant(throttling=True)
    made = await send(wire, *(step(n, "/auditLogs/provisioning?$top=1") for n in range(7)))
    assert sorted(response["status"] for response in made.values()) == [200] * 5 + [429] * 2
    throttled = next(response for response in made.values() if response["status"] == 429)
    assert float(throttled["headers"]["Retry-After"]) > 0


async def test_a_part_can_fail_and_a_dropped_one_is_a_gateway_timeout(open_tenant):
    rules = (
        FaultRule("status", operation="list_users", status=503, retry_after="3"),
        FaultRule("reset", operation="list_groups"),
    )
    wire = await open_tenant(faults=rules)
    made = await send(wire, step(1), step(2, "/users"), step(3, "/groups"))
    assert [made[n]["status"] for n in "123"] == [200, 503, 504]
    assert made["2"]["headers"]["Retry-After"] == "3"


async def test_synchronization_in_a_batch_is_a_switch(open_tenant):
    for allowed, status in ((True, 200), (False, 400)):
        wire = await open_tenant(batch_synchronization=allowed)
        _, principal = await wire.instantiate()
        await wire.make_job(principal)
        made = await send(wire, step(1, f"/servicePrincipals/{principal}/synchronization/jobs"))
        assert made["1"]["status"] == status


@pytest.mark.parametrize(("mode", "status"), [("404", 404), ("empty", 200)])
async def test_a_principal_without_jobs_is_a_switch(open_tenant, mode, status):
    wire = await open_tenant(no_jobs=mode)
    _, principal = await wire.instantiate()
    path = f"/servicePrincipals/{principal}/synchronization/jobs"
    assert (await wire.send("GET", path)).status_code == status
    assert (await send(wire, step(1, path)))["1"]["status"] == status


async def test_a_batch_carries_the_permissions_of_its_caller(open_tenant):
    wire = await open_tenant(roles=())
    made = await send(wire, step(1, "/applications"))
    assert made["1"]["status"] == 403
    wire.headers = {}
    assert error_of(await wire.send("POST", "/$batch", {"requests": [step(1)]})) == (401, "InvalidAuthenticationToken")
