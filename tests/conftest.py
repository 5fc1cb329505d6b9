import gc
import logging
import os
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile

import certifi
import httpx
import pytest
import trustme
from hypothesis import HealthCheck, settings

from graph_client.redaction import forget_secrets

pytest.register_assert_rewrite("tests.proof.invariants", "tests.proof.looks")

# Each client loads the authorities that it trusts, at 25 ms for those of a machine or of httpx, and `prefect deploy`
# makes 85 clients. No test speaks to a public server, and Prefect's has no TLS: one authority is enough. Before
# anything imports Prefect.
if "PREFECT_API_SSL_CERT_FILE" not in os.environ:
    _authority = NamedTemporaryFile(suffix=".pem")  # noqa: SIM115  # it lasts as long as this process
    _authority.write(trustme.CA().cert_pem.bytes())
    _authority.flush()
    os.environ["PREFECT_API_SSL_CERT_FILE"] = _authority.name
certifi.where = partial(str, os.environ["PREFECT_API_SSL_CERT_FILE"])

# The same examples in every run, however slow the machine: what fails in CI fails at home. More are tried with
# `pytest --hypothesis-profile=explore`.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def _data_directory_of_its_own(tmp_path_factory):
    """No test, and no process that one starts, uses the store of whoever runs them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        # pytest-xdist tells its workers the width of its terminal, which a pipe does not have.
        patched.delenv("COLUMNS", raising=False)
        yield


@pytest.fixture(autouse=True)
def _no_secret_is_known():
    """What one test has learned is masked in no other."""
    forget_secrets()


# The folders whose files take longest, so that no worker is left alone with one of them at the end.
LONGEST = ("e2e", "cli", "flows", "proof", "monitoring", "store", "contract")


def pytest_collection_modifyitems(config, items):
    """Let workers begin with what takes longest; in a single process the order stays as it is."""
    if hasattr(config, "workerinput"):
        turns = {path: turn for turn, path in enumerate(_take_turns({item.path: None for item in items}))}
        items.sort(key=lambda item: turns[item.path])


def _take_turns(paths):
    """Files that mostly wait for processes between others, so that one worker computes while another one waits."""
    waiting = [path for path in paths if _rank(path) == 0]
    working = sorted((path for path in paths if _rank(path)), key=_rank)
    # The last one is not among the last files: all workers would wait for it.
    step = int(0.8 * len(working) / max(len(waiting), 1))
    for turn, path in enumerate(waiting):
        yield path
        yield from working[turn * step : (turn + 1) * step]
    yield from working[len(waiting) * step :]


def pytest_collection_finish():
    """What was imported and collected stays: the garbage collector need not look at it again, at a tenth of all."""
    gc.collect()
    gc.freeze()


def _rank(path):
    folder = path.relative_to(Path(__file__).parent).parts[0]
    return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@pytest.fixture
def prefect_log(caplog, monkeypatch):
    """What Prefect's loggers wrote, also where a run before has kept them from the root."""
    for name in ("prefect", "prefect.flow_runs", "prefect.task_runs"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
    return caplog


# They import what they need themselves: most tests run without Prefect.
@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory):
    """The directory of the one Prefect server of a session, with its database."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session")
def prefect_server(prefect_home):
    """A Prefect server, for all tests that need one."""
    from flows.cli.processes.prefect_server import PrefectServer

    server = PrefectServer(prefect_home)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def prefect_api(prefect_server, prefect_home):
    """Has flows of this process run on the Prefect server, whose home it is."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    from tests.proof.prefect_aside import prefect_api_at

    with prefect_api_at(prefect_server.api_url):
        yield prefect_home
        # What is still to be sent belongs to this server, and would be looked for after it has gone.
        APILogWorker.drain_all(timeout=5)
        EventsWorker.drain_all()


@pytest.fixture
def without_prefect(request):
    """Flows as their functions, at a third of the time; a test with the mark `prefect` runs them on the server."""
    if request.node.get_closest_marker("prefect"):
        request.getfixturevalue("prefect_api")
        yield
        return
    from tests.proof.prefect_aside import prefect_api_at, prefect_aside

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
