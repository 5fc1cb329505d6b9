"""Errors as Graph answers them: one envelope, a status and a code.

https://learn.microsoft.com/graph/errors
"""

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
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}
        self.inner = inner or {}

    def envelope(self, request_id: str, client_request_id: str, now: float) -> dict[str, Any]:
        """The body of the answer."""
        inner = {
            "date": write_moment(now).removesuffix("Z"),
            "request-id": request_id,
            "client-request-id": client_request_id,
            **self.inner,
        }
        return {"error": {"code": self.code, "message": self.message, "innerError": inner}}


def bad_request(message: str, code: str = "Request_BadRequest") -> GraphProblem:
    """What a service says to a request that makes no sense."""
    return GraphProblem(400, code, message)


def malformed(message: str) -> GraphProblem:
    """What the front end of Graph says, before a service has seen the request."""
    return GraphProblem(400, "BadRequest", message)


def not_found(identifier: str) -> GraphProblem:
    """An object that is absent, or that this replica does not know yet."""
    return GraphProblem(
        404,
        "Request_ResourceNotFound",
        f"Resource '{identifier}' does not exist or one of its queried reference-property objects are not present.",
    )


def unsupported_query(message: str) -> GraphProblem:
    """A query that the directory does not offer."""
    return GraphProblem(400, "Request_UnsupportedQuery", message)


def unauthenticated(message: str) -> GraphProblem:
    """A token that is missing, foreign or too old."""
    return GraphProblem(401, "InvalidAuthenticationToken", message, headers={"WWW-Authenticate": "Bearer"})


def forbidden() -> GraphProblem:
    """A permission that is missing."""
    return GraphProblem(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def forbidden_synchronization() -> GraphProblem:
    """The quirk of the synchronization service: missing permissions read like a broken token.

    https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/8800
    """
    return GraphProblem(401, "UnknownError", "")
