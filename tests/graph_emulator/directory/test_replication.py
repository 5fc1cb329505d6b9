import pytest

from tests.graph_emulator.driver import AWS, error_of


async def looks(wire, path, times=40):
    return [(await wire.send("GET", path)).status_code for _ in range(times)]


async def test_a_new_pair_is_missing_then_flaps_then_stays(open_tenant):
    wire = await open_tenant(replication_lag_seconds=4)
    application, principal = await wire.instantiate()
    for path in (f"/applications/{application}", f"/servicePrincipals/{principal}"):
        assert set(await looks(wire, path)) == {404}
    seen = []
    for _ in range(20):
        wire.emulator.controls.advance(0.2)
        seen.append(set(await looks(wire, f"/servicePrincipals/{principal}", 15)))
    assert {200, 404} in seen
    assert seen[-1] == {200}
    assert set(await looks(wire, f"/applications/{application}")) == {200}


async def test_lists_flap_as_well(open_tenant):
    wire = await open_tenant(replication_lag_seconds=4)
    await wire.instantiate("Fresh")
    path = "/applications?$filter=displayName eq 'Fresh'"
    assert (await wire.get(path))["value"] == []
    wire.emulator.controls.advance(4)
    assert len((await wire.get(path))["value"]) == 1


async def test_writing_to_what_has_not_arrived_is_refused_and_changes_nothing(open_tenant):
    wire = await open_tenant(replication_lag_seconds=4)
    application, principal = await wire.instantiate()
    answer = await wire.send("PATCH", f"/applications/{application}", {"notes": "x"})
    assert error_of(answer) == (404, "Request_ResourceNotFound")
    body = {"principalId": wire.user_ids[0], "resourceId": principal, "appRoleId": principal}
    answer = await wire.send("POST", f"/servicePrincipals/{principal}/appRoleAssignedTo", body)
    assert error_of(answer) == (400, "Request_BadRequest")
    assert "does not reference a valid application object" in answer.text
    wire.emulator.controls.advance(4)
    assert (await wire.get(f"/applications/{application}"))["notes"] is None


async def test_synchronization_has_several_ways_to_say_not_yet(open_tenant):
    wire = await open_tenant(replication_lag_seconds=4, not_replicated=(404, 403, 409), no_jobs="empty")
    _, principal = await wire.instantiate()
    path = f"/servicePrincipals/{principal}/synchronization/jobs"
    assert set(await looks(wire, path)) == {404, 403, 409}
    wire.emulator.controls.advance(4)
    assert set(await looks(wire, path)) == {200}


@pytest.mark.parametrize(("mode", "status"), [("empty", 200), ("404", 404)])
async def test_synchronization_templates_come_late(open_tenant, mode, status):
    wire = await open_tenant(templates_lag_seconds=6, templates_before_ready=mode)
    _, principal = await wire.instantiate("AWS", AWS)
    path = f"/servicePrincipals/{principal}/synchronization/templates"
    early = await wire.send("GET", path)
    assert (early.status_code, early.json().get("value", [])) == (status, [])
    wire.emulator.controls.advance(6)
    assert [template["id"] for template in (await wire.get(path))["value"]] == ["aws"]


async def test_calm_has_no_lag(wire):
    _, principal = await wire.instantiate()
    assert set(await looks(wire, f"/servicePrincipals/{principal}")) == {200}
