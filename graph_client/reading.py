"""Answers as models: one object, or a collection page after page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, Self, TypeVar

from graph_client.call import Call, Expects
from graph_client.errors import GraphStatusError, UnreadableAnswer
from graph_client.protocol import path_on_wire, read_next_link
from graph_client.session import Sender

__all__ = [
    "Page",
    "Parsed",
    "is_expired_link",
    "items",
    "linked_pages",
    "pages",
    "parsed_pages",
    "read",
    "whole_pages",
]


class Parsed(Protocol):
    """A model that can be parsed from a JSON object."""

    @classmethod
    def parse(cls, value: Any) -> Self:
        """See `Resource.parse`."""


R = TypeVar("R", bound=Parsed)


async def read(session: Sender, call: Call, kind: type[R]) -> R:
    """The object that a call answers with.

    Raises:
        UnreadableAnswer: when the answer is no such object; a change may have happened nevertheless.
    """
    answer = await session.request(call)
    try:
        return kind.parse(answer)
    except UnreadableAnswer as error:
        raise _placed(error, call) from None


async def pages(session: Sender, call: Call) -> AsyncIterator[list[Any]]:
    """The values of `whole_pages`."""
    async for page in whole_pages(session, call):
        yield page["value"]


async def whole_pages(session: Sender, call: Call) -> AsyncIterator[dict[str, Any]]:
    """The pages of a collection as received; every nextLink is followed unchanged, up to a limit of pages.

    Raises:
        UnreadableAnswer: for a page without `value`, with an error in it or with a link to another host, after all
            retries; for links that form a loop, and for a listing that does not end.
    """
    # Marked as a page, so that an error inside a 200 is found before its items are used.
    bounds, call = session.settings, replace(call, expects=Expects.PAGE)
    followed: set[str] = set()
    empty_in_a_row = 0
    while True:
        page = await session.request(call)
        value = page["value"]
        yield page
        link = read_next_link(page)
        if link is None:
            return
        # A server that repeats a link would be followed for ever.
        if link in followed:
            raise _unreadable("Graph's nextLink leads to a page that has already been read", call)
        followed.add(link)
        # An empty page may have another after it, but endless links must not be followed for ever.
        empty_in_a_row = 0 if value else empty_in_a_row + 1
        if empty_in_a_row >= bounds.max_empty_pages or len(followed) >= bounds.max_pages:
            raise _unreadable(f"Graph's listing does not end: {len(followed)} pages so far", call)
        # The link carries the whole query.
        call = replace(call, path=link, query={})


async def parsed_pages(session: Sender, call: Call, kind: type[R]) -> AsyncIterator[list[R]]:
    """The pages of a collection, parsed.

    Raises:
        UnreadableAnswer: see `pages`; also for an item that is no such object.
    """
    async for page in pages(session, call):
        try:
            parsed = [kind.parse(item) for item in page]
        except UnreadableAnswer as error:
            raise _placed(error, call) from None
        yield parsed


@dataclass(frozen=True)
class Page(Generic[R]):
    """One page of a collection, with the link to continue from it."""

    items: tuple[R, ...]
    removed: tuple[str, ...] = ()
    """The ids of deleted objects, in a page of changes."""
    next_link: str | None = None
    delta_link: str | None = None
    """The link to later changes, on the last page of changes."""


async def linked_pages(session: Sender, call: Call, kind: type[R]) -> AsyncIterator[Page[R]]:
    """The pages of a collection, parsed, with their links.

    Raises:
        UnreadableAnswer: see `whole_pages`; also for an item that is no such object.

    https://learn.microsoft.com/graph/delta-query-overview
    """
    async for page in whole_pages(session, call):
        # A deleted object comes as its id and `@removed`, which is no object to parse.
        gone = [item for item in page["value"] if isinstance(item, dict) and "@removed" in item]
        try:
            parsed = tuple(kind.parse(item) for item in page["value"] if item not in gone)
        except UnreadableAnswer as error:
            raise _placed(error, call) from None
        removed = tuple(str(item["id"]) for item in gone if item.get("id"))
        delta = page.get("@odata.deltaLink")
        yield Page(parsed, removed, read_next_link(page), delta if isinstance(delta, str) and delta else None)


_EXPIRED = frozenset({"syncstatenotfound", "syncstateinvalid", "resyncrequired"})


def is_expired_link(error: GraphStatusError) -> bool:
    """Whether a link of Graph's has expired, so that everything must be read again.

    Microsoft's overview says 410, its announcement of the seven days that a deltaLink lives 400 with a code:
    https://devblogs.microsoft.com/microsoft365dev/duration-of-change-tracking-tokens-for-identity-and-education-resources/
    """
    return error.status == 410 or (error.code or "").lower() in _EXPIRED


async def items(session: Sender, call: Call, kind: type[R]) -> AsyncIterator[R]:
    """The items of a collection, parsed, one by one; see `parsed_pages`."""
    async for page in parsed_pages(session, call, kind):
        for item in page:
            yield item


def _placed(error: UnreadableAnswer, call: Call) -> UnreadableAnswer:
    error.verb = error.verb or call.method
    error.path = error.path or path_on_wire(call.path)
    # The status was a success: a write was done even if its answer makes no sense.
    error.may_have_happened = error.may_have_happened or call.method != "GET"
    return error


def _unreadable(what: str, call: Call) -> UnreadableAnswer:
    return UnreadableAnswer(
        what, verb=call.method, path=path_on_wire(call.path), hint="check graph_url and any proxy on the way"
    )
