"""One call to Graph as a value: what to send, what to expect, and whether it may be repeated."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from graph_client.errors import InvalidCall

__all__ = ["Call", "Expects", "Repeat", "build_path"]


class Repeat(enum.Enum):
    """Whether a call may be sent again when its outcome is unknown."""

    IDEMPOTENT = "idempotent"
    # Creates and starts: sent again only when nothing left this machine.
    NEVER = "never"


class Expects(enum.Enum):
    """What a good answer holds."""

    OBJECT = "object"
    # A part of a collection: an object with a list named `value`.
    PAGE = "page"
    # Plain text, as `$count` answers.
    NUMBER = "number"
    # Bytes, unparsed.
    DOCUMENT = "document"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call: `path` is relative to the API version, or a whole nextLink.

    `none_if_absent`: a 404 means that there are none, even for a new object: it is not retried.
    `may_quote`: a successful answer contains texts from other systems, which may quote a secret: they are masked.
    `secrets`: texts that must not appear in an error, whatever quotes them.
    `public`: the path is one of the sign-in endpoint, which is asked without a token.
    `api_version`: the version of the API that has it, where that is not the client's own.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    repeat: Repeat = Repeat.IDEMPOTENT
    expects: Expects = Expects.OBJECT
    none_if_absent: bool = False
    may_quote: bool = False
    read_timeout_seconds: float | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    public: bool = False
    api_version: str | None = None

    @classmethod
    def get(cls, path: str, query: Mapping[str, str] | None = None, *, may_quote: bool = False) -> Call:
        """A read."""
        return cls(method="GET", path=path, query=query or {}, may_quote=may_quote)

    @classmethod
    def count(cls, path: str) -> Call:
        """A `$count`, which only the index of advanced queries answers.

        https://learn.microsoft.com/graph/aad-advanced-queries
        """
        # Without this header Graph refuses `$count`.
        return cls(method="GET", path=path, headers={"ConsistencyLevel": "eventual"}, expects=Expects.NUMBER)

    @classmethod
    def document(cls, path: str, query: Mapping[str, str]) -> Call:
        """A read of a public document of the sign-in endpoint."""
        accept = {"Accept": "*/*"}  # it is XML, and the session asks for JSON otherwise
        return cls(method="GET", path=path, query=query, headers=accept, expects=Expects.DOCUMENT, public=True)

    @classmethod
    def create(cls, path: str, body: Any) -> Call:
        """A POST that creates an object: never repeated after an unknown outcome."""
        return cls(method="POST", path=path, body=body, repeat=Repeat.NEVER)

    @classmethod
    def change(cls, method: str, path: str, body: Any = None) -> Call:
        """A PUT, PATCH, DELETE or idempotent POST: may be repeated; the answer has no body."""
        # Changes answer 204 without a body.
        return cls(method=method, path=path, body=body, expects=Expects.NOTHING)

    @classmethod
    def once(cls, path: str, body: Any = None) -> Call:
        """A POST that starts something: never repeated after an unknown outcome; the answer has no body."""
        return cls(method="POST", path=path, body=body, repeat=Repeat.NEVER, expects=Expects.NOTHING)


def build_path(*segments: str) -> str:
    """A path of opaque segments, each encoded on its own.

    Raises:
        InvalidCall: for a segment that is empty or would change the path.
    """
    return "".join(f"/{_encoded(segment)}" for segment in segments)


def _encoded(segment: str) -> str:
    # Graph drops empty segments before it reads a path (recorded): a missing id would address the collection.
    if not segment.strip() or segment in (".", ".."):
        raise InvalidCall(f"{segment!r} cannot be part of a Graph path", hint="an id is missing or wrong")
    # Job ids are opaque and may contain anything; "$" only begins Graph's own segments, such as $ref.
    return quote(segment, safe="$")
