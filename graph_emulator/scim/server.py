"""Embedded target systems: a SCIM server for each name below `/scim/`, and the faults that Entra ID does not accept.

They are scim2-server, which shares nothing with what is tested against them; without it there is none.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.util import find_spec
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

from graph_emulator.scim.writer import COMPLIANT_FLAG, TargetWriter
from graph_emulator.settings import EmulatorSettings
from graph_emulator.wire.problems import Request, Response

_OURS = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?/scim/([A-Za-z0-9_-]{1,64})/?(?:\?.*)?")
NOT_INSTALLED = "The embedded target needs scim2-server: pip install 'entra-fleet[embedded]'."


def is_installed() -> bool:
    """Whether there can be target systems here."""
    return find_spec("scim2_server") is not None


def name_in(address: str) -> str | None:
    """The name of the embedded server with an address; None for a system elsewhere."""
    match = _OURS.fullmatch(address.strip())
    return match[1] if match else None


@dataclass(slots=True)
class ScimServer:
    """One target system: its resources, its fault, and the requests it has seen."""

    handler: Any
    fault: str | None = None
    first_seen: dict[str, float] = field(default_factory=dict)
    """When each token came for the first time."""
    log: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path below the address, and query of each request."""


class ScimServers:
    """All target systems of a tenant.

    Args:
        settings: the fault that all of them have, and how long a token is good for an ending one.
        accepts: whether a token is one that target systems take.
    """

    def __init__(self, settings: EmulatorSettings, accepts: Callable[[str], bool]) -> None:
        self._settings = settings
        self._accepts = accepts
        self._servers: dict[str, ScimServer] = {}

    def server(self, name: str) -> ScimServer:
        """The server of a name.

        Raises:
            ModuleNotFoundError: scim2-server is not installed.
        """
        if name not in self._servers:
            self._servers[name] = ScimServer(_maker()(), self._settings.target_fault)
        return self._servers[name]

    def names(self) -> list[str]:
        """The servers with requests so far."""
        return list(self._servers)

    def accounts(self, name: str) -> list[dict[str, Any]]:
        """The users of a server, as in its answers."""
        server = self.server(name)
        listed = Request("GET", f"/scim/{name}/Users", "count=10000")
        found: list[dict[str, Any]] = orjson.loads(_ask(server, listed).body)["Resources"]
        return found

    def writer(self, address: str, token: str, now: float) -> TargetWriter | None:
        """The writer for one of them; None for a system elsewhere, or if no server is installed."""
        name = name_in(address)
        if name is None:
            return None
        try:
            self.server(name)
        except ModuleNotFoundError:
            return None
        # Through `answer`, like any client: faults and refusals concern the tenant's own jobs as well.
        headers = {"authorization": f"Bearer {token}", "content-type": "application/scim+json"}

        def ask(method: str, path: str, query: str, body: bytes) -> Response:
            return self.answer(Request(method, f"/scim/{name}/{path}", query, headers, body), now)

        # The flag stands in the address: that is how Entra ID is made to follow RFC 7644.
        return TargetWriter(ask, compliant=COMPLIANT_FLAG.lower() in address.lower())

    def answer(self, request: Request, now: float) -> Response:
        """Answer a request to one of the servers."""
        name, _, path = request.path.removeprefix("/scim/").partition("/")
        try:
            server = self.server(unquote(name))
        except ModuleNotFoundError:
            return scim_error(501, NOT_INSTALLED)
        server.log.append((request.method, path, request.query))
        refusal = self._refusal(server, request.headers.get("authorization", ""), now)
        if refusal:
            return refusal
        asked = QUESTIONS[server.fault](request) if server.fault in QUESTIONS else request
        answer = _ask(server, asked)
        return ANSWERS[server.fault](request, answer) if server.fault in ANSWERS else answer

    def _refusal(self, server: ScimServer, authorization: str, now: float) -> Response | None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            return scim_error(401, "a bearer token is required")
        end = _read_end(token)
        if server.fault == ENDING_TOKEN:
            end = server.first_seen.setdefault(token, now) + self._settings.target_token_seconds
        # After `first_seen`: the time of a token runs from its first use, whether or not it is accepted.
        if not self._accepts(token):
            return scim_error(401, "the token is invalid or has been revoked")
        return scim_error(401, "the token has expired") if end is not None and end <= now else None


@cache
def _maker() -> Callable[[], Any]:
    # An extra, which takes a second to import and to load its schemas.
    from scim2_server.handler import ScimHandler  # noqa: PLC0415
    from scim2_server.memory import InMemoryStorage  # noqa: PLC0415
    from scim2_server.service import ScimService  # noqa: PLC0415
    from scim2_server.utils import load_default_provider  # noqa: PLC0415

    service = ScimService(load_default_provider())
    return lambda: ScimHandler(service, InMemoryStorage())


def _ask(server: ScimServer, request: Request) -> Response:
    from scim2_models import SCIMException  # noqa: PLC0415
    from scim2_server.requests import ScimRequest  # noqa: PLC0415

    _, _, name, path = request.path.split("/", 3) if request.path.count("/") > 2 else (*request.path.split("/"), "")
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    root = f"{request.root}/scim/{name}"
    asked = ScimRequest(request.method, root, f"/{unquote(path)}", query, request.headers, request.body)
    try:
        found = server.handler.handle(asked)
    except SCIMException as error:
        found = server.handler.service.error_response(error)
    body = b"" if found.body is None else orjson.dumps(found.body)
    return Response(int(found.status), body, {name.lower(): value for name, value in found.headers.items()})


def _read_end(token: str) -> float | None:
    """The expiry in a JWT; its signature does not matter here."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "==="))  # surplus padding is ignored
        return float(claims["exp"])
    except (ValueError, TypeError, KeyError, binascii.Error):
        return None


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
