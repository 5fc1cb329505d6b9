"""The directory audit log on its way into the store, judged by what the tenant wrote."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from flows.monitoring.harvest import harvest_audits
from graph_client import GraphClient, GraphSettings, StaticTokens
from graph_emulator import Clock, Emulator, EmulatorSettings, FaultRule
from tests.monitoring.emulated import client_of, start_box, token_of

LOG = "list_directory_audits"


def tenant_of(**settings):
    return Emulator(EmulatorSettings(token_lifetime_seconds=90 * 86_400.0, **settings), Clock.frozen())


async def filled(emulator, edits=7):
    """Two applications, and edits of their jobs in the portal."""
    controls = emulator.controls
    async with await client_of(emulator) as graph:
        principals = [await start_box(graph, f"Box {number}") for number in range(2)]
    jobs = [job.id for job in emulator.tenant.jobs.all()]
    for number in range(edits):
        controls.advance(60)
        controls.act_on_job(jobs[number % 2], ("pause", "start")[number // 2 % 2])
    controls.advance(60)
    return principals


def written(emulator):
    return {
        each.value["id"] for each in emulator.tenant.audits.all() if each.activity.service == "Account Provisioning"
    }


def now_of(emulator):
    return datetime.fromtimestamp(emulator.clock.now(), UTC)


async def harvest(emulator, store, **given):
    async with await client_of(emulator) as graph:
        before = graph.requests_sent
        tenant = emulator.settings.tenant_id
        result = await harvest_audits(graph, store, tenant_id=tenant, now=now_of(emulator), **given)
        return result, graph.requests_sent - before


def stored(store):
    return {record.id for record in store.audits.records()}


async def test_each_record_of_provisioning_is_stored_once_with_its_actor(store):
    emulator = tenant_of()
    principals = await filled(emulator)
    first, _ = await harvest(emulator, store)
    again, requests = await harvest(emulator, store)
    assert stored(store) == written(emulator)
    # Creating and tagging an application are records of the directory, which the filter leaves out.
    assert (first.new, first.read, first.dropped, first.gaps) == (13, 13, 0, ())
    assert (again.new, again.read, requests) == (0, 13, 1)
    user = next(iter(emulator.tenant.people.users.values()))
    *_, edit = found = list(store.audits.records(service_principal_id=principals[0].upper()))
    assert {each.service_principal_id for each in found} == {principals[0]}
    assert {each.activity for each in found if each.actor_type == "application"} == {
        "Add provisioning configuration",
        "Update provisioning setting or credentials",
        "Enable/start provisioning configuration",
    }
    assert (edit.actor_type, edit.actor_id, edit.actor_name) == ("user", user["id"], user["userPrincipalName"])


async def test_where_the_filter_finds_nothing_all_is_read_and_sorted_out_here(store):
    emulator = tenant_of(audit_service_filter="finds nothing")
    await filled(emulator)
    now = now_of(emulator)
    result, _ = await harvest(emulator, store)
    assert stored(store) == written(emulator)
    assert (result.new, result.dropped, result.watermark) == (13, len(emulator.tenant.audits.all()) - 13, now)


async def test_nothing_to_read_costs_the_question_and_the_doubt(store):
    emulator = tenant_of()
    await harvest(emulator, store)
    emulator.controls.advance(900)
    result, requests = await harvest(emulator, store)
    assert (result.read, result.watermark, requests) == (0, now_of(emulator), 2)


async def test_records_that_come_late_are_found_within_the_overlap(store):
    emulator = tenant_of(late_event_share=0.4, late_event_seconds=1500.0, audit_latency_seconds=300.0)
    await filled(emulator)
    first, _ = await harvest(emulator, store)
    emulator.controls.advance(1700)
    second, _ = await harvest(emulator, store)
    assert 0 < first.new < 13
    assert first.new + second.new == 13
    assert stored(store) == written(emulator)


async def test_what_the_log_has_forgotten_is_a_gap(store):
    emulator = tenant_of()
    await harvest(emulator, store)
    seen_up_to = now_of(emulator)
    emulator.controls.advance(40 * 86_400)
    result, _ = await harvest(emulator, store)
    (gap,) = result.gaps
    assert (gap.reason, gap.start, gap.end) == ("retention", seen_up_to, now_of(emulator) - timedelta(days=30))
    (covered,) = store.audits.coverage()
    assert (covered.gaps, store.coverage()) == ((gap,), [])


async def test_pages_that_are_cut_off_cost_no_record(store):
    emulator = tenant_of()
    await filled(emulator)
    emulator.controls.add_faults([FaultRule("truncate", operation=LOG, probability=0.3)])
    result, _ = await harvest(emulator, store, top=5)
    assert (stored(store), result.gaps) == (written(emulator), ())


async def test_a_watermark_of_a_wrong_clock_is_taken_back(store):
    emulator = tenant_of()
    await filled(emulator)
    await harvest(emulator, store)
    ahead = now_of(emulator) + timedelta(days=2)
    store.audits.save(emulator.settings.tenant_id, [], watermark=ahead)
    result, _ = await harvest(emulator, store)
    assert (result.rewound_from, result.watermark) == (ahead, now_of(emulator))


class Killed(BaseException):
    """What no handler catches."""


class DeadlyTransport(httpx.AsyncBaseTransport):
    """Kills whoever waits for an answer after so many."""

    def __init__(self, inner, answers):
        self.inner, self.left = inner, answers

    async def handle_async_request(self, request):
        answer = await self.inner.handle_async_request(request)
        self.left -= 1
        if self.left < 0:
            raise Killed
        return answer


async def killed_after(emulator, store, answers):
    """Harvest, one record a page, and die with an answer; return whether it came to its end before."""
    transport = DeadlyTransport(emulator.transport(), answers)
    settings = GraphSettings(reports_per_window=1000)
    async with GraphClient(settings, StaticTokens(await token_of(emulator)), transport=transport) as graph:
        tenant = emulator.settings.tenant_id
        try:
            await harvest_audits(graph, store, tenant_id=tenant, now=now_of(emulator), top=1, parcel=1)
        except (Killed, asyncio.CancelledError):
            return False
        return True


async def test_killed_with_any_answer_and_run_again_the_rows_are_the_same(store):
    emulator = tenant_of()
    await filled(emulator, edits=3)
    for answers in range(60):
        if await killed_after(emulator, store, answers):
            break
        assert stored(store) <= written(emulator)
    else:
        pytest.fail("it never came to its end")
    assert answers > 8
    assert stored(store) == written(emulator)
