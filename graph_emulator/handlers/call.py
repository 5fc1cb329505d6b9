"""The arguments and results of handlers: an authorized call, an answer, pages and counts."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graph_emulator.clock import share
from graph_emulator.directory.directory import Entry, Kind
from graph_emulator.sign_in.tokens import Caller
from graph_emulator.tenant import Tenant
from graph_emulator.wire.odata import next_link, read_skip_token, whole_number, write_skip_token
from graph_emulator.wire.problems import (
    GraphProblem,
    Request,
    bad_request,
    forbidden,
    forbidden_synchronization,
    malformed,
)

GUID = re.compile(r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(slots=True)
class Answer:
    """A status and a JSON value, or bytes with their own content type; None for an empty body."""

    status: int
    value: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    reset: bool = False
    operation: str = ""
    """The operation, which determines the latency."""


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
        """Whether the request is to beta."""
        return self.version == "beta"

    @property
    def address(self) -> str:
        """The absolute address of the request, without its query."""
        return f"{self.request.root}{self.request.path}"

    @property
    def is_advanced(self) -> bool:
        """Whether the query is advanced: with eventual consistency and a count."""
        # Both are required for an advanced query: the header, and $count as option or segment.
        eventual = self.request.headers.get("consistencylevel", "").lower() == "eventual"
        return eventual and (self.counts or self.request.path.endswith("/$count"))

    @property
    def counts(self) -> bool:
        """Whether the answer is to contain the number of matching objects."""
        return self.options.get("$count", "").lower() == "true"

    def context(self, fragment: str) -> str:
        """The `@odata.context` of an answer."""
        return f"{self.request.root}/{self.version}/$metadata#{fragment}"

    def entry(self, kind: Kind, *, synchronization: bool = False, change: bool = False) -> Entry:
        """The object in the path, by id or appId.

        Raises:
            GraphProblem: 400, not a GUID; 404, it does not exist (yet); 401 or 403, the caller does not own it.
        """
        identifier = self.parameters["id"]
        directory = self.tenant.directory
        if identifier.startswith("appId="):
            entry = directory.by_app_id(kind, identifier[6:], self.replica, self.now)
        elif not GUID.fullmatch(identifier):
            raise bad_request(f"Invalid object identifier '{identifier[:100]}'.")  # recorded: not a 404
        else:
            entry = directory.get(kind, identifier, self.replica, self.now)
        # Application.ReadWrite.OwnedBy reads every object, and changes only what the caller owns.
        if self.owned_only and (change or synchronization) and self.caller.object_id not in entry.owners:
            raise forbidden_synchronization() if synchronization else forbidden()
        return entry


DEFAULT_PAGE = 100
LARGEST_PAGE = 999


def build_page(call: Call, fragment: str, found: Sequence[dict[str, Any]]) -> Answer:
    """One page of a collection with a stable order."""
    top = whole_number(call.options, "$top", DEFAULT_PAGE, LARGEST_PAGE)
    token = read_skip_token(call.options) or "0"
    # The token comes from outside: int() alone would take other digits too, and any length.
    if not token.isascii() or not token.isdigit() or len(token) > 9:
        raise malformed("The value of $skiptoken is not valid.")
    end = int(token) + top
    value: dict[str, Any] = {"@odata.context": call.context(fragment)}
    if end < len(found):
        # The link repeats the whole query, as Graph's does: clients follow it unchanged.
        value["@odata.nextLink"] = next_link(call.address, call.request.query, skiptoken=write_skip_token(str(end)))
    return Answer(200, {**value, "value": list(found[int(token) : end])})


def build_count(call: Call, number: int) -> Answer:
    """The answer to a `$count` segment: the number as text; the directory supports it only with eventual consistency.

    https://learn.microsoft.com/graph/aad-advanced-queries
    """
    if call.request.headers.get("consistencylevel", "").lower() != "eventual":
        raise malformed("$count is not currently supported.")
    return plain_number(number)


def plain_number(number: int) -> Answer:
    """A number as text."""
    return Answer(200, raw=str(number).encode(), headers={"content-type": "text/plain"})


def synchronized_principal(call: Call) -> Entry:
    """The service principal of a synchronization path.

    Raises:
        GraphProblem: 404, there is no such service principal; also 403 or 409 while it replicates.
    """
    try:
        return call.entry("servicePrincipal", synchronization=True)
    except GraphProblem as problem:
        live = call.tenant.directory.live["servicePrincipal"]
        if problem.status != 404 or call.parameters["id"].lower() not in live:
            raise
        # It exists, but not on this replica: Graph then answers in one of several ways.
        answers = call.tenant.settings.not_replicated
        raise _replication_answer(answers[int(share(call.sequence, "hiccup") * len(answers))], problem) from None


def _replication_answer(status: int, problem: GraphProblem) -> GraphProblem:
    if status == 403:
        return forbidden()
    if status == 409:
        return GraphProblem(
            409,
            "Directory_ConcurrencyViolation",
            "Due to concurrent requests, this request could not be processed. Please try again later.",
        )
    return problem
