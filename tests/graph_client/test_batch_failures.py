"""Batches that fail, callers that give up, and Graphs that take no batches."""

import asyncio
import gc

import httpx
import pytest

from graph_client import GraphClient, StaticTokens, errors
from tests.graph_client.batching import IDS, REFUSED_IN_BATCH, Graph, applications, by_turns, echo, failed, jobs
from tests.graph_client.doubles import SETTINGS, TOKEN, FakeTime, client, refusal


@pytest.mark.parametrize(
    "shape",
    [
        lambda parts: {"responses": [part for part in parts if part["id"] != "4"]},
        lambda parts: {"responses": [{**part, "id": "99"} if part["id"] == "4" else part for part in parts]},
        lambda parts: {"responses": [5 if part["id"] == "4" else part for part in parts] + [None, {}, {"id": "x"}]},
        lambda parts: {"responses": [{**p, "status": "200"} if p["id"] == "4" else p for p in parts]},
        lambda parts: {"responses": [{**p, "body": "PGh0bWw+"} if p["id"] == "4" else p for p in parts]},
        lambda parts: {"responses": [{**p, "headers": 1, "body": []} if p["id"] == "4" else p for p in parts]},
    ],
    ids=["missing", "another id", "no object", "no status", "a text", "no object inside"],
)
async def test_an_answer_that_is_missing_or_garbled_is_read_again(shape):
    tenant = Graph(shape=shape)
    async with client(tenant) as graph:
        assert await applications(graph) == IDS
    assert (tenant.sizes, tenant.lone) == ([7], ["/applications/id4"])


@pytest.mark.parametrize("shape", [lambda parts: {}, lambda parts: [], lambda parts: {"responses": {}}])
async def test_a_batch_without_answers_fails_each_of_its_calls_on_its_own(shape):
    tenant = Graph(shape=shape)
    async with client(tenant, attempts=2) as graph:
        found = await applications(graph)
    assert all(isinstance(each, errors.UnreadableAnswer) for each in found)
    assert [each.path for each in found] == [f"/v1.0/applications/{each}" for each in IDS]
    assert len({id(each) for each in found}) == len(IDS)
    assert not any(each.may_have_happened for each in found)
    assert len(tenant.sizes) == 2


@pytest.mark.parametrize("fault", [httpx.ReadTimeout(""), httpx.ConnectError("refused")])
async def test_a_batch_that_gets_no_answer_is_sent_again(fault):
    left = [fault]

    def whole():
        if left:
            raise left.pop()
        tenant.whole = None
        return refusal(429, "TooManyRequests", retry_after="3")

    tenant, time = Graph(whole=whole), FakeTime()
    async with client(tenant, time) as graph:
        assert await applications(graph) == IDS
    assert tenant.sizes[0] == 7
    assert sum(tenant.sizes) + len(tenant.lone) == 3 * 7
    assert 3.0 in time.slept


async def test_a_failed_sign_in_is_every_calls_error():
    class Refused(StaticTokens):
        async def token(self):
            raise errors.AuthFailed("no token", code="AADSTS7000215")

    async with GraphClient(SETTINGS, Refused(TOKEN), transport=httpx.MockTransport(Graph())) as graph:
        found = await applications(graph)
    assert [(type(each), each.code) for each in found] == [(errors.AuthFailed, "AADSTS7000215")] * 7


async def test_synchronization_that_is_refused_in_batches_only_leaves_them_for_good():
    tenant = Graph(lambda url: REFUSED_IN_BATCH if "/synchronization/" in url else echo(url), alone=echo)
    async with client(tenant) as graph:
        assert await jobs(graph) == IDS
        assert await jobs(graph) == IDS
        assert await applications(graph) == IDS
    # Other reads go on sharing requests.
    assert (tenant.sizes, len(tenant.lone)) == ([7, 7], 14)


async def test_a_missing_permission_is_no_refusal_of_batches():
    tenant = Graph(lambda url: failed(403, "Authorization_RequestDenied") if "secrets" in url else echo(url))
    async with client(tenant) as graph:
        reads = [graph.batched.synchronization.secrets(each) for each in IDS]
        found = await asyncio.gather(*reads, return_exceptions=True)
        assert await jobs(graph) == IDS
    assert {type(each) for each in found} == {errors.Forbidden}
    # One asked by itself, and was refused just the same.
    assert (tenant.sizes, len(tenant.lone)) == ([7, 7], 1)


async def test_two_replicas_that_differ_are_no_refusal_of_batches():
    absent = failed(404, "Request_ResourceNotFound")
    tenant = Graph(lambda url: absent if "id0" in url or "id1" in url else echo(url), alone=echo)
    async with client(tenant) as graph:
        assert await jobs(graph, IDS[:2]) == IDS[:2]
        assert len(tenant.lone) == 2
        found = await jobs(graph)
        assert [type(each) for each in await jobs(graph, IDS[:2])] == [errors.NotFound] * 2
    assert found[2:] == IDS[2:]
    # At last the two principals are asked for as well: no jobs reads like no principal.
    assert tenant.sizes == [2, 7, 2, 2]


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
async def test_a_graph_without_batches_is_asked_once_for_one(status):
    tenant = Graph(whole=lambda: refusal(status, "BadRequest"))
    async with client(tenant) as graph:
        assert await applications(graph) == IDS
        assert await jobs(graph) == IDS
    assert (tenant.sizes, len(tenant.lone)) == ([7], 14)


async def test_a_token_that_ends_inside_a_batch_is_renewed():
    tenant = Graph(by_turns(failed(401, "InvalidAuthenticationToken")), alone=echo)
    async with client(tenant) as graph:
        assert await applications(graph) == IDS
    assert (tenant.sizes, len(tenant.lone)) == ([7], 7)


async def test_one_that_gives_up_waiting_takes_no_other_with_it():
    tenant = Graph()
    async with client(tenant) as graph:
        reads = [asyncio.ensure_future(graph.batched.applications.get(each)) for each in IDS]
        await asyncio.sleep(0)
        reads[0].cancel()
        found = await asyncio.gather(*reads, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert [each.id for each in found[1:]] == IDS[1:]


async def test_a_client_that_closes_leaves_nothing_behind():
    async def hang(request):
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    async with client(hang) as graph:
        reads = [asyncio.ensure_future(graph.batched.applications.get(each)) for each in IDS]
        await asyncio.sleep(0.02)
    found = await asyncio.gather(*reads, return_exceptions=True)
    assert {type(each) for each in found} == {asyncio.CancelledError}
    assert asyncio.all_tasks() == before


async def test_a_batch_that_fails_after_all_have_given_up_complains_to_nobody():
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    asked = asyncio.Event()
    gone = asyncio.Event()

    def broken():
        raise RuntimeError("closed")

    tenant = Graph(whole=broken)

    async def slow(request):
        asked.set()
        await gone.wait()
        return await tenant(request)

    async with client(slow) as graph:
        reads = asyncio.create_task(applications(graph, ["1", "2"]))
        await asked.wait()
        reads.cancel()
        await asyncio.gather(reads, return_exceptions=True)
        gone.set()
        await asyncio.wait(graph._batched_session._under_way)
    del reads
    gc.collect()
    assert complaints == []
