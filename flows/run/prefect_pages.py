"""Reading lists from a Prefect server: the server returns 200 items unless it is asked for the rest."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar
from uuid import UUID

from flows.base_error import EntraFleetError

PAGES_MAX = 500


class _Identified(Protocol):
    @property
    def id(self) -> UUID: ...


T = TypeVar("T", bound=_Identified)


class PrefectListTooLong(EntraFleetError):
    """A Prefect server has more of something than any fleet needs."""


async def read_all(read: Callable[..., Awaitable[list[T]]], *, expected: int | None = None, **query: Any) -> list[T]:
    """Return every item of a list, in the order of the server.

    Args:
        read: A method of Prefect's client that takes `offset`.
        expected: The number of items after which there can be no more; None if unknown.
        query: The other arguments of `read`; they include a sort order that does not change while pages are read.

    Raises:
        PrefectListTooLong: The server returned more than `PAGES_MAX` pages.

    Source: https://docs.prefect.io/v3/api-ref/rest-api
    """
    found: dict[UUID, T] = {}
    offset = 0
    for _ in range(PAGES_MAX):
        # No limit is named: the server's own may be smaller than 200, and it refuses larger ones.
        page = await read(offset=offset, **query)
        offset += len(page)
        # An item that was added meanwhile moves another to the next page.
        found |= {each.id: each for each in page}
        # An empty page is the only end that holds for every limit of a server.
        if not page or len(found) == expected:
            return list(found.values())
    raise PrefectListTooLong(
        f"The Prefect server did not come to the end of a list in {PAGES_MAX} pages.",
        "Delete old runs and deployments there, or use another server.",
    )
