"""A request and a response, as plain bytes and strings."""

from dataclasses import dataclass, field


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
    """One HTTP response; a `reset` one is never written, the connection is dropped instead."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    reset: bool = False
