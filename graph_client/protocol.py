"""Graph's wire protocol as pure functions: from a call to a request, from an answer to a value or an error."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from graph_client.call import Call, Expects
from graph_client.clock import retry_after_seconds
from graph_client.error_body import ErrorBody, read_error, read_json
from graph_client.errors import (
    GraphError,
    GraphStatusError,
    HostRefused,
    InvalidCall,
    UnreadableAnswer,
    status_error_class,
)
from graph_client.hints import Refusal, find_validation_code, hint_for, is_lasting, is_not_yet
from graph_client.redaction import mask_values

__all__ = [
    "Answer",
    "build_url",
    "decode",
    "encode_body",
    "guard_origin",
    "moment_literal",
    "options",
    "path_on_wire",
    "query_string",
    "read_next_link",
    "same_origin",
    "text_literal",
]


_PLAIN = "'(),:/*@$"


def text_literal(text: str) -> str:
    """A quoted string literal; a quote inside is doubled."""
    return "'" + text.replace("'", "''") + "'"  # OData doubles quotation marks


def moment_literal(moment: datetime) -> str:
    """A moment in UTC as OData writes it: unquoted, with Z.

    Raises:
        InvalidCall: for a moment without a time zone.
    """
    if moment.tzinfo is None:
        raise InvalidCall("a moment without a time zone cannot be sent", hint="use datetime(…, tzinfo=UTC)")
    # As Microsoft's samples write it; a + would have to be escaped in a query.
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
    """An encoded query: spaces as %20, because "+" means a space in forms but not in OData."""
    return "&".join(f"{quote(name, safe='$')}={quote(value, safe=_PLAIN)}" for name, value in query.items())


_CHECK_HOST = "the token is sent to the configured Graph host only; check graph_url and any proxy on the way"
_TRY_AGAIN = (
    "the token is sent to the configured Graph host only; try again, and if it persists check graph_url and any proxy"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a call."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    received: datetime
    client_request_id: str | None = None


def build_url(graph_url: str, api_version: str, call: Call) -> str:
    """The absolute URL of a call.

    Raises:
        HostRefused: when the call is a link to another scheme, host or port.
    """
    if _is_absolute(call.path):
        guard_origin(call.path, graph_url, call)
        return call.path
    query = query_string(call.query)
    version = call.api_version or api_version
    return f"{graph_url}/{version}{call.path}" + (f"?{query}" if query else "")


def path_on_wire(url: str) -> str:
    """The path of a URL, for messages: no host, no query."""
    return urlsplit(url).path


def encode_body(call: Call) -> bytes | None:
    """The body of a call as bytes, if it has one."""
    return None if call.body is None else json.dumps(call.body, ensure_ascii=False).encode()


def same_origin(url: str, root: str) -> bool:
    """Whether scheme, host and port of two URLs are the same."""
    try:
        return _origin(url) == _origin(root)
    except ValueError:
        return False


def guard_origin(url: str, graph_url: str, call: Call) -> None:
    """Refuse a URL that is not on the Graph host.

    Raises:
        HostRefused: for another scheme, host or port.
    """
    if not same_origin(url, graph_url):
        raise HostRefused(
            f"refused to follow a link away from {urlsplit(graph_url).netloc}",
            verb=call.method,
            path=path_on_wire(call.path) if same_origin(call.path, graph_url) else None,
            hint=_CHECK_HOST,
        )


def decode(call: Call, url: str, answer: Answer) -> Any:
    """The value of an answer: an object, or None where the call expects nothing.

    Raises:
        GraphStatusError: for an error status.
        HostRefused: for a redirect to another host, or a page whose nextLink leads there.
        UnreadableAnswer: for a redirect, or a body that is not the JSON object expected.
    """
    # Status first: the body of a refusal may be a gateway's HTML, or empty.
    if answer.status >= 400:
        raise _status_error(call, url, answer)
    if 300 <= answer.status < 400:
        guard_origin(_absolute(url, answer.headers.get("location", url)), url, call)
        raise _unreadable(call, url, answer, "Graph answered with a redirect, which is not followed")
    if call.expects is Expects.NOTHING:
        return None
    if call.expects is Expects.DOCUMENT:
        return answer.content
    try:
        value = read_json(answer.content)
    except ValueError:
        raise _unreadable(call, url, answer, "Graph's answer is not JSON") from None
    if not isinstance(value, int if call.expects is Expects.NUMBER else dict):
        kind = "number" if call.expects is Expects.NUMBER else "object"
        raise _unreadable(call, url, answer, f"Graph's answer is not a JSON {kind}")
    if isinstance(value, dict) and call.expects is Expects.PAGE:
        if fault := _page_fault(value, answer, call):
            raise _unreadable(call, url, answer, fault)
        _guard_next_link(value, call, url, answer)
    # Jobs and logs quote what the target system said, and that may quote the credentials it was sent.
    return mask_values(value) if call.may_quote else value


def _page_fault(page: Mapping[str, Any], answer: Answer, call: Call) -> str | None:
    """What makes a page unusable although its status is 200; part of a page must never pass for the whole.

    Graph starts to answer before it has read everything, so a later fault shows inside the answer:
    https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/3648
    """
    if isinstance(page.get("error"), dict):
        body = read_error(answer.headers, answer.content, call.secrets)
        reason = ": ".join(filter(None, (body.code, body.message)))
        return f"Graph's page broke off with an error: {reason or 'no reason given'}"
    items = page.get("value")
    if not isinstance(items, list):
        return "Graph's page has no list of values"
    # An error that occurs after the status was sent can only come inside the page.
    if any(isinstance(item, dict) and item.keys() == {"error"} for item in items):
        return "Graph's page has an error among its values"
    return None


def _guard_next_link(page: Mapping[str, Any], call: Call, url: str, answer: Answer) -> None:
    """Refuse a page whose link leads to another host; unlike a redirect it is retried, because it has a status."""
    link = read_next_link(page)
    if link is not None and _is_absolute(link) and not same_origin(link, url):
        what = f"Graph's page has a nextLink to another host than {urlsplit(url).netloc}"
        body = read_error(answer.headers, b"", call.secrets)
        raise HostRefused(what, hint=_TRY_AGAIN, **_location(call, url, answer, body))


def read_next_link(page: Mapping[str, Any]) -> str | None:
    """The link to the next page, to be followed unchanged."""
    link = page.get("@odata.nextLink")
    return link if isinstance(link, str) and link else None


def _status_error(call: Call, url: str, answer: Answer) -> GraphStatusError:
    # The reaction depends on the original texts; only the redacted ones are shown.
    said = read_error(answer.headers, answer.content)
    body = read_error(answer.headers, answer.content, call.secrets)
    message = body.message
    path = path_on_wire(url)
    validation = find_validation_code(said.codes, said.message or "")
    refusal = Refusal(call.method, path, answer.status, validation or said.code or "", said.message or "")
    wait = retry_after_seconds(answer.headers.get("retry-after"), answer.received, answer.headers.get("date"))
    # The status of a refused validation is not documented, so its code decides.
    kind = status_error_class(answer.status, said.code, credentials_refused=validation is not None)
    error = kind(
        f"Graph: {message or _reason(answer.status)}",
        code=find_validation_code(body.codes, message or "") or body.code,
        message=message,
        hint=hint_for(refusal, wait),
        **_location(call, url, answer, body),
    )
    error.not_yet = is_not_yet(refusal) and validation is None
    error.heals = validation is None and not is_lasting(refusal)
    error.retry_after_seconds = wait
    # Even 429: one was reported for a write that had happened (Microsoft Q&A 5529013).
    unknown = validation is None and (answer.status in (408, 429) or answer.status >= 500)
    error.may_have_happened = unknown and call.method != "GET"
    return error


def _unreadable(call: Call, url: str, answer: Answer, what: str) -> GraphError:
    redirected = 300 <= answer.status < 400
    # A redirect says that the request belongs elsewhere: here it was not done.
    return UnreadableAnswer(
        what,
        hint="check graph_url and any proxy on the way; if it persists, give Microsoft the request-id",
        may_have_happened=call.method != "GET" and not redirected,
        **_location(call, url, answer, read_error(answer.headers, b"", call.secrets)),
    )


def _location(call: Call, url: str, answer: Answer, body: ErrorBody) -> dict[str, Any]:
    return {
        "verb": call.method,
        "path": path_on_wire(url),
        "status": answer.status,
        "request_id": body.request_id,
        "client_request_id": answer.client_request_id or body.client_request_id,
    }


def _reason(status: int) -> str:
    if status == 401:
        # The synchronization service sends no message with it (microsoftgraph/microsoft-graph-docs-contrib#8800).
        return "not authorized"
    return "the service failed without a message" if status >= 500 else "refused without a message"


def _is_absolute(link: str) -> bool:
    return "://" in link or link.startswith("//")


def _absolute(url: str, location: str) -> str:
    parts = urlsplit(url)
    if location.startswith("//"):
        return f"{parts.scheme}:{location}"
    return location if "://" in location else f"{parts.scheme}://{parts.netloc}/"


def _origin(url: str) -> tuple[str, str | None, int | None, bool]:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    # Parsers disagree about the host when there is a user part or a backslash.
    return parts.scheme, parts.hostname, port, "@" in parts.netloc or "\\" in url
