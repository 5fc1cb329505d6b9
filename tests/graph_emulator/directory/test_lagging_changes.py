from collections import Counter


async def test_replicas_show_an_old_value_for_a_while_and_then_the_new_one(open_tenant):
    wire = await open_tenant(change_lag_seconds=10.0)
    application, _ = await wire.instantiate("Before")

    async def names():
        seen = Counter()
        for _ in range(40):
            seen[(await wire.get(f"/applications/{application}"))["displayName"]] += 1
        return seen

    await wire.send("PATCH", f"/applications/{application}", {"displayName": "After"})
    assert await names() == {"Before": 40}
    wire.emulator.controls.advance(9.5)
    assert set(await names()) == {"Before", "After"}
    wire.emulator.controls.advance(0.6)
    assert await names() == {"After": 40}


async def test_the_last_of_several_changes_wins_everywhere(open_tenant):
    wire = await open_tenant(change_lag_seconds=10.0)
    application, _ = await wire.instantiate("0")
    for number in range(1, 4):
        await wire.send("PATCH", f"/applications/{application}", {"displayName": str(number)})
        wire.emulator.controls.advance(4)
    wire.emulator.controls.advance(10)
    found = {(await wire.get(f"/applications/{application}"))["displayName"] for _ in range(20)}
    assert found == {"3"}


async def test_filters_see_what_the_replica_sees(open_tenant):
    wire = await open_tenant(change_lag_seconds=10.0)
    application, _ = await wire.instantiate("Before")
    await wire.send("PATCH", f"/applications/{application}", {"tags": ["mine"]})
    path = "/applications?$filter=tags/any(t:t eq 'mine')"
    assert (await wire.get(path))["value"] == []
    wire.emulator.controls.advance(10.1)
    assert [each["id"] for each in (await wire.get(path))["value"]] == [application]


async def test_an_assignment_shows_late_but_is_refused_twice_at_once(open_tenant):
    wire = await open_tenant(change_lag_seconds=10.0)
    _, principal = await wire.instantiate()
    assert (await wire.assign(principal, wire.user_ids[0])).status_code == 201
    path = f"/servicePrincipals/{principal}/appRoleAssignedTo"
    assert (await wire.get(path))["value"] == []
    assert (await wire.assign(principal, wire.user_ids[0])).status_code == 400
    wire.emulator.controls.advance(10.1)
    assert len((await wire.get(path))["value"]) == 1
