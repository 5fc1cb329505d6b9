"""Estimates of how many users a scoping filter selects before and after."""

from dataclasses import replace

from flows.plan.plan import InstancePlan, Plan
from graph_client import GraphClient
from graph_client.errors import GraphError
from graph_client.parallel import gather

FILTERS_MAX = 10
"""Limit of filters counted per plan: estimates are not worth more requests."""


async def estimate_scopes(graph: GraphClient, plan: Plan) -> Plan:
    """Return a plan with an estimated number of users for each changed scoping filter."""
    wanted = [
        each_filter
        for instance in plan.instances
        if instance.touches("mappings")
        for selection in instance.selections
        for each_filter in (selection.before, selection.after)
        if each_filter is not None
    ]
    filters = list(dict.fromkeys(wanted))[:FILTERS_MAX]
    if not filters and not any(instance.selections for instance in plan.instances):
        return plan
    counts = dict(zip(filters, await gather(*(_count(graph, each) for each in filters)), strict=True))
    return replace(plan, instances=tuple(_with_counts(each, counts) for each in plan.instances))


async def _count(graph: GraphClient, condition: str) -> int | None:
    try:
        return await graph.users.count(condition)
    except GraphError:
        # Reading users needs its own permission, which plan does not require.
        return None


def _with_counts(plan: InstancePlan, counts: dict[str, int | None]) -> InstancePlan:
    changed = {change.field for change in plan.changes}
    words = []
    for each in plan.selections:
        before, after = (counts.get(name) if name is not None else None for name in (each.before, each.after))
        if each.field in changed:
            known = f"about {_in_words(before)} users in scope now, {_in_words(after)} after"
            unknown = "number of users in scope before and after unknown"
            words.append(f"{each.field}: {unknown if before is after is None else known}.")
    return replace(plan, warnings=(*plan.warnings, *words))


def _in_words(count: int | None) -> str:
    return "an unknown number of" if count is None else f"{count:,}"
