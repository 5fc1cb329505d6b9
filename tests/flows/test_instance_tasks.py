"""What Prefect shows of an instance that failed, in each flow that works on instances."""

import importlib
import pkgutil
import time

import pytest
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

import flows
from flows.control_jobs import control_jobs
from flows.fleet_file.loader import fleet_from_object
from flows.on_demand import provision_on_demand
from flows.provision import provision_fleet
from flows.restore import restore_schema
from flows.retire import retire_instances
from flows.rotate import rotate_certificates, rotate_credentials
from flows.run import journal
from flows.run.context import open_run_context
from flows.run.lease import exclusive
from flows.shard import provision_shard
from graph_emulator import FaultRule
from tests.estates import fleet, instance
from tests.flows.provisioning import tenant, token
from tests.mappings.schemas import mappings
from tests.proof.prefect_aside import prefect_aside

__all__ = ["tenant", "token"]
pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

KEY = "one"
TITLE = {"title": {"expression": 'Join(", ", [jobTitle], [department])', "when": "on create"}}
WANTED = fleet(instance(KEY, mappings=mappings(TITLE).to_object(), sso={}))


async def shard(wanted):
    """A shard of an apply that has begun."""
    desired = fleet_from_object(wanted)
    async with (
        open_run_context(None),
        exclusive(desired, "apply", 0),
        journal.open_journal(desired, None, None) as entry,
    ):
        run_id = entry.run_id
    return await provision_shard(wanted, run_id, return_state=True)


async def try_first_user(wanted, emulator):
    user = next(iter(emulator.tenant.people.users))
    return await provision_on_demand(wanted, [KEY], [user], return_state=True)


async def renew(wanted, emulator):
    directory = emulator.tenant.directory
    for principal in directory.live["servicePrincipal"].values():
        none_left = {"keyCredentials": [], "passwordCredentials": [], "preferredTokenSigningKeyThumbprint": None}
        directory.patch(principal, none_left, emulator.clock.now())
    return await rotate_certificates(wanted, ["renew"], force=True, return_state=True)


FAILING = {
    "provision-fleet": ("instantiate", lambda wanted, _: provision_fleet(wanted, return_state=True)),
    "provision-shard": ("instantiate", lambda wanted, _: shard(wanted)),
    "rotate-credentials": ("put_secrets", lambda wanted, _: rotate_credentials(wanted, [KEY], return_state=True)),
    "rotate-certificates": ("add_token_signing_certificate", renew),
    "control-jobs": ("pause_job", lambda wanted, _: control_jobs(wanted, "pause", return_state=True)),
    "retire-instances": ("pause_job", lambda wanted, _: retire_instances(wanted, [KEY], return_state=True)),
    "restore-schema": ("put_schema", lambda wanted, _: restore_schema(wanted, KEY, return_state=True)),
    "provision-on-demand": ("provision_on_demand", try_first_user),
}


# They change no instance, and have no task for one.
READING = {"monitor-fleet", "react-to-quarantine", "test-targets"}


def flows_of_a_fleet():
    """The names of the flows that are given a fleet."""
    for module in pkgutil.iter_modules(flows.__path__, "flows."):
        for each in vars(importlib.import_module(module.name)).values():
            if isinstance(each, Flow) and "fleet" in each.parameters.properties:
                yield each.name


def test_every_flow_of_a_fleet_is_here():
    assert set(flows_of_a_fleet()) == {*FAILING, *READING}


async def instance_runs(flow_run_id):
    """The states of the task runs named for the instance alone, which the server records a moment later."""
    until = time.monotonic() + 20
    async with get_client() as client:
        while True:
            found = await client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])))
            ours = [each for each in found if each.name == KEY or each.task_key.startswith("try_subject")]
            if (ours and all(each.state and each.state.is_final() for each in ours)) or time.monotonic() > until:
                return [each.state for each in ours]


@pytest.mark.parametrize("name", FAILING)
async def test_the_task_of_an_instance_that_failed_is_failed(tenant, name):
    operation, run = FAILING[name]
    if operation != "instantiate":
        with prefect_aside():
            await provision_fleet(WANTED)
    tenant.emulator.controls.add_faults([FaultRule("status", operation=operation, status=400)])
    state = await run(WANTED, tenant.emulator)
    assert state.is_failed()
    (ended,) = await instance_runs(state.state_details.flow_run_id)
    assert ended.type == "FAILED"
