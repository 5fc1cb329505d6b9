"""The tasks that withdraw access from the policies of two tenants."""

import asyncio

from flows.plan.retirement import Retirement
from flows.plan.withdrawal import name_field
from flows.run.context import run_context
from flows.steps.withdrawal import withdraw_access
from flows.store import GivenAccess
from flows.tasks.mapped import log, step
from graph_client import GraphClient


@step("withdraw-access")
async def withdraw(plan: Retirement, given: GivenAccess) -> bool:
    """Take one thing back, and note that; return False if it is left to others."""
    run, access = run_context(), given.access
    at_target = access.side == "target"
    graph = await _open_target(plan, access.target_tenant_id) if at_target else run.graph
    partner_id = access.tenant_id if at_target else access.target_tenant_id
    log().info("%s: withdrawing %s", plan.key, name_field(given))
    gone = await withdraw_access(graph, partner_id, given)
    # Also what is left: it belongs to those who use it now.
    await asyncio.to_thread(run.store.given_access.withdraw, access)
    return gone


async def withdraw_policies(plan: Retirement) -> tuple[str, ...]:
    """Withdraw all that was given for an instance; return what is left because others use it."""
    given = plan.withdrawal.given if plan.withdrawal else ()
    return tuple([name_field(each) for each in given if not await withdraw(plan, each)])


async def _open_target(plan: Retirement, tenant_id: str) -> GraphClient:
    sign_in = plan.withdrawal.sign_in if plan.withdrawal else None
    return await run_context().targets.open(sign_in or "", tenant_id)
