import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from graph_emulator import Clock, Emulator, EmulatorSettings
from graph_emulator.http.server import Served
from graph_emulator.wire.problems import Request, Response
from tests.graph_emulator.driver import Wire

Open = Callable[..., Awaitable[Wire]]


class Switchboard:
    """One served door for the whole session; each test puts its own emulator behind it."""

    def __init__(self) -> None:
        self.emulator = Emulator()

    @property
    def settings(self) -> EmulatorSettings:
        return self.emulator.settings

    def handle(self, request: Request) -> Response:
        return self.emulator.handle(request)


@pytest.fixture(scope="session")
def switchboard() -> Switchboard:
    return Switchboard()


@pytest.fixture(scope="session")
def served(switchboard: Switchboard) -> Iterator[Served]:
    with Served(switchboard.handle, switchboard.settings) as door:
        yield door


@pytest.fixture(scope="session")
def trust(served: Served) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=served.ca_file)


# All that the client and msgraph-sdk ask in other tests goes over a real socket.
@pytest.fixture(params=["in process", pytest.param("served", marks=pytest.mark.long)])
def door(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def open_tenant(door: str, request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """Opens a tenant behind the door under test, with a clock that only moves by hand, and signs in."""
    async with AsyncExitStack() as stack:

        async def connect(*, faults: Any = (), sign_in: bool = True, **settings: Any) -> Wire:
            emulator = Emulator(EmulatorSettings(**settings), Clock.frozen(), faults)
            if door == "served":
                served, trust = request.getfixturevalue("served"), request.getfixturevalue("trust")
                request.getfixturevalue("switchboard").emulator = emulator
                client = httpx.AsyncClient(base_url=served.url, verify=trust)
            else:
                client = httpx.AsyncClient(base_url="https://graph.microsoft.com", transport=emulator.transport())
            wire = Wire(emulator, await stack.enter_async_context(client))
            if sign_in:
                assert (await wire.sign_in()).status_code == 200
            return wire

        yield connect


@pytest.fixture
async def wire(open_tenant: Open) -> Wire:
    return await open_tenant()
