"""Credentials of a target system: the only file that knows how Graph checks and keeps them.

beta marks these calls for removal on 2027-07-06, with a replacement that is not published yet; a change of
the API ends here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graph_client.call import Call, Expects, build_path
from graph_client.errors import InvalidCall, MaskedSecret
from graph_client.models.synchronization import SynchronizationSecret
from graph_client.reading import items
from graph_client.session import Sender

__all__ = ["SynchronizationCredentials"]


class SynchronizationCredentials:
    """Validates, saves and lists the credentials of a service principal."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    async def validate(
        self,
        service_principal_id: str,
        credentials: Mapping[str, str],
        *,
        template_id: str | None = None,
        job_id: str | None = None,
    ) -> None:
        """See `Synchronization.validate_credentials`."""
        body: dict[str, Any] = {"credentials": _pairs(credentials)}
        jobs = ("servicePrincipals", service_principal_id, "synchronization", "jobs")
        if job_id is not None and template_id is None:
            path = build_path(*jobs, job_id, "validateCredentials")
        elif template_id is not None and job_id is None:
            path = build_path(*jobs, "validateCredentials")
            body = {"templateId": template_id, "useSavedCredentials": False, **body}
        else:
            raise InvalidCall("credentials are validated for a template or for a job", hint="give one of the two")
        call = Call(
            method="POST",
            path=path,
            body=body,
            expects=Expects.NOTHING,
            read_timeout_seconds=self._session.settings.validate_timeout_seconds,
            secrets=tuple(credentials.values()),
        )
        await self._session.request(call)

    async def validate_saved(self, service_principal_id: str, job_id: str) -> None:
        """See `Synchronization.validate_saved_credentials`."""
        call = Call(
            method="POST",
            path=build_path(
                "servicePrincipals", service_principal_id, "synchronization", "jobs", job_id, "validateCredentials"
            ),
            body={"useSavedCredentials": True},
            expects=Expects.NOTHING,
            read_timeout_seconds=self._session.settings.validate_timeout_seconds,
        )
        await self._session.request(call)

    async def save(self, service_principal_id: str, credentials: Mapping[str, str]) -> None:
        """See `Synchronization.save_secrets`."""
        call = Call(
            method="PUT",
            path=_secrets_path(service_principal_id),
            body={"value": _pairs(credentials)},
            expects=Expects.NOTHING,
            secrets=tuple(credentials.values()),
        )
        await self._session.request(call)

    async def read(self, service_principal_id: str) -> dict[str, str]:
        """See `Synchronization.secrets`."""
        call = Call.get(_secrets_path(service_principal_id))
        found = [secret async for secret in items(self._session, call, SynchronizationSecret)]
        return {secret.key: secret.value or "" for secret in found}


def _secrets_path(service_principal_id: str) -> str:
    return build_path("servicePrincipals", service_principal_id, "synchronization", "secrets")


def _pairs(credentials: Mapping[str, str]) -> list[dict[str, str]]:
    for key, value in credentials.items():
        if value and not value.strip("*"):
            raise MaskedSecret(
                f"the value of {key} is masked and would replace the real one",
                hint="give the real value: Graph never hands it out",
            )
    return [{"key": key, "value": value} for key, value in credentials.items()]
