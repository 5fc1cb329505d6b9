"""The request log, which tests and demos read."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, overload

import orjson

KEPT_HEADERS = (
    "client-request-id",
    "consistencylevel",
    "content-type",
    "prefer",
    "user-agent",
    "x-ms-throttle-priority",
)


@dataclass(slots=True)
class RequestRecord:
    """One request; `batch` is the sequence of the `$batch` that contained it."""

    sequence: int
    at: float
    method: str
    path: str
    query: str
    headers: dict[str, str]
    operation: str = ""
    body: Any = None
    status: int = 0
    fault: str | None = None
    app: str | None = None
    batch: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The record as JSON for the control interface."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class RequestLog(Sequence[RequestRecord]):
    """The latest requests, and the number of all requests."""

    def __init__(self, kept: int) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=kept)  # the sequence counts on
        self.sequence = 0

    def __iter__(self) -> Iterator[RequestRecord]:
        return iter(list(self._records))  # a copy: the server's thread keeps writing

    @overload
    def __getitem__(self, index: int) -> RequestRecord: ...

    @overload
    def __getitem__(self, index: slice) -> list[RequestRecord]: ...

    def __getitem__(self, index: int | slice) -> RequestRecord | list[RequestRecord]:
        return list(self._records)[index] if isinstance(index, slice) else self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def next_sequence(self) -> int:
        """The number of the next request."""
        self.sequence += 1
        return self.sequence

    def keep(self, record: RequestRecord) -> None:
        """Add a request."""
        self._records.append(record)


def parsed(body: bytes) -> Any:
    """The value of a JSON body; the beginning of any other as text."""
    if not body:
        return None
    try:
        return orjson.loads(body)
    except ValueError:
        return body[:2000].decode("utf-8", "replace")  # the log also shows what was no JSON
