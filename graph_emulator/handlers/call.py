"""What a handler sees of a request, and what it gives back."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graph_emulator.directory.directory import Entry, Kind
from graph_emulator.sign_in.tokens import Caller
from graph_emulator.tenant import Tenant
from graph_emulator.wire.messages import Request
from graph_emulator.wire.problems import bad_request, forbidden, forbidden_synchronization

GUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(slots=True)
class Answer:
    """A status and a JSON value, or bytes with a content type of their own; None is an empty body."""

    status: int
    value: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    reset: bool = False
    operation: str = ""
    """What was asked for; how long it takes depends on it."""


@dataclass(slots=True)
class Call:
    """One authorized request to Graph."""

    tenant: Tenant
    request: Request
    version: str
    parameters: Mapping[str, str]
    options: Mapping[str, str]
    body: Any
    caller: Caller
    owned_only: bool
    now: float
    sequence: int
    replica: int
    send: Callable[[Request], Answer]

    @property
    def is_beta(self) -> bool:
        """Whether the request came for beta."""
        return self.version == "beta"

    @property
    def address(self) -> str:
        """The absolute address of the request, without its query."""
        return f"{self.request.root}{self.request.path}"

    @property
    def is_advanced(self) -> bool:
        """An advanced query: eventual consistency and a count."""
        eventual = self.request.headers.get("consistencylevel", "").lower() == "eventual"
        return eventual and (self.counts or self.request.path.endswith("/$count"))

    @property
    def counts(self) -> bool:
        """Whether the answer is to say how many objects match."""
        return self.options.get("$count", "").lower() == "true"

    def context(self, fragment: str) -> str:
        """The `@odata.context` of an answer."""
        return f"{self.request.root}/{self.version}/$metadata#{fragment}"

    def entry(self, kind: Kind, *, synchronization: bool = False, change: bool = False) -> Entry:
        """The object that the path names by id or by appId.

        Raises:
            GraphProblem: 400, no GUID; 404, not there yet or never; 401 or 403, somebody else's.
        """
        identifier = self.parameters["id"]
        directory = self.tenant.directory
        if identifier.startswith("appId="):
            entry = directory.by_app_id(kind, identifier[6:], self.replica, self.now)
        elif not GUID.fullmatch(identifier):
            raise bad_request(f"Invalid object identifier '{identifier[:100]}'.")
        else:
            entry = directory.get(kind, identifier, self.replica, self.now)
        if self.owned_only and (change or synchronization) and self.caller.object_id not in entry.owners:
            raise forbidden_synchronization() if synchronization else forbidden()
        return entry
