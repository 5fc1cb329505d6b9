"""A secret is searched for in everything a run leaves behind."""

import base64
import json
import pickle
import urllib.parse

import pytest

from flows.cli.prefect_server import PrefectServer
from flows.environment import with_variables
from tests.cli.conftest import finished, started
from tests.estates import estate, fleet, instance

GOOD = 'Ma"rk+er/é-good-4711'
REJECTED = 'Ma"rk+er/é-rejected-4711'


def forms(secret):
    """The secret as it might be written: plain, in base64 at each offset, for a URL, in JSON, pickled."""
    raw = secret.encode()
    yield raw
    for padding in range(3):
        whole = base64.b64encode(b"\0" * padding + raw)
        # The first and last characters depend on what stands beside it.
        yield whole[4:-4]
        yield base64.urlsafe_b64encode(b"\0" * padding + raw)[4:-4]
    yield urllib.parse.quote(secret).encode()
    yield urllib.parse.quote_plus(secret).encode()
    yield json.dumps(secret)[1:-1].encode()
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode()
    yield pickle.dumps(secret)[4:-4]
    yield raw.decode().encode("utf-16-le")


def leaks(secret, directory, *texts):
    """The names of files, and numbers of texts, that hold the secret in any form."""
    found = [
        path.name
        for path in sorted(directory.rglob("*"))
        if path.is_file() and any(form in path.read_bytes() for form in forms(secret))
    ]
    return found + [number for number, text in enumerate(texts) if any(form in text.encode() for form in forms(secret))]


@pytest.fixture
def left_behind(tmp_path):
    """What is kept of runs: Prefect's home, the store, and everything printed. Not the tenant itself."""
    directory = tmp_path / "kept"
    directory.mkdir()
    server = PrefectServer(directory / "prefect")
    printed = []
    with (
        estate(tmp_path / "tenant", latency_seconds=0.02) as tenant,
        with_variables({"ENTRA_FLEET_STORE": f"sqlite:///{directory / 'store.db'}", "PREFECT_HOME": str(directory)}),
    ):
        try:
            server.wait()
            yield directory, printed, tenant, server
        finally:
            server.stop()


def test_a_secret_is_nowhere_after_runs_that_succeed_fail_and_crash(left_behind, write_fleet):
    directory, printed, tenant, server = left_behind
    wanted = fleet(
        *(instance(f"good-{n}") for n in range(4)), instance("bad", credentials={"SecretToken": "${env:BAD}"})
    )
    path = write_fleet(wanted)
    variables = {
        "TOKEN": GOOD,
        "BAD": REJECTED,
        "PREFECT_API_URL": server.api_url,
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    }
    crashing = started("apply", path, "--yes", **variables)
    while len(tenant.requests("validate_credentials")) < 2:
        assert crashing.poll() is None
    crashing.kill()
    for process in (crashing, started("apply", path, "--yes", **variables)):
        result = finished(process)
        printed += [result.out, result.err]
    assert "4 created" in printed[2] or "updated" in printed[2]
    assert "bad failed at validate-credentials" in printed[3]
    for secret in (GOOD, REJECTED):
        assert leaks(secret, directory, *printed) == []


@pytest.mark.parametrize("form", range(13))
def test_a_planted_leak_is_found(tmp_path, form):
    planted = list(forms(GOOD))[form]
    (tmp_path / "log").write_bytes(b"before " + planted + b" after")
    assert leaks(GOOD, tmp_path) == ["log"]
