"""Schemas of synchronization jobs: which objects and attributes flow where.

https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationschema
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graph_client.call import Call, Expects, Repeat, build_path
from graph_client.models.synchronization import FilterOperator, MappingFunction, ParsedExpression
from graph_client.reading import items, read
from graph_client.session import Sender

__all__ = ["SynchronizationSchemas"]


class SynchronizationSchemas:
    """Reads and replaces the schemas of jobs, which stay JSON as Graph returns them."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    async def get(self, service_principal_id: str, job_id: str) -> dict[str, Any]:
        """The schema of a job, its own or its template's.

        https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-get
        """
        call = Call.get(_job(service_principal_id, job_id))
        return _without_context(await self._session.request(call))

    async def of_template(self, service_principal_id: str, template_id: str) -> dict[str, Any]:
        """The initial schema of jobs created from a template.

        https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-get
        """
        return _without_context(await self._session.request(Call.get(_template(service_principal_id, template_id))))

    async def replace(self, service_principal_id: str, job_id: str, schema: Mapping[str, Any]) -> None:
        """Replace the whole schema of a job: what is left out is lost. An initial cycle follows.

        Never repeated after an unknown outcome: the schema would be the same, but a second initial cycle would follow.

        https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-update
        """
        path = _job(service_principal_id, job_id)
        call = Call(method="PUT", path=path, body=dict(schema), repeat=Repeat.NEVER, expects=Expects.NOTHING)
        await self._session.request(call)

    async def filter_operators(self, service_principal_id: str, job_id: str) -> list[FilterOperator]:
        """The operators that scoping filters may use; needs the permission to write.

        https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-filteroperators
        """
        call = Call.get(f"{_job(service_principal_id, job_id)}/filterOperators()")
        return [operator async for operator in items(self._session, call, FilterOperator)]

    async def functions(self, service_principal_id: str, job_id: str) -> list[MappingFunction]:
        """The functions that expressions may use; needs the permission to write.

        https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-functions
        """
        call = Call.get(f"{_job(service_principal_id, job_id)}/functions()")
        return [function async for function in items(self._session, call, MappingFunction)]

    async def parse_expression(self, service_principal_id: str, job_id: str, expression: str) -> ParsedExpression:
        """How Graph parses an expression; changes nothing.

        https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-parseexpression
        """
        path = f"{_job(service_principal_id, job_id)}/parseExpression"
        call = Call(method="POST", path=path, body={"expression": expression})
        return await read(self._session, call, ParsedExpression)


def _job(service_principal_id: str, job_id: str) -> str:
    return build_path("servicePrincipals", service_principal_id, "synchronization", "jobs", job_id, "schema")


def _template(service_principal_id: str, template_id: str) -> str:
    return build_path("servicePrincipals", service_principal_id, "synchronization", "templates", template_id, "schema")


def _without_context(answer: dict[str, Any]) -> dict[str, Any]:
    """The object alone: annotations are not part of it."""
    return {name: value for name, value in answer.items() if not name.startswith("@odata.")}
