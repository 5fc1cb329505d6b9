"""One look at many jobs, and how many requests it takes."""

from datetime import UTC, datetime

import pytest

from flows.monitoring.sweep import Target, sweep_jobs
from flows.tenant.observe import find_instances
from graph_emulator import FaultRule
from tests.tenant.crowds import crowd, graph_of, wire_of

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def targets_of(graph, wanted):
    found = await find_instances(graph, wanted)
    return [Target(key, items[0].service_principal_id) for key, items in found.items()]


async def test_a_thousand_jobs_take_fifty_requests():
    emulator, wanted = crowd(1000)
    async with await graph_of(emulator) as graph:
        targets = await targets_of(graph, wanted)
        listing = graph.requests_sent
        seen = await sweep_jobs(graph, "contoso", targets, NOW)
        assert (listing, graph.requests_sent - listing) == (4, 50)
    assert len(seen.readings) == 1000
    assert seen.count().get("missing") is None


async def test_a_tenant_that_takes_no_synchronization_in_batches_is_swept_job_by_job():
    emulator, wanted = crowd(30, batch_synchronization=False)
    async with await graph_of(emulator) as graph:
        targets = await targets_of(graph, wanted)
        first = await sweep_jobs(graph, "contoso", targets, NOW)
        again = await sweep_jobs(graph, "contoso", targets, NOW)
    assert first.count() == again.count()
    assert wire_of(emulator).count("batch") == 2
    assert wire_of(emulator).count("list_jobs") == 60


@pytest.mark.parametrize("status", [404, 503])
async def test_an_alarm_is_not_given_on_the_word_of_one_replica(status):
    emulator, wanted = crowd(25)
    async with await graph_of(emulator) as graph:
        targets = await targets_of(graph, wanted)
        calm = await sweep_jobs(graph, "contoso", targets, NOW)
        rule = FaultRule("status", operation="list_jobs", occurrence=7, status=status, retry_after="2")
        emulator.controls.add_faults([rule])
        assert (await sweep_jobs(graph, "contoso", targets, NOW)).count() == calm.count()


async def test_a_job_that_is_gone_is_missing_and_no_other():
    emulator, wanted = crowd(25)
    async with await graph_of(emulator) as graph:
        targets = await targets_of(graph, wanted)
        (gone,) = [each.health.job_id for each in (await sweep_jobs(graph, "contoso", targets[:1], NOW)).readings]
        emulator.controls.act_on_job(gone, "delete")
        seen = await sweep_jobs(graph, "contoso", targets, NOW)
    assert [each.target for each in seen.readings if each.health.state == "missing"] == targets[:1]
