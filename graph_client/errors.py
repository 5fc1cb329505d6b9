"""Everything that graph_client raises.

GraphError
├── InvalidCall             the client refuses to send it (also a ValueError)
│   ├── BadSettings         a URL, number or file in the settings is unusable
│   └── MaskedSecret        a "*" read from Graph must never be written back
├── AuthFailed              no token: secret, certificate, assertion, tenant, sign-in host
├── TransportFailed         no answer: DNS, TLS, connection, timeout
├── UnreadableAnswer        an answer that is not what Graph documents
│   └── HostRefused         a link, redirect or URL that points away from the Graph host
├── WaitExpired             wait_until ran out of time
└── GraphStatusError        Graph answered with an error status
    ├── BadRequest          400
    │   └── CredentialsRefused  credentials that could not be validated, whatever the status
    ├── Unauthorized        401
    ├── Forbidden           403
    ├── NotFound            404
    ├── Conflict            409
    ├── Throttled           429
    ├── QuotaExceeded       Directory_QuotaExceeded, whatever the status
    └── ServerFailed        5xx
"""

from __future__ import annotations

__all__ = [
    "AuthFailed",
    "BadRequest",
    "BadSettings",
    "Conflict",
    "CredentialsRefused",
    "Forbidden",
    "GraphError",
    "GraphStatusError",
    "HostRefused",
    "InvalidCall",
    "MaskedSecret",
    "NotFound",
    "QuotaExceeded",
    "ServerFailed",
    "Throttled",
    "TransportFailed",
    "Unauthorized",
    "UnreadableAnswer",
    "WaitExpired",
    "status_error_class",
]


class GraphError(Exception):
    """Base of all errors; its text has one to three lines: what happened, where, and what to do.

    `may_have_happened` is true when a change was sent and its outcome is unknown: look before repeating it.
    """

    # All arguments but the first are optional: pickle calls the class with `args`.
    def __init__(
        self,
        what: str,
        *,
        verb: str | None = None,
        path: str | None = None,
        status: int | None = None,
        code: str | None = None,
        message: str | None = None,
        request_id: str | None = None,
        client_request_id: str | None = None,
        hint: str | None = None,
        may_have_happened: bool = False,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.verb = verb
        self.path = path
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id
        self.client_request_id = client_request_id
        self.hint = hint
        self.may_have_happened = may_have_happened
        self.gave_up: str | None = None

    def __str__(self) -> str:
        advice = "; ".join(part for part in (self.gave_up, self.hint) if part)
        lines = (self.what, self._where(), advice)
        return "\n".join(" ".join(line.split()) for line in lines if line)

    def _where(self) -> str:
        target = " ".join(part for part in (self.verb, self.path) if part)
        answer = " ".join(str(part) for part in (self.status, self.code) if part)
        identity = f"request-id {self.request_id}" if self.request_id else ""
        if not identity and self.client_request_id:
            identity = f"client-request-id {self.client_request_id}"
        answer = ", ".join(part for part in (answer, identity) if part)
        return ": ".join(part for part in (target, answer) if part)


class InvalidCall(GraphError, ValueError):
    """The client refuses to send this: an argument is empty, unsafe or contradictory."""


class BadSettings(InvalidCall):
    """A URL, number or file in the settings is unusable."""


class MaskedSecret(InvalidCall):
    """A masked secret ("*") would have replaced the real one."""


class AuthFailed(GraphError):
    """No token could be obtained; `code` is the AADSTS code if the sign-in service gave one.

    `transient` is true when the sign-in service was unreachable or overloaded.
    """

    transient: bool = False
    retry_after_seconds: float | None = None


class TransportFailed(GraphError):
    """The request got no answer; `nothing_sent` is true when it certainly never left this machine."""

    nothing_sent: bool = False
    heals: bool = True


class UnreadableAnswer(GraphError):
    """Graph's answer is not the JSON that the call documents."""


class HostRefused(UnreadableAnswer):
    """A link or redirect points to another scheme, host or port than the configured Graph root."""


class WaitExpired(GraphError):
    """`wait_until` ran out of time."""


class GraphStatusError(GraphError):
    """Graph answered with an error status.

    `not_yet` marks answers that an object which is not replicated yet would explain; `grace_seconds_left` is how
    long it still may, 0 if no object of the call is new. `heals` is false when the same call would fail again.
    `wait_is_too_long` means that Graph asks for a longer pause than any call waits.
    """

    not_yet: bool = False
    heals: bool = True
    grace_seconds_left: float = 0.0
    wait_is_too_long: bool = False
    retry_after_seconds: float | None = None


class BadRequest(GraphStatusError):
    """400: the request is wrong, or names an object that is not replicated yet."""


class CredentialsRefused(BadRequest):
    """Credentials could not be validated, whatever the status: the target system rejected them or did not answer.

    Graph has one code for both, and quotes what the target system answered.
    """


class Unauthorized(GraphStatusError):
    """401: the token is not accepted, or (synchronization paths) a permission is missing."""


class Forbidden(GraphStatusError):
    """403: a permission, role or licence is missing."""


class NotFound(GraphStatusError):
    """404: the object does not exist, or is not replicated yet."""


class Conflict(GraphStatusError):
    """409: the object already exists, or another change is in progress."""


class Throttled(GraphStatusError):
    """429: too many requests; `retry_after_seconds` is how long Graph asks to wait."""


class QuotaExceeded(GraphStatusError):
    """The caller or the tenant has reached its limit of directory objects."""


class ServerFailed(GraphStatusError):
    """5xx: Graph failed; a change may or may not have happened."""


_BY_STATUS: dict[int, type[GraphStatusError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: Throttled,
}
_QUOTA_CODE: str = "Directory_QuotaExceeded"  # waiting does not help: deleted objects count for 30 days


def status_error_class(status: int, code: str | None, *, credentials_refused: bool = False) -> type[GraphStatusError]:
    """The class of the error for a status and a Graph error code."""
    if credentials_refused:
        return CredentialsRefused
    # By its code: the status of this refusal is not documented.
    if code == _QUOTA_CODE:
        return QuotaExceeded
    if status >= 500:
        return ServerFailed
    return _BY_STATUS.get(status, GraphStatusError)
