"""A run that outlives its tokens many times, on a clock that only waiting moves."""

import asyncio
from dataclasses import replace

from benchmarks.rollout import provision
from flows.configuration.environment import environment
from flows.fleet_file.loader import fleet_from_object
from flows.plan.diff import diff_fleet
from flows.tenant.observe import observe_fleet
from graph_client import GraphClient, MsalTokens
from graph_emulator import Clock
from tests.estates import estate, fleet, instance

TWO_HOURS = 7200.0
FIVE_MINUTES = 300.0
# Six writes in twelve minutes: one instance after the other, for two hours.
SCARCE = {"writes_per_window": 6, "write_window_seconds": 720.0}


async def test_two_hours_on_tokens_of_five_minutes(tmp_path):
    clock = Clock.frozen()

    async def sleep(seconds):
        clock.advance(seconds)
        await asyncio.sleep(0)

    wanted = fleet_from_object(fleet(*(instance(f"k{number}") for number in range(11))))
    with estate(tmp_path / "tenant", clock=clock, token_lifetime_seconds=FIVE_MINUTES, no_jobs="empty") as tenant:
        source, began = environment(), clock.now()
        settings = replace(source.graph_settings(), **SCARCE)
        tokens = MsalTokens(settings, source.tenant, source.sign_in_method(), sleep=sleep, clock=clock.now)
        async with GraphClient(settings, tokens, sleep=sleep, clock=clock.now) as graph:
            for plan in diff_fleet(wanted, await observe_fleet(graph, wanted)).instances:
                await provision(graph, plan)
        assert clock.now() - began >= TWO_HOURS
        assert [job["schedule"]["state"] for (job,) in tenant.jobs().values()] == ["Active"] * 11
        # A principal without jobs may answer 404.
        asked = [record for record in tenant.requests() if record.operation != "list_jobs"]
        assert {record.status for record in asked} <= {200, 201, 204}
        sign_ins = [record for record in tenant.emulator.requests if record.operation == "token"]
        # One for each window that was waited for; the tokens of the one before were long over.
        assert len(sign_ins) == 11
