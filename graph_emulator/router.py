"""From a path to its route: a tree of segments, literal ones first."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from graph_emulator.call import Answer, Call
from graph_emulator.permissions import Permission
from graph_emulator.problems import GraphProblem, malformed

ALTERNATE_KEY = re.compile(r"(?i)^(applications|servicePrincipals)\(appId='([^']*)'\)$")

ALIAS = "graph."
"""The short name of the namespace in a cast, which Microsoft's SDKs write."""


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the table: a request and what answers it."""

    method: str
    path: str
    operation: str
    handler: Callable[[Call], Answer]
    permission: Permission = ()
    body: Literal["json", "ignored"] = "ignored"
    units: int = 1
    scope: Literal["directory", "reports", "on demand", "unlimited"] = "directory"
    unlisted: bool = False
    """Whether the permissions reference has no row for it."""
    ending: bool = False
    """Whether beta loses it on 2027-07-06."""

    @property
    def is_synchronization(self) -> bool:
        """Whether the synchronization service answers."""
        return "/synchronization/" in self.path

    @property
    def is_write(self) -> bool:
        """Whether the write budget pays."""
        return self.method != "GET" and self.scope == "directory"

    @property
    def is_listed(self) -> bool:
        """Whether the published limits name the resource."""
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
        """The route and the values of its variables.

        Raises:
            GraphProblem: 400, an unknown segment; 405, the resource does not take this method.
        """
        node, parameters = self._root, {}
        for segment in segments:
            child = node.literal.get(segment) or node.literal.get(segment.lower())
            if child is None:
                if node.variable is None:
                    raise malformed(f"Resource not found for the segment '{segment[:100]}'.")
                child = node.variable
                parameters[child.name] = segment
            node = child
        route = node.routes.get(method)
        if route is not None:
            return route, parameters
        if not node.routes:
            raise malformed(f"Resource not found for the segment '{segments[-1][:100] if segments else ''}'.")
        raise GraphProblem(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")


def split_path(path: str) -> list[str]:
    """The decoded segments of a path; an alternate key becomes two of them."""
    segments: list[str] = []
    for part in path.strip("/").split("/"):
        segment = unquote(part) if "%" in part else part
        if "(" in segment:
            if match := ALTERNATE_KEY.match(segment):
                segments += [match[1], f"appId={match[2]}"]
                continue
            segment = segment.removesuffix("()")
        elif segment.startswith(ALIAS):
            segment = f"microsoft.{segment}"
        segments.append(segment)
    return segments
