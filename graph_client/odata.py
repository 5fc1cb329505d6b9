"""OData text: literals, query options, moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from .errors import InvalidCall

__all__ = ["moment_literal", "options", "query_string", "text_literal"]

_PLAIN = "'(),:/*@$"


def text_literal(text: str) -> str:
    """A quoted string literal; a quote inside is doubled."""
    return "'" + text.replace("'", "''") + "'"


def moment_literal(moment: datetime) -> str:
    """A moment in UTC as OData writes it: unquoted, with Z.

    Raises:
        InvalidCall: for a moment without a time zone.
    """
    if moment.tzinfo is None:
        raise InvalidCall("a moment without a time zone cannot be sent", hint="use datetime(…, tzinfo=UTC)")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def options(
    *,
    filter: str | None = None,  # noqa: A002  # OData says $filter
    select: Iterable[str] | None = None,
    order_by: str | None = None,
    top: int | None = None,
) -> dict[str, str]:
    """The system query options that are set."""
    given = {
        "$filter": filter,
        "$select": ",".join(select or ()),
        "$orderby": order_by,
        "$top": str(top) if top else None,
    }
    return {name: value for name, value in given.items() if value}


def query_string(query: Mapping[str, str]) -> str:
    """An encoded query: blanks as %20, since "+" for a blank is a habit of forms and not of OData."""
    return "&".join(f"{quote(name, safe='$')}={quote(value, safe=_PLAIN)}" for name, value in query.items())
