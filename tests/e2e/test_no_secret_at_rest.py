"""A secret is searched for in everything a run leaves behind."""

import pytest

from flows.cli.processes.prefect_server import PrefectServer
from flows.configuration.environment import add_prefect_variables
from flows.store import open_store
from tests.cli.conftest import finished, started
from tests.estates import TENANT, estate, fleet, instance
from tests.leaks import ENCODINGS, leaks, spell

GOOD = 'Ma"rk+er/é-good-4711'
REJECTED = 'Ma"rk+er/é-rejected-4711'
# Of which the run knows nothing: no reference leads there.
PLANTED = 'Ma"rk+er/é-planted-good-4711'
ROTATED = 'Ma"rk+er/é-rotated-good-4711'


@pytest.fixture
def left_behind(tmp_path):
    """What is kept of runs: Prefect's home, the store, and everything printed. Not the tenant itself."""
    directory = tmp_path / "kept"
    directory.mkdir()
    server = PrefectServer(directory / "prefect")
    printed = []
    with (
        estate(tmp_path / "tenant", latency_seconds=0.02) as tenant,
        add_prefect_variables(
            {"ENTRA_FLEET_STORE": f"sqlite:///{directory / 'store.db'}", "PREFECT_HOME": str(directory)}
        ),
    ):
        try:
            server.wait()
            yield directory, printed, tenant, server
        finally:
            server.stop()


FAULTY = """
import os

from flows.cli.main import main
from flows.steps import credentials
from prefect.logging import get_run_logger

validate = credentials.validate_credentials

async def faulty(graph, plan, principal, template, values):
    held = {key: secret.value.get_secret_value() for key, secret in values.items()}
    match plan.key:
        case "held":
            raise RuntimeError("power cut")
        case "quoted":
            raise RuntimeError(f"cannot send {held}")
        case "caused":
            raise RuntimeError("power cut") from KeyError(held["SecretToken"])
        case "encoded":
            (held["SecretToken"] + chr(0xDC80)).encode()
        case "planted":
            get_run_logger().info("sending %s", held)
            get_run_logger().info("sending %s", os.environ["PLANTED"])
            print(os.environ["PLANTED"])
    await validate(graph, plan, principal, template, values)

credentials.validate_credentials = faulty
main()
"""
CRASHING = ("held", "quoted", "caused", "encoded")


def test_a_secret_is_nowhere_after_runs_that_succeed_fail_and_crash(left_behind, write_fleet):
    directory, printed, tenant, server = left_behind
    path = write_fleet(
        fleet(
            *(instance(key) for key in CRASHING),
            instance("planted", credentials={"SecretToken": "${env:OTHER}"}),
            instance("bad", credentials={"SecretToken": "${env:BAD}"}),
        )
    )
    variables = {
        "TOKEN": GOOD,
        "OTHER": GOOD,
        "BAD": REJECTED,
        "PREFECT_API_URL": server.api_url,
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    }

    def run(*arguments, **options):
        result = finished(started(*arguments, path, "--yes", **(variables | options)))
        printed.extend((result.out, result.err))
        return result

    killed = started("apply", path, "--yes", **variables)
    while len(tenant.requests("validate_credentials")) < 2:
        assert killed.poll() is None
    killed.kill()
    printed.extend(killed.communicate())
    completed = run("apply")
    assert "5 created" in completed.out or "updated" in completed.out
    assert "bad failed at validate-credentials" in completed.err

    rotated = run("rotate", "--only", "held", "--only", "planted", TOKEN=ROTATED, OTHER=REJECTED)
    assert "1 rotated, 1 failed" in rotated.out
    crashed = run("apply", "--save-credentials", program=("-c", FAULTY), PLANTED=PLANTED)
    assert [key for key in CRASHING if f"{key} failed at run" not in crashed.err] == []
    assert crashed.err.count("Redacted: ") == 3

    with open_store(f"sqlite:///{directory / 'store.db'}") as store:
        assert len(store.fingerprints.known(TENANT)) == 5
    for secret in (GOOD, REJECTED, ROTATED):
        assert leaks(secret, directory, *printed) == []
    # The search finds what does get out: a line of the log in Prefect's database, and what is printed.
    found = leaks(PLANTED, directory, *printed)
    assert any(str(name).startswith("prefect.db") for name in found)
    assert len(printed) - 2 in found


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_planted_leak_is_found(tmp_path, encoding):
    (tmp_path / "log").write_bytes(b"before " + spell(GOOD, encoding) + b" after")
    assert leaks(GOOD, tmp_path) == ["log"]
