"""The delta query of service principals.

https://learn.microsoft.com/graph/api/serviceprincipal-delta
"""

import math
from collections.abc import Sequence
from typing import Any

from graph_emulator.directory.directory import Kind
from graph_emulator.handlers.call import Answer, Call
from graph_emulator.handlers.directory_objects import SETS, render
from graph_emulator.handlers.directory_properties import READ_ONLY, WRITABLE
from graph_emulator.wire.odata import allow_options, next_link, read_skip_token, select, selected
from graph_emulator.wire.odata import write_skip_token as write_token
from graph_emulator.wire.problems import GraphProblem, malformed

PAGE = 100
"""The page size, which only the service determines."""
LATEST = "latest"
REMOVED = "@removed"
KIND: Kind = "servicePrincipal"


def delta(call: Call) -> Answer:
    """All service principals in pages, or the changes since a deltaLink; the last page has the next deltaLink.

    `$deltatoken=latest` asks for that link alone: https://learn.microsoft.com/graph/delta-query-overview
    """
    options = call.options
    allow_options(options, ("$select", "$deltatoken", "$skiptoken", "$filter"))
    names = selected(options, KIND, WRITABLE[KIND].keys() | READ_ONLY[KIND])
    changed = call.tenant.directory.changed_principals
    if options.get("$deltatoken", "").lower() == LATEST:
        return Answer(200, _page(call, [], len(changed), None))
    start, end = _span(call, len(changed))
    # Each object once, in its current state, however often it has changed.
    ids = list(dict.fromkeys(changed[start:end]))
    after = read_skip_token(options)
    first = int(after.split(" ")[2]) if after else 0
    # With the end: what changes while a client pages belongs to its next round.
    following = f"{start} {end} {first + PAGE}" if first + PAGE < len(ids) else None
    value = [_shown(call, each, names) for each in ids[first : first + PAGE]]
    # The first round has what exists; what was deleted before is no change to who reads it.
    shown = [each for each in value if start or REMOVED not in each]
    return Answer(200, _page(call, shown, end, following))


def _span(call: Call, last: int) -> tuple[int, int]:
    """From which change to which; pages of one round end where its first one did."""
    token = read_skip_token(call.options)
    if token is not None:
        parts = token.split(" ")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
            raise malformed("The value of $skiptoken is not valid.")
        return int(parts[0]), int(parts[1])
    text = call.options.get("$deltatoken")
    if text is None:
        return 0, last
    # Both kinds of token have the same format.
    position, _, told_at = (read_skip_token({"$skiptoken": text}) or "").partition(" ")
    if not position.isdigit() or not told_at.isdigit():
        raise malformed("The value of $deltatoken is not valid.")
    # A position beyond the end is a token of a tenant that was reset since.
    if call.now - int(told_at) > call.tenant.settings.delta_lifetime_seconds or int(position) > last:
        raise _expired(call)
    return int(position), last


def _expired(call: Call) -> GraphProblem:
    """The refusal of an expired link, as in Microsoft's announcement.

    https://devblogs.microsoft.com/microsoft365dev/duration-of-change-tracking-tokens-for-identity-and-education-resources/
    """
    message = "The sync state generation is not found. The delta token is expired and data must be synchronized again."
    if call.tenant.settings.delta_expired == "400":
        return GraphProblem(400, "syncStateNotFound", message)
    location = f"{call.address}?$deltatoken="  # an empty token begins a full read
    return GraphProblem(410, "syncStateNotFound", message, headers={"Location": location})


def _shown(call: Call, identifier: str, names: frozenset[str] | None) -> dict[str, Any]:
    directory = call.tenant.directory
    entry = directory.live[KIND].get(identifier)
    if entry is not None:
        entry.settle(call.now)
        return {**select(render(call, entry), names), "id": identifier}  # the id always, whatever is selected
    # One that was deleted can be restored; a purged one cannot.
    reason = "changed" if identifier in directory.deleted else "deleted"
    return {"id": identifier, REMOVED: {"reason": reason}}


def _page(call: Call, value: Sequence[dict[str, Any]], end: int, following: str | None) -> dict[str, Any]:
    context = {"@odata.context": call.context(SETS[KIND])}
    kept = "&".join(part for part in call.request.query.split("&") if part.lower().startswith(("$select", "%24select")))
    if following is not None:
        link = {"@odata.nextLink": next_link(call.address, kept, skiptoken=write_token(following))}
    else:
        told_at = math.floor(call.now)
        link = {"@odata.deltaLink": next_link(call.address, kept, deltatoken=write_token(f"{end} {told_at}"))}
    return {**context, **link, "value": list(value)}
