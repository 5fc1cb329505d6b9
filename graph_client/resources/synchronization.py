"""Provisioning: connectors, jobs, schemas and credentials of a service principal.

https://learn.microsoft.com/graph/api/resources/synchronization-overview
https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationschema
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from graph_client.call import Call, Expects, Repeat, build_path
from graph_client.errors import InvalidCall, MaskedSecret, NotFound
from graph_client.models.on_demand import OnDemandAnswer, SynchronizationRule
from graph_client.models.synchronization import (
    FilterOperator,
    MappingFunction,
    ParsedExpression,
    SynchronizationJob,
    SynchronizationSecret,
    SynchronizationTemplate,
)
from graph_client.reading import items, read
from graph_client.session import Sender

__all__ = ["Synchronization", "SynchronizationSchemas"]

# The directory's codes, before the synchronization service has seen the request.
_NO_SUCH_OBJECT = "Request_ResourceNotFound"
_WRONG_TENANT = "Directory_ObjectNotFound"


class Synchronization:
    """The provisioning of a service principal, which is named by its object id.

    beta marks the calls about credentials for removal on 2027-07-06; their replacement is not published yet. Only
    this class knows how Graph validates and saves them.
    """

    def __init__(self, session: Sender) -> None:
        self._session = session

    async def templates(self, service_principal_id: str) -> list[SynchronizationTemplate]:
        """The synchronization templates of the application."""
        path = _path(service_principal_id, "templates")
        call = Call.get(path)
        return [template async for template in items(self._session, call, SynchronizationTemplate)]

    async def jobs(self, service_principal_id: str, *, expected: bool = False) -> list[SynchronizationJob]:
        """The jobs, in no particular order.

        Graph reports that there are none by an empty list or by 404. If the 404 may be about the service principal,
        that is read as well. Where some are expected, one replica may be behind: a second read has to agree.

        Raises:
            NotFound: when there is no such service principal.

        https://learn.microsoft.com/graph/api/synchronization-synchronization-list-jobs
        https://github.com/jeevansd/SCIM-CodeAuthGrantDeprecation (AGENTS.md, 2026-05-09)
        """
        return await self._jobs(service_principal_id) or (await self._jobs(service_principal_id) if expected else [])

    async def _jobs(self, service_principal_id: str) -> list[SynchronizationJob]:
        call = replace(Call.get(_path(service_principal_id, "jobs"), may_quote=True), none_if_absent=True)
        try:
            return [job async for job in items(self._session, call, SynchronizationJob)]
        except NotFound as error:
            if error.code == _WRONG_TENANT:
                raise
            # A new service principal has been waited for already, or will be by the next call.
            is_new = self._session.fresh_objects.seconds_left(call.path) > 0
            if error.code == _NO_SUCH_OBJECT and not is_new:
                principal = Call.get(build_path("servicePrincipals", service_principal_id), {"$select": "id"})
                await self._session.request(replace(principal, none_if_absent=True))
            return []

    async def create_job(self, service_principal_id: str, template_id: str) -> SynchronizationJob:
        """Create a job, not started; never repeated after an unknown outcome.

        https://learn.microsoft.com/graph/api/synchronization-synchronization-post-jobs
        """
        path = _path(service_principal_id, "jobs")
        # The job may come back with another templateId, so callers keep the id of the answer.
        call = Call.create(path, {"templateId": template_id})
        job = await read(self._session, call, SynchronizationJob)
        # The job's id is in the paths that follow, and replicas may deny it for minutes as well.
        self._session.fresh_objects.add(job.id)
        return job

    async def get_job(self, service_principal_id: str, job_id: str) -> SynchronizationJob:
        """One job with its status."""
        call = Call.get(_path(service_principal_id, "jobs", job_id), may_quote=True)
        return await read(self._session, call, SynchronizationJob)

    async def delete_job(self, service_principal_id: str, job_id: str) -> None:
        """Delete a job and all its state."""
        await self._session.request(Call.change("DELETE", _path(service_principal_id, "jobs", job_id)))

    async def validate_credentials(
        self,
        service_principal_id: str,
        credentials: Mapping[str, str],
        *,
        template_id: str | None = None,
        job_id: str | None = None,
    ) -> None:
        """Have Graph validate credentials at the target system, for a template (no job needed) or for a job.

        Raises:
            CredentialsRefused: when the target system rejects them or does not answer.
            MaskedSecret: for a value that was masked by Graph.

        https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-validatecredentials
        """
        body: dict[str, Any] = {"credentials": _pairs(credentials)}
        if job_id is not None and template_id is None:
            path = _path(service_principal_id, "jobs", job_id, "validateCredentials")
        elif template_id is not None and job_id is None:
            path = _path(service_principal_id, "jobs", "validateCredentials")
            # The binding on the collection, which works before there is a job: a rejected credential then leaves
            # nothing behind.
            body = {"templateId": template_id, "useSavedCredentials": False, **body}
        else:
            raise InvalidCall("credentials are validated for a template or for a job", hint="give one of the two")
        await self._session.request(self._validation(path, body, _secrets(credentials)))

    async def validate_saved_credentials(self, service_principal_id: str, job_id: str) -> None:
        """Have Graph validate the saved credentials, such as those authorized in the portal.

        Raises:
            BadRequest: when the target system rejects them, or there are none.

        https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-validatecredentials
        """
        path = _path(service_principal_id, "jobs", job_id, "validateCredentials")
        await self._session.request(self._validation(path, {"useSavedCredentials": True}))

    async def save_secrets(self, service_principal_id: str, credentials: Mapping[str, str]) -> None:
        """Save credentials, always the whole set: the service may replace the existing ones. "" removes a key.

        Raises:
            MaskedSecret: for a value that was masked by Graph.

        https://learn.microsoft.com/graph/api/synchronization-serviceprincipal-put-synchronization
        """
        # PUT replaces the whole set, so callers pass all of it; PATCH does not exist.
        call = Call.change("PUT", _path(service_principal_id, "secrets"), {"value": _pairs(credentials)})
        await self._session.request(replace(call, secrets=_secrets(credentials)))

    async def secrets(self, service_principal_id: str) -> dict[str, str]:
        """The saved credentials by key; sensitive values are "*"."""
        call = Call.get(_path(service_principal_id, "secrets"))
        found = [secret async for secret in items(self._session, call, SynchronizationSecret)]
        return {secret.key: secret.value or "" for secret in found}

    async def start(self, service_principal_id: str, job_id: str) -> None:
        """Start or resume a job and lift its quarantine; never repeated after an unknown outcome.

        https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-start
        """
        # Not repeated: Microsoft warns that a job started again and again may stop working.
        await self._session.request(Call.once(_path(service_principal_id, "jobs", job_id, "start")))

    async def pause(self, service_principal_id: str, job_id: str) -> None:
        """Pause a job; the current cycle is completed.

        https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-pause
        """
        # Pausing a paused job changes nothing, so this one may be repeated.
        await self._session.request(Call.change("POST", _path(service_principal_id, "jobs", job_id, "pause")))

    async def restart(self, service_principal_id: str, job_id: str, *, reset_scope: str | None = None) -> None:
        """Restart a job; never repeated after an unknown outcome.

        Args:
            service_principal_id: the object id.
            job_id: the job.
            reset_scope: the state to clear, such as "Watermark, Escrows, QuarantineState"; by default what
                Restart in the portal clears.

        https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-restart
        """
        criteria = {} if reset_scope is None else {"resetScope": reset_scope}
        path = _path(service_principal_id, "jobs", job_id, "restart")
        # Not repeated: each one may start the initial cycle over.
        await self._session.request(Call.once(path, {"criteria": criteria}))

    async def rules(self, service_principal_id: str, job_id: str) -> tuple[SynchronizationRule, ...]:
        """The rules of a job's schema: which objects it provisions as which.

        https://learn.microsoft.com/graph/api/synchronization-synchronizationschema-get
        """
        schema = await self._session.request(Call.get(_path(service_principal_id, "jobs", job_id, "schema")))
        found = schema.get("synchronizationRules")
        # Of a schema only the rules matter here, so the rest of it may have any shape.
        rules = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
        return tuple(rule for rule in map(SynchronizationRule, rules) if rule.id)

    async def provision_on_demand(
        self,
        service_principal_id: str,
        job_id: str,
        rule_id: str,
        object_id: str,
        object_type: str = "User",
        *,
        member_ids: Sequence[str] = (),
    ) -> OnDemandAnswer:
        """Provision one user, or one group with at most five of its members, now; never retried.

        A second request would do no harm, but its answer would not show what the first one did.

        https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-provisionondemand
        """
        subject: dict[str, Any] = {"objectId": object_id, "objectTypeName": object_type}
        if member_ids:
            subject["links"] = {"members": [{"objectId": each, "objectTypeName": "User"} for each in member_ids]}
        call = Call(
            method="POST",
            path=_path(service_principal_id, "jobs", job_id, "provisionOnDemand"),
            body={"parameters": [{"ruleId": rule_id, "subjects": [subject]}]},
            # It may already have created the account.
            repeat=Repeat.NEVER,
            may_quote=True,
            read_timeout_seconds=self._session.settings.on_demand_timeout_seconds,
        )
        return await read(self._session, call, OnDemandAnswer)

    def _validation(self, path: str, body: dict[str, Any], secrets: tuple[str, ...] = ()) -> Call:
        # Graph answers when the target system has: longer than other calls take.
        timeout = self._session.settings.validate_timeout_seconds
        return replace(Call.change("POST", path, body), read_timeout_seconds=timeout, secrets=secrets)


def _path(service_principal_id: str, *segments: str) -> str:
    return build_path("servicePrincipals", service_principal_id, "synchronization", *segments)


def _pairs(credentials: Mapping[str, str]) -> list[dict[str, str]]:
    for key, value in credentials.items():
        # Graph masks with "*"; the length of the mask is not documented.
        if value and not value.strip("*"):
            raise MaskedSecret(
                f"the value of {key} is masked and would replace the real one",
                hint="give the real value: Graph never returns it",
            )
    return [{"key": key, "value": value} for key, value in credentials.items()]


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
        # A PUT, but not idempotent here: each one starts a new initial cycle.
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
        call = Call(method="POST", path=path, body={"expression": expression})  # a POST that changes nothing
        return await read(self._session, call, ParsedExpression)


def _job(service_principal_id: str, job_id: str) -> str:
    return build_path("servicePrincipals", service_principal_id, "synchronization", "jobs", job_id, "schema")


def _template(service_principal_id: str, template_id: str) -> str:
    return build_path("servicePrincipals", service_principal_id, "synchronization", "templates", template_id, "schema")


def _without_context(answer: dict[str, Any]) -> dict[str, Any]:
    """The object alone: annotations are not part of it."""
    return {name: value for name, value in answer.items() if not name.startswith("@odata.")}


# Of cross-tenant synchronization, which has no secret: "SyncPolicy" is even part of an error code.
_OPEN_KEYS = frozenset({"AuthenticationType", "CompanyId"})


def _secrets(credentials: Mapping[str, str]) -> tuple[str, ...]:
    """The values that an error must not show."""
    return tuple(value for key, value in credentials.items() if key not in _OPEN_KEYS)
