"""An apply whose shards nobody carries out but the test."""

from datetime import UTC, datetime

import pytest
from prefect.client.orchestration import get_client

from flows.apply import shard_runs
from flows.fleet_file.loader import fleet_from_object
from flows.run import journal
from flows.run.context import open_run_context, run_context
from flows.run.lease import exclusive
from flows.shard import provision_shard
from flows.store import Change, ChangeError
from tests.estates import fleet, instance

# A fleet of its own: runs that stay at work hold up whoever applies the same fleet on the same server.
NAME = "sharded"
DOCUMENT = fleet(*(instance(f"k{n}") for n in range(4)), fleet=NAME)


@pytest.fixture
async def apply(tenant):
    """An apply that has begun, in the journal and with its store; its id there."""
    wanted = fleet_from_object(DOCUMENT)
    async with (
        open_run_context(None),
        exclusive(wanted, "apply", 0),
        journal.open_journal(wanted, None, None) as entry,
    ):
        yield entry.run_id


async def shard(run_id, state, name=NAME):
    """A run of a shard, in a state."""
    async with get_client() as client:
        return await client.create_flow_run(
            provision_shard,
            parameters={"fleet": DOCUMENT | {"fleet": name}, "run_id": run_id},
            state=state,
            tags=[shard_runs._tag(DOCUMENT["tenant_id"], name)],
        )


async def set_state(run, state):
    """Put a run into a state."""
    async with get_client() as client:
        await client.set_flow_run_state(run.id, state, force=True)


async def state_of(run):
    """The state a run is in."""
    async with get_client() as client:
        return (await client.read_flow_run(run.id)).state


def record(run_id, key, code=None):
    """Write down that an instance was created, or failed with a code."""
    error = ChangeError(step="create-application", code=code, message="no", hint="ask") if code else None
    outcome = "failed" if code else "created"
    change = Change(key=key, action="create", outcome=outcome, recorded_at=datetime.now(UTC), error=error)
    run_context().store.journal.record(run_id, change)
