"""The schemas of jobs in the tenant, and what they may contain."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from flows.mappings.validation import NOTHING_KNOWN, Vocabulary
from graph_client import Resources
from graph_client.errors import Forbidden, NotFound, Unauthorized
from graph_client.models import SynchronizationJob
from graph_client.parallel import gather

T = TypeVar("T")
TemplateIds = tuple[str, str]
"""Ids of an application template and of one of its synchronization templates."""


@dataclass(frozen=True)
class SchemaLanguage:
    """What all jobs of a synchronization template have in common."""

    default: Mapping[str, Any] | None = None
    """The initial schema of a new job; None if it could not be read."""
    vocabulary: Vocabulary = NOTHING_KNOWN


async def read_schema(graph: Resources, service_principal_id: str, job: SynchronizationJob) -> Mapping[str, Any] | None:
    """Return the schema of a job; None if the job no longer exists.

    Source: https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-get
    """
    try:
        return await graph.synchronization_schemas.get(service_principal_id, job.id)
    except NotFound:
        return None


async def read_languages(
    graph: Resources, jobs: Iterable[tuple[TemplateIds, str, SynchronizationJob]]
) -> dict[TemplateIds, SchemaLanguage]:
    """Return what schemas may contain, requested once per synchronization template.

    Args:
        graph: A signed-in client.
        jobs: Jobs with their templates and service principals.
    """
    first = {ids: (principal_id, job) for ids, principal_id, job in jobs}
    looks = (read_language(graph, principal_id, job.id, job.template_id) for principal_id, job in first.values())
    return dict(zip(first, await gather(*looks), strict=True))


async def read_language(
    graph: Resources, service_principal_id: str, job_id: str, template_id: str | None
) -> SchemaLanguage:
    """Return what the schema of a job may contain, as far as this identity may read it."""
    schemas = graph.synchronization_schemas
    default, operators, functions = await gather(
        _readable(schemas.of_template(service_principal_id, template_id)) if template_id else _nothing(),
        _readable(schemas.filter_operators(service_principal_id, job_id)),
        _readable(schemas.functions(service_principal_id, job_id)),
    )
    return SchemaLanguage(default, Vocabulary.of(operators or (), functions or ()))


async def _readable(reading: Awaitable[T]) -> T | None:
    try:
        return await reading
    except (Unauthorized, Forbidden, NotFound):
        # A template can be withdrawn, and reading operators and functions needs the permission to write.
        return None


async def _nothing() -> None:
    return None


class SchemaCache:
    """Languages by template, and parsed expressions."""

    def __init__(self) -> None:
        self.sources: dict[str, Mapping[str, Any]] = {}
        self._languages: dict[TemplateIds, asyncio.Future[SchemaLanguage]] = {}

    def learn(self, languages: Mapping[TemplateIds, SchemaLanguage]) -> None:
        """Add languages that are already known."""
        for ids, language in languages.items():
            known = asyncio.get_running_loop().create_future()
            known.set_result(language)
            self._languages[ids] = known

    async def language(
        self, graph: Resources, ids: TemplateIds, service_principal_id: str, job_id: str
    ) -> SchemaLanguage:
        """Return what schemas of a template may contain; concurrent callers share the answer."""
        # A failure is not remembered: the next caller may fare better.
        if (known := self._languages.get(ids)) is None or _failed(known):
            known = asyncio.ensure_future(read_language(graph, service_principal_id, job_id, ids[1] or None))
            self._languages[ids] = known
        # A caller that is cancelled does not take the answer from the others.
        return await asyncio.shield(known)


def _failed(known: "asyncio.Future[SchemaLanguage]") -> bool:
    return known.done() and (known.cancelled() or known.exception() is not None)
