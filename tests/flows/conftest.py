from contextlib import contextmanager

import httpx
import pytest
from prefect.settings import PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from tests.store.databases import postgres_database, postgres_url

__all__ = ["postgres_database", "postgres_url", "prefect_api", "prefect_calls"]


@pytest.fixture(scope="session")
def prefect_api():
    """A Prefect server of the test harness, for all tests that run flows."""
    with (
        temporary_settings({PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: 120}),
        prefect_test_harness(server_startup_timeout=120),
    ):
        yield


@pytest.fixture
def prefect_calls(monkeypatch):
    """Counts the requests that go to Prefect's API while it is entered, but for the log.

    Log records leave together every two seconds: their requests count the speed of the machine.
    """

    @contextmanager
    def counting():
        calls = []
        send = httpx.AsyncClient.send

        async def counted(client, request, **options):
            if request.url.path.startswith("/api/") and request.url.path != "/api/logs/":
                calls.append((request.method, request.url.path))
            return await send(client, request, **options)

        with monkeypatch.context() as patched:
            patched.setattr(httpx.AsyncClient, "send", counted)
            yield calls

    return counting
