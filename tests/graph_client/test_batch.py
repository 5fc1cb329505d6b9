"""Reads that share requests: order, ids, refusals and failures inside a batch, and Graphs that take none."""

import asyncio
import gc
import json

import httpx
import pytest

from graph_client import GraphClient, StaticTokens, errors
from graph_client.batch_protocol import LARGEST_BATCH
from tests.graph_client.doubles import GRAPH, SETTINGS, TOKEN, FakeTime, client, refusal

IDS = [f"id{number}" for number in range(7)]
REFUSED_IN_BATCH = (400, {"error": {"code": "BadRequest", "message": "This request cannot be part of a batch."}}, {})


def failed(status, code="x", **headers):
    return status, {"error": {"code": code, "message": ""}}, {n.replace("_", "-"): v for n, v in headers.items()}


class Graph:
    """Answers batches and lone reads; `part` decides on each read, and `shape` on what a batch looks like."""

    def __init__(self, part=None, *, alone=None, shape=None, whole=None):
        self.part = part or echo
        self.alone = alone or self.part
        self.shape = shape or (lambda parts: {"responses": parts[::-1]})
        self.whole = whole
        self.batches = []
        self.lone = []

    async def __call__(self, request):
        if not request.url.path.endswith("/$batch"):
            self.lone.append(request.url.path.removeprefix("/v1.0"))
            status, body, headers = self.alone(self.lone[-1])
            return httpx.Response(status, json=body, headers=headers)
        steps = json.loads(request.content)["requests"]
        self.batches.append([step["url"] for step in steps])
        if self.whole:
            return self.whole()
        parts = []
        for step in steps:
            status, body, headers = self.part(step["url"])
            parts.append({"id": step["id"], "status": status, "headers": headers, "body": body})
        return httpx.Response(200, json=self.shape(parts))

    @property
    def sizes(self):
        return [len(urls) for urls in self.batches]


def echo(url):
    """An object whose id is the one in its path, or jobs whose template is it."""
    names = url.partition("?")[0].split("/")
    return 200, {"value": [{"id": "job", "templateId": names[2]}]} if len(names) > 3 else {"id": names[2]}, {}


def by_turns(*answers):
    """The first answers of each path, then its echo."""
    left = {}

    def part(url):
        given = left.setdefault(url, list(answers))
        return given.pop(0) if given else echo(url)

    return part


async def applications(graph, ids=IDS):
    reads = (graph.batched.applications.get(each, select=("id", "tags")) for each in ids)
    found = await asyncio.gather(*reads, return_exceptions=True)
    return [each if isinstance(each, BaseException) else each.id for each in found]


async def jobs(graph, ids=IDS):
    reads = (graph.batched.synchronization.jobs(each) for each in ids)
    found = await asyncio.gather(*reads, return_exceptions=True)
    return [each if isinstance(each, BaseException) else each[0].template_id for each in found]


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


async def test_a_link_to_the_next_page_is_followed_by_itself_and_to_graph_only():
    links = {"id1": f"{GRAPH}/v1.0/next/id1", "id2": "https://elsewhere.example/v1.0/next"}

    def part(url):
        status, body, headers = echo(url)
        link = links.get(url.split("/")[2])
        return status, {**body, "@odata.nextLink": link} if link else body, headers

    tenant = Graph(part, alone=lambda path: (200, {"value": [{"id": "last", "templateId": "z"}]}, {}))
    async with client(tenant) as graph:
        reads = (graph.batched.synchronization.jobs(each) for each in IDS[:4])
        found = await asyncio.gather(*reads, return_exceptions=True)
    assert [[job.id for job in each] for each in found[:2]] == [["job"], ["job", "last"]]
    assert isinstance(found[2], errors.HostRefused)
    assert (tenant.sizes, tenant.lone) == ([4], ["/next/id1"])


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
    tenant = Graph(lambda url: failed(404) if "id0" in url or "id1" in url else echo(url), alone=echo)
    async with client(tenant) as graph:
        assert await jobs(graph, IDS[:2]) == IDS[:2]
        assert len(tenant.lone) == 2
        found = await jobs(graph)
        assert [type(each) for each in await jobs(graph, IDS[:2])] == [errors.NotFound] * 2
    assert found[2:] == IDS[2:]
    assert tenant.sizes == [2, 7, 2]


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
