"""What one run learns about schemas, requested once for all jobs."""

import asyncio
from collections.abc import Mapping
from typing import Any

from flows.tenant.schemas import SchemaLanguage, TemplateIds, read_language
from graph_client import Resources


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
        if (known := self._languages.get(ids)) is None or _failed(known):
            known = asyncio.ensure_future(read_language(graph, service_principal_id, job_id, ids[1] or None))
            self._languages[ids] = known
        return await asyncio.shield(known)


def _failed(known: "asyncio.Future[SchemaLanguage]") -> bool:
    return known.done() and (known.cancelled() or known.exception() is not None)
