"""Saving the schema of an instance's job: its mappings and scoping filters."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from flows.errors import StepFailed
from flows.mappings.models import Mappings
from flows.mappings.rows import digest_json
from flows.mappings.schema_edit import merge_schema, new_expressions
from flows.plan.plan import InstancePlan
from flows.plan.schema_changes import SchemaMerge, merge_mappings
from flows.steps.idempotency import create_once
from flows.tenant.schemas import SchemaLanguage
from graph_client import GraphClient
from graph_client.parallel import gather

Keep = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Saves a schema before it is replaced."""
Sources = dict[str, Mapping[str, Any]]
"""Graph's parsed expressions, by expression; shared by all jobs of a run."""


async def save_schema(
    graph: GraphClient,
    plan: InstancePlan,
    wanted: Mappings,
    service_principal_id: str,
    job_id: str,
    *,
    applied: Mappings | None,
    language: SchemaLanguage,
    sources: Sources,
    keep: Keep,
) -> bool:
    """Apply the mappings file to a job's schema, and return whether that took a write.

    Args:
        graph: A signed-in client.
        plan: The instance, with the digest of the schema that was planned on.
        wanted: The mappings file.
        service_principal_id: Object id of the service principal.
        job_id: Its job.
        applied: What was last applied to the job, if known.
        language: What schemas of its template may contain.
        sources: Filled with Graph's parsed expressions.
        keep: Called with the current schema before it is replaced.

    Raises:
        StepFailed: The schema has changed since the plan, or cannot do what the file asks for.
        GraphError: Graph refused, or the outcome stayed unknown.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-update
    """
    now = await _as_planned(graph, plan, service_principal_id, job_id)
    merge = merge_mappings(wanted, applied, language, now)
    if conflict := merge.conflict(plan.key):
        raise StepFailed(conflict.code, conflict.message, conflict.hint)
    if not merge.differences:
        return False
    # Before anything is stored or written: a refused expression leaves no trace.
    await _parse(graph, plan.key, service_principal_id, job_id, merge, sources)
    # Before the write: what is replaced cannot be read back.
    await keep(now)
    schema = merge_schema(now, merge.desired, sources)

    def is_done(found: Mapping[str, Any]) -> bool:
        # Compared by meaning: Graph need not store a schema as it was sent.
        return not merge_mappings(wanted, applied, language, found).differences

    await put_schema(graph, service_principal_id, job_id, schema, is_done)
    return True


async def restore(graph: GraphClient, plan: InstancePlan, schema: Mapping[str, Any], keep: Keep) -> None:
    """Restore a schema that the job had before.

    Args:
        graph: A signed-in client.
        plan: The instance, with the digest of the schema that was planned on.
        schema: The schema to go back to.
        keep: Called with the current schema before it is replaced.

    Raises:
        StepFailed: The schema has changed since the plan.
        GraphError: Graph refused, or the outcome stayed unknown.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-update
    """
    service_principal_id, job_id = plan.service_principal_id or "", plan.job_id or ""
    await keep(await _as_planned(graph, plan, service_principal_id, job_id))
    wanted = digest_json(schema)
    await put_schema(graph, service_principal_id, job_id, schema, lambda found: digest_json(found) == wanted)


async def _as_planned(graph: GraphClient, plan: InstancePlan, service_principal_id: str, job_id: str) -> dict[str, Any]:
    """Read the schema, and check that it has not changed since the plan."""
    now = await graph.synchronization_schemas.get(service_principal_id, job_id)
    if plan.schema_digest not in {None, digest_json(now)}:
        raise StepFailed(
            "SchemaChanged",
            f"The mappings of {plan.key} have changed in the tenant since the plan was made.",
            "Nothing was written. Run plan again and apply the new plan.",
        )
    return now


async def put_schema(
    graph: GraphClient,
    service_principal_id: str,
    job_id: str,
    schema: Mapping[str, Any],
    is_done: Callable[[Mapping[str, Any]], bool],
) -> None:
    """Replace the schema of a job; after a lost answer, only if the schema was not saved.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-update
    """

    async def put() -> bool:
        await graph.synchronization_schemas.replace(service_principal_id, job_id, schema)
        return True

    async def is_there() -> bool | None:
        found = await graph.synchronization_schemas.get(service_principal_id, job_id)
        return True if is_done(found) else None

    await create_once(put, is_there)


async def _parse(
    graph: GraphClient, key: str, service_principal_id: str, job_id: str, merge: SchemaMerge, sources: Sources
) -> None:
    """Have Graph parse the new expressions: it has the final say, and builds the tree that a schema contains."""
    unknown = [each for each in new_expressions(merge.desired) if each not in sources]
    parse = graph.synchronization_schemas.parse_expression
    answers = await gather(*(parse(service_principal_id, job_id, each) for each in unknown))
    for expression, answer in zip(unknown, answers, strict=True):
        if answer.parsing_succeeded is False:
            reason = answer.error.message if answer.error else "no reason given"
            raise StepFailed(
                "ExpressionRefused",
                f"Graph cannot parse the expression {expression} of {key}: {reason}",
                "Nothing was written. Correct it in the mappings file; the portal's expression builder can test it.",
            )
        if answer.parsed_expression:
            sources[expression] = answer.parsed_expression
