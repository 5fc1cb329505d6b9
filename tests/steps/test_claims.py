"""The claims policy of several instances, prepared at the same moment."""

import asyncio

from flows.fleet_file.loader import fleet_from_object
from flows.plan.plan import Action, InstancePlan
from flows.steps.claims import ClaimsPolicies
from flows.steps.idempotency import use_wait_limits
from graph_emulator import Clock, Emulator, EmulatorSettings
from tests.estates import HASTY, fleet, instance
from tests.proof.stories import CLAIMS
from tests.tenant.crowds import graph_of


async def test_a_policy_that_several_prepare_at_once_is_created_once():
    emulator = Emulator(EmulatorSettings(replication_lag_seconds=8.0), Clock.frozen())
    wanted = fleet_from_object(fleet(*(instance(key, sso={"claims": CLAIMS}) for key in "abc")))
    plans = [InstancePlan(wanted.fleet, each, Action.UPDATE) for each in wanted.instances]
    policies = ClaimsPolicies()
    async with await graph_of(emulator) as graph:
        with use_wait_limits(HASTY):
            found = await asyncio.gather(*(policies.prepare(graph, each, each.instance.sso.claims) for each in plans))
    assert len({each.id for each in found}) == 1
    assert [each.operation for each in emulator.requests].count("create_claims_mapping_policy") == 1
