"""A fleet of hundreds: each target once, a handful of requests at once to a host, and the time that takes."""

import asyncio

import httpx
import pytest

from flows.fleet_file.models import Instance
from flows.target.http import TargetHttp
from flows.target.targets import check_targets, find_targets
from graph_client import GraphSettings
from tests.proof.quick_loop import QuickTime, run
from tests.target.scim import serving, target

LATENCY_SECONDS = 0.2


class Distant(httpx.AsyncBaseTransport):
    """Carries requests to a target that is some time away."""

    def __init__(self, emulator):
        self._inner = emulator.transport()
        self.asked = []

    async def handle_async_request(self, request):
        self.asked.append(request)
        await asyncio.sleep(LATENCY_SECONDS)
        return await self._inner.handle_async_request(request)


def instances(count, targets, host):
    credentials = [
        {
            "BaseAddress": f"https://{host.format(number % targets)}/scim/one?n={number % targets}",
            "SecretToken": "${env:T}",
        }
        for number in range(count)
    ]
    return [
        Instance(key=f"k{number}", display_name=f"K {number}", template="Box", credentials=each)
        for number, each in enumerate(credentials)
    ]


@pytest.mark.parametrize(("host", "at_most_seconds"), [("host{}.example.net", 3.0), ("example.net", 20.0)])
def test_200_instances_over_40_targets(host, at_most_seconds):
    time, distant = QuickTime(), Distant(serving())

    async def check():
        found = await find_targets(instances(200, 40, host), {"env": lambda name: f"good-{name}"})
        assert [len(each.keys) for each in found] == [5] * 40
        async with TargetHttp(GraphSettings(), transport=distant, clock=time.now) as http:
            return await check_targets(http, found)

    found = run(time, check())
    assert {each.verdict for each in found} == {"fine"}
    assert len(found) == 40 * 11
    assert len(distant.asked) == 40 * 8
    assert {request.method for request in distant.asked} == {"GET"}
    assert time.now() < at_most_seconds


async def test_a_target_that_cannot_be_asked_stops_no_other():
    distant = Distant(serving())
    targets = [target("https://user:pw@example.net/scim/one"), target("nonsense"), target()]
    async with TargetHttp(GraphSettings(), transport=distant) as http:
        found = await check_targets(http, targets)
    assert [(each.rule, each.verdict) for each in found][:2] == [("reachable", "blocker")] * 2
    assert {each.verdict for each in found[2:]} == {"fine"}


async def test_a_token_that_no_header_can_carry():
    distant = Distant(serving())
    async with TargetHttp(GraphSettings(), transport=distant) as http:
        (found,) = await check_targets(http, [target(token="two\nlines-m4rk3r")])
    assert (found.rule, found.verdict, distant.asked) == ("authorized", "blocker", [])
    assert "m4rk3r" not in found.message + found.hint


async def test_a_password_in_an_address_is_not_shown():
    credentials = {"BaseAddress": "https://user:pw-m4rk3r@example.net/scim", "SecretToken": "${env:T}"}
    wanted = Instance(key="one", display_name="One", template="Box", credentials=credentials)
    (found,) = await find_targets([wanted], {"env": lambda _: "good"})
    assert found.shown == "https://***@example.net/scim"
    assert "good" not in repr(found)
