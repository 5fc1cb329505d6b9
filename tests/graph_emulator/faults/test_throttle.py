import pytest

from tests.graph_emulator.driver import AWS, error_of

LOG = "/auditLogs/provisioning?$top=1"
PATH = f"/applicationTemplates/{AWS}/instantiate"


async def statuses(wire, times, method, path, body=None):
    return [(await wire.send(method, path, body)).status_code for _ in range(times)]


async def test_five_reports_in_ten_seconds(open_tenant):
    wire = await open_tenant(throttling=True)
    assert await statuses(wire, 7, "GET", LOG) == [200] * 5 + [429] * 2
    answer = await wire.send("GET", LOG)
    assert error_of(answer) == (429, "TooManyRequests")
    assert answer.json()["error"]["innerError"]["status"] == "429"
    assert float(answer.headers["Retry-After"]) == 10
    settings = wire.emulator.settings
    scope = f"Tenant_Application/Reports/{settings.client_id}/{settings.tenant_id}"
    assert answer.headers["x-ms-throttle-scope"] == scope
    wire.emulator.controls.advance(9.9)
    assert (await wire.send("GET", LOG)).status_code == 429
    wire.emulator.controls.advance(0.2)
    assert await statuses(wire, 6, "GET", LOG) == [200] * 5 + [429]


async def test_waiting_as_long_as_told_is_enough(open_tenant):
    wire = await open_tenant(throttling=True)
    for n in range(20):
        wire.emulator.controls.advance(n % 3)
        answer = await wire.send("GET", LOG)
        if answer.status_code == 429:
            wire.emulator.controls.advance(float(answer.headers["Retry-After"]) + 0.001)
            assert (await wire.send("GET", LOG)).status_code == 200


async def test_writes_have_a_budget_of_their_own(open_tenant):
    wire = await open_tenant(throttling=True, writes_per_window=3, write_window_seconds=150)
    assert await statuses(wire, 5, "POST", PATH, {"displayName": "x"}) == [201] * 3 + [429] * 2
    assert len(wire.emulator.controls.state()["applications"]) == 3
    assert (await wire.send("GET", "/applications")).status_code == 200
    wire.emulator.controls.advance(150)
    assert (await wire.send("POST", PATH, {"displayName": "x"})).status_code == 201


async def test_time_can_be_scaled(open_tenant):
    wire = await open_tenant(throttling=True, throttle_time_scale=0.1)
    assert await statuses(wire, 6, "GET", LOG) == [200] * 5 + [429]
    wire.emulator.controls.advance(1)
    assert (await wire.send("GET", LOG)).status_code == 200


@pytest.mark.parametrize(
    ("path", "units"),
    [
        ("/applications", 2),
        ("/applications?$select=id", 1),
        ("/applications?$top=10", 1),
        ("/applications?$top=10&$select=id", 1),
        ("/servicePrincipals", 1),
        ("/users", 2),
    ],
)
async def test_a_request_says_what_it_costs(wire, path, units):
    assert (await wire.send("GET", path)).headers["x-ms-resource-unit"] == str(units)


async def test_units_run_out_and_the_limit_shows_beforehand(open_tenant):
    wire = await open_tenant(throttling=True, units_per_window=10)
    answers = [await wire.send("GET", "/applications") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    shown = [answer.headers.get("x-ms-throttle-limit-percentage") for answer in answers]
    assert shown == [None, None, None, "0.80", "1.00", None]


async def test_calm_does_not_throttle(wire):
    assert await statuses(wire, 12, "GET", LOG) == [200] * 12
