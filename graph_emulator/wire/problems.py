"""Requests, responses, and Graph's errors: a status, a code and a body.

https://learn.microsoft.com/graph/errors
"""

from dataclasses import dataclass, field
from typing import Any

from graph_emulator.clock import write_moment


class GraphProblem(Exception):
    """A request that Graph refuses."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: dict[str, str] | None = None,
        inner: dict[str, Any] | None = None,
        details: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}
        self.inner = inner or {}
        self.details = details

    def error_body(self, request_id: str, client_request_id: str, now: float) -> dict[str, Any]:
        """The body of the answer."""
        inner = {
            "date": write_moment(now).removesuffix("Z"),  # recorded without a zone
            "request-id": request_id,
            "client-request-id": client_request_id,
            **self.inner,
        }
        details = {} if self.details is None else {"details": self.details}
        return {"error": {"code": self.code, "message": self.message, **details, "innerError": inner}}


def bad_request(message: str, code: str = "Request_BadRequest") -> GraphProblem:
    """A service's refusal of an invalid request."""
    return GraphProblem(400, code, message)


def malformed(message: str) -> GraphProblem:
    """The refusal of Graph's gateway, before a service has seen the request."""
    return GraphProblem(400, "BadRequest", message)


def invalid_value(name: str) -> GraphProblem:
    """A property of the right type with a value that the directory rejects.

    Recorded of `definition`: timfee/cep-idp createPolicy_error.json, 2025-06-11.
    """
    message = f"Property {name} has an invalid value."
    details = [{"code": "InvalidValue", "message": message, "target": name}]
    return GraphProblem(400, "Request_BadRequest", message, details=details)


def content_type_missing() -> GraphProblem:
    """A write without a Content-Type; the gateway requires one even without a body.

    Recorded: timfee/cep-idp graph_startSyncJob.400.json, 2025-06-11.
    """
    return malformed("Write requests (excluding DELETE) must contain the Content-Type header declaration.")


def body_missing() -> GraphProblem:
    """A write without a body, where a gateway requires one.

    https://github.com/microsoftgraph/msgraph-sdk-go/issues/980
    """
    return malformed("Empty Payload. JSON content expected.")


def credentials_missing() -> GraphProblem:
    """A job without credentials.

    Only the word is on record: hashicorp/terraform-provider-azuread
    synchronization_job_provision_on_demand_resource_test.go.
    """
    return GraphProblem(400, "CredentialsMissing", "CredentialsMissing: the credentials of this job were not saved.")


def not_found(identifier: str) -> GraphProblem:
    """An object that does not exist, or not yet on this replica."""
    return GraphProblem(
        404,
        "Request_ResourceNotFound",
        f"Resource '{identifier}' does not exist or one of its queried reference-property objects are not present.",
    )


def unsupported_query(message: str) -> GraphProblem:
    """A query that the directory does not support."""
    return GraphProblem(400, "Request_UnsupportedQuery", message)


def unauthenticated(message: str) -> GraphProblem:
    """A token that is missing, foreign or expired."""
    return GraphProblem(401, "InvalidAuthenticationToken", message, headers={"WWW-Authenticate": "Bearer"})


def forbidden() -> GraphProblem:
    """A missing permission."""
    return GraphProblem(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def forbidden_synchronization() -> GraphProblem:
    """A missing permission on synchronization paths, where the service answers as for an invalid token.

    https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/8800
    """
    # Recorded, and a product bug in Microsoft's words: elsewhere it would be a 403.
    return GraphProblem(401, "UnknownError", "")


@dataclass(slots=True)
class Request:
    """One HTTP request. `path` is still percent-encoded, header names are lower case, `root` is scheme and host."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    root: str = "https://localhost"


@dataclass(slots=True)
class Response:
    """One HTTP response; for a `reset` one the connection is dropped instead."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    reset: bool = False
