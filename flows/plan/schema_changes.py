"""The differences between a job's schema and its mappings file."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flows.documents.errors import Problem
from flows.formatting import format_count
from flows.mappings.merge import DesiredMapping, Difference, desired_mappings, diff_mappings
from flows.mappings.models import Mappings
from flows.mappings.rows import digest_json
from flows.mappings.validation import find_problems
from flows.plan.plan import Conflict, FieldChange, InstancePlan, Plan
from flows.tenant.schemas import SchemaLanguage
from graph_client import GraphClient
from graph_client.errors import GraphError
from graph_client.models import SynchronizationJob
from graph_client.parallel import gather


@dataclass(frozen=True)
class SchemaMerge:
    """A mappings file compared with a schema."""

    desired: tuple[DesiredMapping, ...]
    differences: tuple[Difference, ...]
    problems: tuple[Problem, ...]
    digest: str

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        """The differences as changes of a plan."""
        return tuple(
            FieldChange(each.field, each.before, each.after, bool(each.danger), danger=each.danger, origin=each.origin)
            for each in self.differences
        )

    def conflict(self, key: str) -> Conflict | None:
        """Return why the file cannot be applied to an instance, if it cannot."""
        if not self.problems:
            return None
        first = self.problems[0]
        more = f" And {len(self.problems) - 1} more." if len(self.problems) > 1 else ""
        where = f"{first.place}: " if str(first.place) else ""
        return Conflict("MappingsInvalid", f"{where}{first.what} (job of {key}).", f"{first.advice}{more}")


def merge_mappings(
    wanted: Mappings, applied: Mappings | None, language: SchemaLanguage, schema: Mapping[str, Any]
) -> SchemaMerge:
    """Compare a mappings file with a schema.

    Args:
        wanted: The file.
        applied: What was last applied to this job, if known.
        language: What schemas of its template may contain.
        schema: The job's current schema.
    """
    wanted_of, problems = desired_mappings(wanted, applied, language.default, schema)
    problems += find_problems(wanted, wanted_of, schema, language.vocabulary)
    return SchemaMerge(tuple(wanted_of), tuple(diff_mappings(wanted_of)), tuple(problems), digest_json(schema))


def initial_cycle(job: SynchronizationJob | None) -> str:
    """Return the warning about the initial cycle that saving a schema starts, with the number of objects."""
    counts = job.status.entry_counts if job and job.status else {}
    known = format_count({kind.lower() + "s": count for kind, count in counts.items()})
    return f"Saving the mappings starts an initial cycle over {known or 'all objects in scope (number unknown)'}."


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
    # Instances that share a mappings file share its filters.
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
