from contextlib import contextmanager

import httpx
import pytest
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker

from flows.cli.prefect_server import PrefectServer
from tests.proof.prefect_aside import prefect_api_at, prefect_aside
from tests.store.databases import postgres_database, postgres_url

__all__ = ["postgres_database", "postgres_url", "prefect_api", "prefect_calls", "without_prefect"]


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory):
    """A Prefect server for all tests that run flows on one; migrating its database was done before, if ever."""
    server = PrefectServer(tmp_path_factory.mktemp("prefect"))
    try:
        server.wait()
        with prefect_api_at(server.api_url):
            yield
            # What is still to be sent belongs to this server, and would be looked for after it has gone.
            APILogWorker.drain_all(timeout=5)
            EventsWorker.drain_all()
    finally:
        server.stop()


@pytest.fixture
def without_prefect(request):
    """Flows as their functions, at a third of the time; a test with the mark `prefect` runs them on the server."""
    if request.node.get_closest_marker("prefect"):
        request.getfixturevalue("prefect_api")
        yield
        return
    # Whatever asks Prefect's API all the same is refused at once, instead of having a server started for it.
    with prefect_aside(), prefect_api_at("http://127.0.0.1:9/api"):
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
