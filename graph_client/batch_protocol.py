"""JSON batching as pure functions: calls to one request, its answer to answers.

https://learn.microsoft.com/graph/json-batching
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic_core import to_json

from .call import Call
from .errors import GraphError
from .odata import query_string
from .protocol import Answer, path_on_wire

__all__ = ["LARGEST_BATCH", "answer_as", "build_batch", "may_be_batched", "read_answers"]

LARGEST_BATCH = 20

E = TypeVar("E", bound=GraphError)


def may_be_batched(call: Call) -> bool:
    """Whether a call is a plain read of a relative path; a nextLink is followed as it is, outside any batch.

    Reporting calls are too scarce to be sent together: a batch may hold more of them than Graph takes at once.
    """
    relative = call.path.startswith("/") and not call.path.startswith("//")
    plain = call.method == "GET" and not call.headers
    return plain and relative and not call.path.startswith("/auditLogs/")


def build_batch(calls: Sequence[Call]) -> Call:
    """The call that carries others; their place is their id."""
    steps = [{"id": str(place), "method": call.method, "url": _relative(call)} for place, call in enumerate(calls)]
    return Call(method="POST", path="/$batch", body={"requests": steps})


def read_answers(body: Mapping[str, Any], outer: Answer, count: int) -> list[Answer]:
    """The answers by place, in whatever order they came; one that is missing or garbled is an empty answer."""
    # Nothing was refused and nothing can be read: what the protocol calls unreadable, and reads again.
    found = [replace(outer, content=b"")] * count
    parts = body.get("responses")
    for part in parts if isinstance(parts, list) else ():
        place = _place(part)
        if place is not None and place < count:
            found[place] = _answer(part, outer)
    return found


def answer_as(error: E, call: Call, url: str) -> E:
    """What befell the whole batch, as the error of one of its calls; they must not share one that grows."""
    own = copy.copy(error)
    if own.verb is not None:
        own.verb, own.path = call.method, path_on_wire(url)
    own.may_have_happened = False
    return own


def _relative(call: Call) -> str:
    query = query_string(call.query)
    return call.path + (f"?{query}" if query else "")


def _place(part: Any) -> int | None:
    if not isinstance(part, dict) or not isinstance(part.get("status"), int) or not 100 <= part["status"] <= 599:
        return None
    name = part.get("id")
    return int(name) if isinstance(name, str) and re.fullmatch("[0-9]{1,2}", name) else None


def _answer(part: Mapping[str, Any], outer: Answer) -> Answer:
    headers, body = part.get("headers"), part.get("body")
    named = headers.items() if isinstance(headers, dict) else ()
    # What is no JSON comes as a text: base64, or a gateway's page.
    content = body.encode("utf-8", "replace") if isinstance(body, str) else b"" if body is None else to_json(body)
    return replace(
        outer,
        status=part["status"],
        headers={str(name).lower(): str(value) for name, value in named},
        content=content,
    )
