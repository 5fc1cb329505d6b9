"""Plain collections in pages."""

from collections.abc import Sequence
from typing import Any

from graph_emulator.handlers.call import Answer, Call
from graph_emulator.wire.problems import malformed
from graph_emulator.wire.query_options import next_link, read_skip_token, whole_number, write_skip_token

DEFAULT_PAGE = 100
LARGEST_PAGE = 999


def build_page(call: Call, fragment: str, found: Sequence[dict[str, Any]]) -> Answer:
    """One page of a collection whose order does not change."""
    top = whole_number(call.options, "$top", DEFAULT_PAGE, LARGEST_PAGE)
    token = read_skip_token(call.options) or "0"
    if not token.isascii() or not token.isdigit() or len(token) > 9:
        raise malformed("The value of $skiptoken is not valid.")
    end = int(token) + top
    value: dict[str, Any] = {"@odata.context": call.context(fragment)}
    if end < len(found):
        value["@odata.nextLink"] = next_link(call.address, call.request.query, skiptoken=write_skip_token(str(end)))
    return Answer(200, {**value, "value": list(found[int(token) : end])})


def build_count(call: Call, number: int) -> Answer:
    """A `$count` segment: the number as text; in the directory only eventual consistency knows it.

    https://learn.microsoft.com/graph/aad-advanced-queries
    """
    if call.request.headers.get("consistencylevel", "").lower() != "eventual":
        raise malformed("$count is not currently supported.")
    return plain_number(number)


def plain_number(number: int) -> Answer:
    """A number as text."""
    return Answer(200, raw=str(number).encode(), headers={"content-type": "text/plain"})
