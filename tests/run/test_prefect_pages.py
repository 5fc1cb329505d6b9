"""Lists on a Prefect server are read to their end; the fake server returns 200 items at most, as Prefect's does."""

import json
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.orchestration import PrefectClient

from flows.apply import shard_runs
from flows.cli.deploy.deploy import refuse_unknown_parameters, switched_off
from flows.cli.up import stack
from flows.fleet_file.loader import fleet_from_object
from flows.run import prefect_pages
from flows.run.prefect_pages import PrefectListTooLong, read_all
from tests.apply.shards import DOCUMENT

LIMIT = 200
MANY = 450


class Server:
    """The part of Prefect's API that lists items and changes them."""

    def __init__(self, items):
        self.items = items
        self.lists, self.changed = 0, []

    def handle(self, request):
        if request.url.path.endswith("/csrf-token"):
            return httpx.Response(404)
        if not request.url.path.endswith("/filter"):
            self.changed.append(UUID(next(part for part in request.url.path.split("/") if len(part) == 36)))
            accepted = {"status": "ACCEPT", "details": {"type": "accept_details"}, "state": {"type": "CRASHED"}}
            return httpx.Response(201, json=accepted)
        body = json.loads(request.content)
        self.lists += 1
        start = body["offset"]
        assert body["limit"] is None
        assert body["sort"]
        return httpx.Response(200, json=self.items[start : start + LIMIT])

    def client(self, *_, **__):
        return PrefectClient("http://prefect.test/api", httpx_settings={"transport": httpx.MockTransport(self.handle)})


def deployments(number):
    return [{"id": str(uuid4()), "name": f"d{each:03}", "flow_id": str(uuid4())} for each in range(number)]


def runs(number):
    return [{"id": str(uuid4()), "flow_id": str(uuid4()), "name": f"r{each}"} for each in range(number)]


@pytest.mark.parametrize(("number", "lists"), [(0, 1), (1, 2), (200, 2), (201, 3), (MANY, 4)])
async def test_every_item_is_read_once_and_in_order(number, lists):
    server = Server(runs(number))
    async with server.client() as client:
        found = await read_all(client.read_flow_runs, sort="ID_DESC")
    assert ([str(each.id) for each in found], server.lists) == ([each["id"] for each in server.items], lists)


async def test_a_list_of_known_length_needs_no_request_to_see_its_end():
    server = Server(runs(3))
    async with server.client() as client:
        assert len(await read_all(client.read_flow_runs, expected=3, sort="ID_DESC")) == 3
    assert server.lists == 1


async def test_a_list_without_an_end_is_given_up(monkeypatch):
    monkeypatch.setattr(prefect_pages, "PAGES_MAX", 3)
    server = Server(runs(601))
    async with server.client() as client:
        with pytest.raises(PrefectListTooLong):
            await read_all(client.read_flow_runs, sort="ID_DESC")
    assert server.lists == 3


async def test_deploy_sees_deployments_after_the_first_page():
    server = Server(deployments(MANY))
    async with server.client() as client:
        await refuse_unknown_parameters(client)
    assert {str(each) for each in server.changed} == {each["id"] for each in server.items}


async def test_deploy_sees_automations_after_the_first_page():
    trigger = {"type": "event", "posture": "Reactive", "threshold": 1, "within": 0}
    server = Server(
        [
            {"id": str(uuid4()), "name": f"a{each}", "trigger": trigger, "actions": [], "enabled": each != 300}
            for each in range(MANY)
        ]
    )
    async with server.client() as client:
        assert await switched_off(client) == {"a300"}


async def test_an_apply_sees_unfinished_shards_after_the_first_page(monkeypatch):
    server = Server(runs(MANY))
    monkeypatch.setattr(shard_runs, "get_client", server.client)
    assert len(await shard_runs.find_unfinished_runs(fleet_from_object(DOCUMENT))) == MANY


async def test_up_crashes_dead_runs_after_the_first_page(monkeypatch):
    server = Server(runs(MANY))
    monkeypatch.setattr(stack, "get_client", server.client)
    assert await stack.crash_dead_runs("pool") == MANY
    assert {str(each) for each in server.changed} == {each["id"] for each in server.items}
