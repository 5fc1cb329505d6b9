"""Finds the route of a path in a tree of segments, literal ones first; refuses paths that are not served."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal
from urllib.parse import unquote

import orjson

from graph_emulator.directory.directory import Kind
from graph_emulator.handlers.call import Answer, Call
from graph_emulator.sign_in.tokens import Permission
from graph_emulator.wire.problems import GraphProblem, malformed, not_found

KINDS: dict[str, Kind] = {"applications": "application", "serviceprincipals": "servicePrincipal"}
SYNC_FABRIC = "https://syncfabric.windowsazure.com/api"
KEYED = frozenset({"applications", "serviceprincipals", "jobs", "templates", "directories"})
"""Collections whose next segment is a key."""


def unserved(segments: Sequence[str], other_methods: bool) -> Callable[[Call], Answer]:
    """A handler that refuses a path or method.

    Args:
        segments: the path below the version.
        other_methods: whether the path is served, with another method.
    """
    return partial(_refuse, segments=segments, other_methods=other_methods)


def _refuse(call: Call, segments: Sequence[str], other_methods: bool) -> Answer:
    names = [segment.lower() for segment in segments]
    kind = KINDS.get(names[0]) if names else None
    if kind and names[2:3] == ["synchronization"]:
        # The synchronization service refuses in its own form; all else is refused by Graph's gateway.
        raise no_resource(segments)
    if kind and len(names) == 3 and names[2] == "$ref":
        raise malformed(f"Unsupported segment type. ODataQuery: /{'/'.join(segments)}")
    if other_methods:
        raise GraphProblem(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
    if kind and len(names) > 2:
        call.parameters = {"id": segments[1]}
        call.entry(kind)  # a missing object is reported before the segment
        if call.tenant.settings.unknown_segments == "not found":
            raise not_found(segments[2][:100])
    raise malformed(f"Resource not found for the segment '{segments[-1][:100] if segments else ''}'.")


def no_resource(segments: Sequence[str]) -> GraphProblem:
    """The synchronization service's refusal of an unknown path or method, as JSON in the message.

    https://github.com/microsoftgraph/msgraph-sdk-python/issues/820
    """
    path = ""
    for before, segment in zip(("", *segments), segments, strict=False):
        path += f"('{segment}')" if before.lower() in KEYED else f"/{segment}"
    uri = f"{SYNC_FABRIC}{path}?api-version=2.0"
    message = {"Message": f"No HTTP resource was found that matches the request URI '{uri}'."}
    return GraphProblem(404, "UnknownError", orjson.dumps(message).decode())


ALTERNATE_KEY = re.compile(r"(?i)^(applications|servicePrincipals)\(appId='([^']*)'\)$")

ALIAS = "graph."
"""The short namespace in a cast, which Microsoft's SDKs use."""


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table: a request and its handler."""

    method: str
    path: str
    operation: str
    handler: Callable[[Call], Answer]
    permission: Permission = ()
    body: Literal["json", "ignored"] = "ignored"
    units: int = 1
    scope: Literal["directory", "reports", "on demand", "unlimited"] = "directory"
    unlisted: bool = False
    """Whether it is missing in the permissions reference."""
    ending: bool = False
    """Whether it is removed from beta on 2027-07-06."""

    @property
    def is_synchronization(self) -> bool:
        """Whether the synchronization service answers."""
        return "/synchronization/" in self.path

    @property
    def is_write(self) -> bool:
        """Whether it is charged to the write budget."""
        return self.method != "GET" and self.scope == "directory"

    @property
    def is_listed(self) -> bool:
        """Whether the published limits list the resource."""
        return not self.is_synchronization and not self.path.startswith("/applicationTemplates")


@dataclass(slots=True)
class _Node:
    literal: dict[str, "_Node"] = field(default_factory=dict)
    variable: "_Node | None" = None
    name: str = ""
    routes: dict[str, Route] = field(default_factory=dict)


class Router:
    """Finds the route of a path below the version."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            node = self._root
            for segment in route.path.strip("/").split("/"):
                node = self._child(node, segment)
            node.routes[route.method] = route

    @staticmethod
    def _child(node: _Node, segment: str) -> _Node:
        if not segment.startswith("{"):
            return node.literal.setdefault(segment.lower(), _Node())
        if node.variable is None:
            node.variable = _Node(name=segment.strip("{}"))
        return node.variable

    def find(self, method: str, segments: list[str]) -> tuple[Route, dict[str, str]]:
        """The route and the values of its variables; for a path that is not served, a route that refuses it."""
        node, parameters = self._root, dict[str, str]()
        for segment in segments:
            # Literal segments first: `/servicePrincipals/delta` is no object with the id "delta".
            child = node.literal.get(segment) or node.literal.get(segment.lower())
            if child is None and node.variable is not None:
                child = node.variable
                parameters[child.name] = segment
            node = child or _Node()
        route = node.routes.get(method)
        if route is None:
            route = Route(method, "/" + "/".join(segments), "", unserved(segments, bool(node.routes)))
        return route, parameters


def split_path(path: str) -> list[str]:
    """The decoded segments of a path; an alternate key becomes two segments, and empty ones are dropped.

    Graph drops empty segments, too: timfee/cep-idp graph_linkPolicy.400.json, 2025-06-11.
    """
    segments: list[str] = []
    for part in filter(None, path.split("/")):  # recorded: empty segments are dropped
        segment = unquote(part) if "%" in part else part
        if "(" in segment:
            if match := ALTERNATE_KEY.match(segment):
                segments += [match[1], f"appId={match[2]}"]
                continue
            # A function may be called with or without its parentheses.
            segment = segment.removesuffix("()")
        elif segment.startswith(ALIAS):
            segment = f"microsoft.{segment}"
        segments.append(segment)
    return segments
