"""Faults of target systems that Entra ID does not accept: each changes the answers of a healthy server."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from graph_emulator.wire.problems import Request, Response

SCIM_TYPE = "application/scim+json"
SLOW_SECONDS = 120.0  # beyond the timeout of the writer

Fault = Callable[[Request, Response], Response]


def scim_error(status: int, detail: str) -> Response:
    """An error as SCIM words it.

    https://www.rfc-editor.org/rfc/rfc7644#section-3.12
    """
    value = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": str(status), "detail": detail}
    return Response(status, orjson.dumps(value), {"content-type": SCIM_TYPE})


def _list_of(response: Response) -> dict[str, Any] | None:
    value = orjson.loads(response.body) if response.status == 200 and response.body else None
    return value if isinstance(value, dict) and "totalResults" in value else None


def _with(response: Response, value: dict[str, Any]) -> Response:
    return replace(response, body=orjson.dumps(value))


def _missing_if_empty(_: Request, response: Response) -> Response:
    found = _list_of(response)
    return scim_error(404, "no such resource") if found is not None and not found["totalResults"] else response


def _as_page(_: Request, response: Response) -> Response:
    return replace(response, headers={**response.headers, "content-type": "text/html; charset=utf-8"})


def _as_plain_json(_: Request, response: Response) -> Response:
    return replace(response, headers={**response.headers, "content-type": "application/json"})


def _totals_as_text(_: Request, response: Response) -> Response:
    found = _list_of(response)
    return response if found is None else _with(response, {**found, "totalResults": str(found["totalResults"])})


def _no_groups(request: Request, response: Response) -> Response:
    return scim_error(403, "this token may not read groups") if "/Groups" in request.path else response


def _no_group_endpoint(request: Request, response: Response) -> Response:
    return scim_error(404, "no such endpoint") if "/Groups" in request.path else response


def _slow(_: Request, response: Response) -> Response:
    return replace(response, delay_seconds=SLOW_SECONDS)


def _redirect(request: Request, _: Response) -> Response:
    return Response(301, b"", {"location": f"https://moved.example.net{request.path}"})


def _without_ids(_: Request, response: Response) -> Response:
    found = _list_of(response)
    if found is None:
        return response
    kept = [{name: value for name, value in each.items() if name != "id"} for each in found.get("Resources", [])]
    return _with(response, {**found, "Resources": kept})


def _members_all_the_same(request: Request, response: Response) -> Response:
    found = _list_of(response)
    if found is None or "/Groups" not in request.path:
        return response
    members = [{"value": "1"}]
    return _with(response, {**found, "Resources": [{**each, "members": members} for each in found["Resources"]]})


def _without_filter(request: Request) -> Request:
    kept = [each for each in request.query.split("&") if not each.startswith("filter=")]
    return replace(request, query="&".join(kept))


def _first_page_only(request: Request) -> Request:
    kept = [each for each in request.query.split("&") if not each.startswith("startIndex=")]
    return replace(request, query="&".join(kept))


def _all_at_once(request: Request) -> Request:
    kept = [each for each in request.query.split("&") if not each.startswith("count=")]
    return replace(request, query="&".join(kept))


ANSWERS: dict[str, Fault] = {
    "404-for-empty": _missing_if_empty,
    "wrong-content-type": _as_page,
    "plain-json": _as_plain_json,
    "string-totals": _totals_as_text,
    "no-groups": _no_groups,
    "no-group-endpoint": _no_group_endpoint,
    "slow-target": _slow,
    "redirecting": _redirect,
    "no-ids": _without_ids,
    "members-always": _members_all_the_same,
}
"""What happens to an answer."""
QUESTIONS: dict[str, Callable[[Request], Request]] = {
    "no-filter": _without_filter,
    "first-page-only": _first_page_only,
    "no-count": _all_at_once,
}
"""What the server reads from a request."""
ENDING_TOKEN = "ending-token"  # noqa: S105  # the name of a fault
FAULTS = {
    "404-for-empty": "a search without a match answers 404",
    "wrong-content-type": "SCIM answers are called text/html",
    "plain-json": "SCIM answers are called application/json",
    "string-totals": "totalResults is a text",
    "no-groups": "groups are forbidden to the token",
    "no-group-endpoint": "there is no /Groups",
    "slow-target": "target systems take two minutes to answer",
    "redirecting": "target systems have moved, and redirect",
    "no-ids": "listed resources have no id",
    "members-always": "groups come with their members, whatever is asked",
    "no-filter": "filters are ignored",
    "first-page-only": "startIndex is ignored",
    "no-count": "count is ignored",
    ENDING_TOKEN: "target systems refuse a token a minute after its first use",
}
"""The faults of the embedded target systems, by name."""
