from tests.graph_emulator.driver import AWS


async def story(open_tenant, seed):
    wire = await open_tenant(seed=seed)
    principal, _ = await wire.running_job()
    await wire.instantiate("AWS", AWS)
    await wire.assign(principal, wire.group_ids[2])
    wire.settle()
    wire.emulator.controls.advance(60)
    events = await wire.all_pages("/auditLogs/provisioning?$top=50")
    return wire.emulator.controls.state(), events, [r.as_json() for r in wire.emulator.requests]


async def test_the_same_run_twice_gives_the_same_tenant(open_tenant):
    assert await story(open_tenant, 7) == await story(open_tenant, 7)


async def test_another_seed_gives_another_tenant(open_tenant):
    first, second = await story(open_tenant, 7), await story(open_tenant, 8)
    ids = [{value["id"] for value in state[0]["servicePrincipals"]} for state in (first, second)]
    assert ids[0].isdisjoint(ids[1])
    assert {event["id"] for event in first[1]}.isdisjoint(event["id"] for event in second[1])


async def test_reads_do_not_change_what_is_made_next(open_tenant):
    quiet = await (await open_tenant()).instantiate("x", AWS)
    wire = await open_tenant()
    for _ in range(5):
        await wire.get("/servicePrincipals")
    assert await wire.instantiate("x", AWS) == quiet
