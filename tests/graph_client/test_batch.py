"""Reads that share requests: order, ids, budgets, and what is asked again."""

import asyncio

import pytest

from graph_client import errors
from graph_client.batch import LARGEST_BATCH
from tests.graph_client.batching import IDS, Graph, applications, by_turns, echo, failed, jobs
from tests.graph_client.doubles import GRAPH, FakeTime, client


async def test_answers_find_their_calls_whatever_order_they_come_in():
    tenant = Graph()
    async with client(tenant) as graph:
        assert await applications(graph) == IDS
        assert graph.requests_sent == 1
    assert tenant.batches == [[f"/applications/{each}?$select=id,tags" for each in IDS]]
    assert tenant.lone == []


async def test_twenty_at_most_go_together():
    tenant = Graph()
    ids = [f"id{number}" for number in range(3 * LARGEST_BATCH + 2)]
    async with client(tenant) as graph:
        assert await applications(graph, ids) == ids
        assert graph.requests_sent == 4
    assert tenant.sizes == [20, 20, 20, 2]


async def test_a_lone_read_and_every_write_go_by_themselves():
    tenant = Graph(alone=lambda path: (200, {"id": "1"}, {}))
    async with client(tenant) as graph:
        assert await applications(graph, ["1"]) == ["1"]
        await asyncio.gather(*(graph.batched.applications.patch(each, {}) for each in "12"))
    assert (tenant.batches, tenant.lone) == ([], ["/applications/1", "/applications/1", "/applications/2"])


async def test_what_fails_is_that_calls_error_and_no_others():
    tenant = Graph(lambda url: failed(404, "Request_ResourceNotFound") if "id3" in url else echo(url))
    async with client(tenant) as graph:
        found = await applications(graph)
    error = found.pop(3)
    assert found == IDS[:3] + IDS[4:]
    assert isinstance(error, errors.NotFound)
    assert (error.verb, error.path, error.code) == ("GET", "/v1.0/applications/id3", "Request_ResourceNotFound")
    assert tenant.sizes == [7]


@pytest.mark.parametrize("read", [applications, jobs], ids=["directory", "synchronization"])
@pytest.mark.parametrize("status", [429, 503])
async def test_only_what_was_refused_for_now_is_read_again_after_its_own_time(status, read):
    time = FakeTime()
    turns = by_turns(failed(status, retry_after="7.5"))
    tenant = Graph(lambda url: turns(url) if "id0" in url or "id5" in url else echo(url))
    async with client(tenant, time) as graph:
        assert await read(graph) == IDS
    assert (tenant.sizes, tenant.lone) == ([7, 2], [])
    assert ["id0" in tenant.batches[1][0], "id5" in tenant.batches[1][1]] == [True, True]
    assert time.now >= 1007.5
    assert max(time.slept) == 7.5


async def test_a_throttled_part_holds_back_what_comes_after():
    time, tenant = FakeTime(), Graph(by_turns(failed(429, retry_after="30")))
    async with client(tenant, time, attempts=1) as graph:
        assert {type(each) for each in await applications(graph)} == {errors.Throttled}
        assert time.slept == []
        assert await applications(graph) == IDS
    assert time.slept == [30.0]


async def test_reading_again_has_the_usual_end():
    tenant = Graph(lambda url: failed(503) if "id2" in url else echo(url))
    async with client(tenant, attempts=3) as graph:
        error = (await applications(graph))[2]
        assert graph.requests_sent == 3
    assert isinstance(error, errors.ServerFailed)
    assert error.gave_up.startswith("gave up after 3 attempts")


async def test_a_link_to_the_next_page_is_followed_by_itself_and_to_graph_only():
    links = {"id1": f"{GRAPH}/v1.0/next/id1", "id2": "https://elsewhere.example/v1.0/next"}

    def part(url):
        status, body, headers = echo(url)
        link = links.get(url.split("/")[2])
        return status, {**body, "@odata.nextLink": link} if link else body, headers

    def alone(path):
        return part(path) if path.startswith("/servicePrincipals") else (200, last, {})

    last = {"value": [{"id": "last", "templateId": "z"}]}
    tenant = Graph(part, alone=alone)
    async with client(tenant, attempts=2) as graph:
        reads = (graph.batched.synchronization.jobs(each) for each in IDS[:4])
        found = await asyncio.gather(*reads, return_exceptions=True)
    assert [[job.id for job in each] for each in found[:2]] == [["job"], ["job", "last"]]
    assert isinstance(found[2], errors.HostRefused)
    assert tenant.sizes == [4]
    assert sorted(tenant.lone) == ["/next/id1", "/servicePrincipals/id2/synchronization/jobs"]


async def test_parts_count_against_their_budgets_one_by_one():
    time = FakeTime()
    tenant = Graph()
    async with client(tenant, time, units_per_window=10, unit_window_seconds=10.0) as graph:
        await applications(graph)
        assert time.slept == []
        await applications(graph)
    assert (tenant.sizes, time.slept) == ([7, 7], [10.0])


async def test_reporting_calls_are_too_scarce_to_share_a_request():
    time = FakeTime()
    tenant = Graph(lambda url: (200, {"value": []}, {}))

    async def page(graph):
        return [page async for page in graph.batched.provisioning_logs.pages()]

    async with client(tenant, time) as graph:
        await asyncio.gather(*(page(graph) for _ in range(7)))
    assert (tenant.sizes, len(tenant.lone), time.slept) == ([], 7, [10.0])
