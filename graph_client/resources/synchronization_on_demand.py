"""Provisioning one user or one small group at once.

https://learn.microsoft.com/graph/api/synchronization-synchronizationjob-provisionondemand
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graph_client.call import Call, Repeat, build_path
from graph_client.models.on_demand import OnDemandAnswer, SynchronizationRule
from graph_client.reading import read
from graph_client.sender import Sender

__all__ = ["SynchronizationOnDemand"]


class SynchronizationOnDemand:
    """Reads the rules of a job, and carries one of them out for one subject."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    async def rules(self, service_principal_id: str, job_id: str) -> tuple[SynchronizationRule, ...]:
        """See `Synchronization.rules`."""
        schema = await self._session.request(Call.get(_path(service_principal_id, job_id, "schema")))
        found = schema.get("synchronizationRules")
        rules = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
        return tuple(rule for rule in map(SynchronizationRule, rules) if rule.id)

    async def provision(
        self,
        service_principal_id: str,
        job_id: str,
        rule_id: str,
        object_id: str,
        object_type: str,
        member_ids: Sequence[str],
    ) -> OnDemandAnswer:
        """See `Synchronization.provision_on_demand`."""
        subject: dict[str, Any] = {"objectId": object_id, "objectTypeName": object_type}
        if member_ids:
            subject["links"] = {"members": [{"objectId": each, "objectTypeName": "User"} for each in member_ids]}
        call = Call(
            method="POST",
            path=_path(service_principal_id, job_id, "provisionOnDemand"),
            body={"parameters": [{"ruleId": rule_id, "subjects": [subject]}]},
            repeat=Repeat.NEVER,
            may_quote=True,
            read_timeout_seconds=self._session.settings.on_demand_timeout_seconds,
        )
        return await read(self._session, call, OnDemandAnswer)


def _path(service_principal_id: str, job_id: str, action: str) -> str:
    return build_path("servicePrincipals", service_principal_id, "synchronization", "jobs", job_id, action)
