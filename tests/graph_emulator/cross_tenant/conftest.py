from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from graph_emulator import Clock, EmulatedCloud, EmulatorSettings
from tests.graph_emulator.cross_tenant.pair import Pair
from tests.graph_emulator.driver import Wire

OpenPair = Callable[..., Awaitable[Pair]]
HOME = "aaaaaaaa-0000-4000-8000-000000000001"
TARGET = "bbbbbbbb-0000-4000-8000-000000000002"


@pytest.fixture
async def open_pair(door: str, request: pytest.FixtureRequest) -> AsyncIterator[OpenPair]:
    """Opens two tenants behind the door under test, and signs in to both."""
    async with AsyncExitStack() as stack:

        async def connect(*, target: dict[str, Any] | None = None, faults: Any = (), **settings: Any) -> Pair:
            theirs = {**settings, "tenant_name": "Fabrikam", "client_secret": "fabrikam~secret", **(target or {})}
            tenants = [EmulatorSettings(tenant_id=HOME, **settings), EmulatorSettings(tenant_id=TARGET, **theirs)]
            cloud = EmulatedCloud(tenants, Clock.frozen(), faults)
            if door == "served":
                served, trust = request.getfixturevalue("served"), request.getfixturevalue("trust")
                request.getfixturevalue("switchboard").emulator = cloud
                client = httpx.AsyncClient(base_url=served.url, verify=trust)
            else:
                client = httpx.AsyncClient(base_url="https://graph.microsoft.com", transport=cloud.transport())
            await stack.enter_async_context(client)
            pair = Pair(cloud, Wire(cloud[HOME], client), Wire(cloud[TARGET], client))
            assert (await pair.source.sign_in()).status_code == 200
            assert (await pair.target.sign_in()).status_code == 200
            return pair

        yield connect


@pytest.fixture
async def pair(open_pair: OpenPair) -> Pair:
    return await open_pair()
