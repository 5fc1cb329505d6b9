"""What a call costs in resource units, by Microsoft's table.

https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from graph_client.call import Call

__all__ = ["estimate_units"]

_LISTED = (
    (re.compile(r"/groups/[^/]+/transitiveMembers"), 5),
    (re.compile(r"/groups/[^/]+/members|/getByIds"), 3),
    (re.compile(r"/(applications|users|oauth2PermissionGrants)(/|$)|/appRoleAssign"), 2),
)
_SMALL_PAGE = 20


def estimate_units(call: Call) -> int:
    """The resource units that Graph will count for a call; its answer tells the truth."""
    path, query = _parts(call)
    # Reading several objects by id is a POST, and costs like the read that it is.
    if call.method != "GET" and not path.endswith("/getByIds"):
        return 1
    units = next((cost for pattern, cost in _LISTED if pattern.search(path)), 1)
    top = query.get("$top", "")
    cheaper = ("$select" in query) + (top.isdecimal() and int(top) < _SMALL_PAGE)
    return max(1, units - cheaper + ("$expand" in query))


def _parts(call: Call) -> tuple[str, Mapping[str, str]]:
    """Path and options, which a nextLink carries in one text."""
    if "?" not in call.path:
        return call.path, call.query
    link = urlsplit(call.path)
    return link.path, dict(parse_qsl(link.query))
