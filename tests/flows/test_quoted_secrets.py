"""Secrets that the target system quotes in its refusal are nowhere afterwards."""

import json
import logging
from contextlib import contextmanager

import pytest
from prefect.settings import PREFECT_HOME

from flows.configuration.environment import add_prefect_variables
from flows.control_jobs import control_jobs
from flows.fleet_file.loader import fleet_from_object
from flows.harvest import harvest_logs
from flows.monitor import monitor_fleet
from flows.on_demand import provision_on_demand
from flows.rotate import rotate_credentials
from flows.run import journal
from flows.run.context import open_run_context
from flows.run.lease import exclusive, lease_id
from flows.shard import provision_shard
from tests.estates import estate, fleet, instance
from tests.flows.provisioning import provision
from tests.leaks import leaks
from tests.quoting import FIELDS, QuotingEmulator, read_back

pytestmark = pytest.mark.usefixtures("without_prefect")

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
    """Where the secret is kept: in the store, in what is made of it, or in one of the texts."""
    return leaks(secret, directory, *texts, *read_back())


def kept_by_prefect(secret, home):
    """Where it is kept in the home of the Prefect server, or in ours, where results would be."""
    assert leaks("provision-fleet", home), "it keeps nothing of this run"
    return [*leaks(secret, home), *leaks(secret, PREFECT_HOME.value())]


def as_text(outcome):
    return json.dumps(outcome.as_json(), ensure_ascii=False)


@pytest.mark.prefect
async def test_what_a_refusal_quotes_is_kept_neither_by_us_nor_by_prefect(tmp_path, caplog, prefect_api):
    caplog.set_level(logging.DEBUG)
    with quoting(tmp_path / "tenant", "validateCredentials") as tenant, add_prefect_variables({"TOKEN": SECRET}):
        state, outcome = await provision(instances(3))
        assert (state.is_failed(), outcome.failed, tenant.emulator.quoted) == (True, 3, 3)
        assert kept(tmp_path / "tenant", SECRET, as_text(outcome), caplog.text, str(state)) == []
        assert kept_by_prefect(SECRET, prefect_api) == []


async def test_what_a_refusal_quotes_in_any_field_is_not_kept(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with quoting(tmp_path / "tenant", "validateCredentials") as tenant, add_prefect_variables({"TOKEN": SECRET}):
        _, plan = await provision(instances(len(FIELDS)), dry_run=True)
        _, outcome = await provision(instances(len(FIELDS)))
        assert outcome.failed == tenant.emulator.quoted == len(FIELDS)
        assert kept(tmp_path / "tenant", SECRET, as_text(plan), as_text(outcome), caplog.text) == []


async def test_what_a_refusal_to_save_or_rotate_quotes_is_not_kept(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with quoting(tmp_path / "tenant") as tenant, add_prefect_variables({"TOKEN": "good"}):
        wanted = instances(2)
        await provision(wanted)
        type(tenant.emulator).quotes = ("synchronization/secrets",)
        with add_prefect_variables({"TOKEN": SECRET}):
            keys = [each["key"] for each in wanted["instances"]]
            state = await rotate_credentials(wanted, only=keys, return_state=True)
            outcome = await state.aresult(raise_on_failure=False)
        assert outcome.failed == 2
        assert kept(tmp_path / "tenant", SECRET, as_text(outcome), caplog.text, str(state)) == []


async def test_what_a_shard_is_told_is_not_kept(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with quoting(tmp_path / "tenant", "validateCredentials") as tenant, add_prefect_variables({"TOKEN": SECRET}):
        wanted = instances(2)
        desired = fleet_from_object(wanted)
        async with (
            open_run_context(None),
            exclusive(desired, "apply", 0),
            journal.open_journal(desired, None, None) as entry,
        ):
            state = await provision_shard(wanted, entry.run_id, lease_id=lease_id(), return_state=True)
        assert tenant.emulator.quoted == 2
        assert kept(tmp_path / "tenant", SECRET, caplog.text, str(state)) == []


async def test_what_targets_are_quoted_with_in_good_answers_is_not_kept(tmp_path, caplog):
    # Trying, monitoring and harvesting know one secret only: the one they sign in with.
    caplog.set_level(logging.DEBUG)
    wanted = instances(1)
    with quoting(tmp_path / "tenant") as tenant, add_prefect_variables({"TOKEN": "good"}):
        secret = tenant.served.environment["AZURE_CLIENT_SECRET"]
        await provision(wanted)
        who = next(iter(tenant.emulator.tenant.people.users))
        tenant.emulator.echoes = secret
        told = []
        for run in (
            provision_on_demand(wanted, ["k0"], users=[who], return_state=True),
            monitor_fleet(wanted, return_state=True),
            control_jobs(wanted, "pause", return_state=True),
            harvest_logs(return_state=True),
        ):
            state = await run
            told += [str(state), as_text(await state.aresult(raise_on_failure=False))]
        assert tenant.emulator.quoted > 4
        assert "***" in told[1]
        # The emulated tenant writes down how to sign in to it.
        assert kept(tmp_path / "tenant", secret, *told, caplog.text) == ["env.sh"]
