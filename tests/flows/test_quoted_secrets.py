"""Secrets that the target system quotes in its refusal are nowhere afterwards."""

import json
import logging
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, PREFECT_HOME

from flows.configuration.environment import add_prefect_variables
from flows.control_jobs import control_jobs
from flows.fleet_file.loader import fleet_from_object
from flows.on_demand import provision_on_demand
from flows.rotate import rotate_credentials
from flows.run import journal
from flows.run.context import open_run_context
from flows.shard import provision_shard
from tests.estates import estate, fleet, instance
from tests.flows.provisioning import provision
from tests.leaks import ENCODINGS, leaks
from tests.quoting import QuotingEmulator

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

SECRET = "Ma\"rk+er'/é\n\x01  4711-of-the-target"


def instances(count):
    """A fleet in which each instance is refused in an encoding of its own."""
    return fleet(*(instance(f"k{number}") for number in range(count)))


@contextmanager
def quoting(directory, *quotes):
    class Quoting(QuotingEmulator):
        pass

    Quoting.quotes = quotes
    with estate(directory, emulator=Quoting) as tenant:
        yield tenant


def kept(directory, secret, *texts):
    """Where the secret is kept: in the store, in Prefect's home or database, or in one of the texts."""
    database = Path(str(PREFECT_API_DATABASE_CONNECTION_URL.value()).partition(":///")[2])
    assert database.exists()
    return [*leaks(secret, directory, *texts), *leaks(secret, PREFECT_HOME.value()), *leaks(secret, database.parent)]


async def test_what_a_refusal_quotes_is_not_kept(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with quoting(tmp_path / "tenant", "validateCredentials") as tenant, add_prefect_variables({"TOKEN": SECRET}):
        state, outcome = await provision(instances(len(ENCODINGS)))
        assert (state.is_failed(), outcome.failed) == (True, len(ENCODINGS))
        assert tenant.emulator.quoted == len(ENCODINGS)
        told = json.dumps(outcome.as_json(), ensure_ascii=False)
        assert kept(tmp_path / "tenant", SECRET, told, caplog.text, str(state)) == []


async def test_what_a_refusal_to_save_or_rotate_quotes_is_not_kept(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with quoting(tmp_path / "tenant") as tenant, add_prefect_variables({"TOKEN": "good"}):
        wanted = instances(5)
        await provision(wanted)
        type(tenant.emulator).quotes = ("synchronization/secrets",)
        with add_prefect_variables({"TOKEN": SECRET}):
            keys = [each["key"] for each in wanted["instances"]]
            state = await rotate_credentials(wanted, only=keys, return_state=True)
            outcome = await state.aresult(raise_on_failure=False)
        assert outcome.failed == 5
        assert kept(tmp_path / "tenant", SECRET, json.dumps(outcome.as_json()), caplog.text, str(state)) == []


async def test_what_a_shard_or_a_command_for_jobs_is_told_is_not_kept(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with quoting(tmp_path / "tenant", "validateCredentials"), add_prefect_variables({"TOKEN": SECRET}):
        wanted = instances(5)
        async with open_run_context(None), journal.open_journal(fleet_from_object(wanted), None, None) as entry:
            state = await provision_shard(wanted, entry.run_id, return_state=True)
        await control_jobs(wanted, "pause", return_state=True)
        await provision_on_demand(wanted, ["k0"], users=["nobody"], return_state=True)
        assert kept(tmp_path / "tenant", SECRET, caplog.text, str(state)) == []
