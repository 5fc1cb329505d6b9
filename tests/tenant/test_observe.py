"""Looking at a tenant: what is found, and how many requests that takes."""

from collections import Counter

import pytest

from flows.fleet_file.loader import fleet_from_object
from flows.plan.diff import diff_fleet
from flows.tenant.observe import observe_fleet
from graph_client import GraphClient, GraphSettings, StaticTokens
from graph_emulator import FaultRule
from tests.estates import fleet, instance
from tests.tenant.crowds import crowd, graph_of, token_of, wire_of


async def test_a_thousand_instances_are_planned_with_107_requests():
    emulator, wanted = crowd(1000)
    async with await graph_of(emulator) as graph:
        plan = diff_fleet(wanted, await observe_fleet(graph, wanted))
        assert graph.requests_sent == 107
    assert (plan.count()["none"], plan.writes) == (1000, 0)
    # Two pages for each of three listings; 2,000 jobs and secrets in twenties.
    assert Counter(wire_of(emulator)) == {
        "list_application_templates": 1,
        "list_applications": 2,
        "list_service_principals": 4,
        "batch": 100,
    }


@pytest.mark.parametrize("in_batches", [True, False])
async def test_a_served_tenant_is_read_alike_whether_or_not_it_takes_synchronization_in_batches(tmp_path, in_batches):
    emulator, wanted = crowd(30, batch_synchronization=in_batches)
    with emulator.serve(port=0, directory=tmp_path) as served:
        settings = GraphSettings(graph_url=served.url, authority=served.url, ca_file=served.ca_file)
        async with GraphClient(settings, StaticTokens(await token_of(emulator))) as graph:
            for _ in range(2):
                observed = await observe_fleet(graph, wanted)
                assert diff_fleet(wanted, observed).count()["none"] == 30
            sent = graph.requests_sent
    batches = wire_of(emulator).count("batch")
    assert (batches, sent) == ((6, 14) if in_batches else (3, 131))


@pytest.mark.parametrize("in_batches", [True, False])
async def test_owners_and_assignments_are_looked_up_where_the_file_names_some(in_batches):
    emulator, _ = crowd(3, batch_synchronization=in_batches)
    user = emulator.controls.state()["users"][1]["id"]
    names = {"owners": [user], "assignments": [{"user": user}]}
    wanted = fleet_from_object(fleet(*(instance(f"k{number}", **names) for number in range(3))))
    async with await graph_of(emulator) as graph:
        plan = diff_fleet(wanted, await observe_fleet(graph, wanted))
        assert wire_of(emulator).count("batch") == 1
    assert [each.action for each in plan.instances] == ["update"] * 3


async def test_one_that_is_gone_since_the_listing_fails_no_other():
    emulator, wanted = crowd(3)
    rule = FaultRule("status", operation="list_jobs", occurrence=2, status=404, code="Request_ResourceNotFound")
    emulator.controls.add_faults([rule])
    async with await graph_of(emulator) as graph:
        observed = await observe_fleet(graph, wanted)
    assert sorted(len(found.jobs) for (found,) in observed.instances.values()) == [0, 1, 1]


async def test_throttled_parts_are_read_again_after_a_while():
    emulator, wanted = crowd(40, throttling=True, units_per_window=60)
    async with await graph_of(emulator) as graph:
        observed = await observe_fleet(graph, wanted)
        assert graph.requests_sent < 20
    assert all(found.jobs and found.secrets for (found,) in observed.instances.values())
    assert any(each.status == 429 for each in emulator.requests)
