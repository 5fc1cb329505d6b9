"""Reads of the provisioning log, with only the documented filters.

https://learn.microsoft.com/graph/api/provisioningobjectsummary-list
"""

from collections.abc import Callable
from itertools import islice
from typing import Any

from graph_emulator.clock import TICKS_PER_SECOND, read_ticks
from graph_emulator.handlers.call import Answer, Call
from graph_emulator.provisioning.provisioning_log import SOURCE, Event, as_graph, target_name, target_type
from graph_emulator.wire.odata import (
    Field,
    Filterable,
    allow_options,
    next_link,
    read_skip_token,
    whole_number,
    write_skip_token,
)
from graph_emulator.wire.odata_syntax import Comparison, Junction, Node, parse_filter
from graph_emulator.wire.problems import malformed, unsupported_query

OPTIONS = ("$filter", "$top", "$orderby", "$skiptoken")
LATEST = 1 << 62  # beyond any moment, in ticks
TEXT = frozenset({"eq", "contains"})


def _text(read: Callable[[Event], Any]) -> Field:
    return Field(read, TEXT, folded=False)  # documented: this log compares case-sensitively


def _ticks(value: Any) -> int:
    return read_ticks(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError(value)
    return float(value)


def _name(event: Event) -> str:
    return str(event.principal.value["displayName"])


_BOTH: dict[str, Field] = {
    "id": _text(lambda e: e.id),
    "jobid": _text(lambda e: e.job_id),
    "changeid": _text(lambda e: e.change_id),
    "cycleid": _text(lambda e: e.cycle_id),
    "provisioningaction": _text(lambda e: e.outcome.action),
    "provisioningstatusinfo/status": _text(lambda e: e.outcome.status),
    "sourcesystem/displayname": _text(lambda _: SOURCE),
    "targetsystem/displayname": _text(target_name),
    "sourceidentity/identitytype": _text(lambda e: e.outcome.subject_type),
    "sourceidentity/id": _text(lambda e: e.outcome.subject["id"]),
    "sourceidentity/displayname": _text(lambda e: e.outcome.subject["displayName"]),
    "targetidentity/identitytype": _text(target_type),
    "targetidentity/id": _text(lambda e: e.target_id),
    "targetidentity/displayname": _text(lambda _: ""),  # recorded as empty
    "initiatedby/displayname": _text(lambda _: "Azure AD Provisioning Service"),
    "durationinmilliseconds": Field(lambda e: e.duration_milliseconds, frozenset({"eq", "gt", "lt"}), convert=_number),
    "serviceprincipal/id": _text(lambda e: e.principal.id),
    "serviceprincipal/displayname": Field(_name, frozenset({"eq"}), folded=False),
    "serviceprincipal/name": Field(_name, frozenset({"eq"}), folded=False),  # Microsoft's samples use both spellings
}
_BETA = {
    "action": _text(lambda e: e.outcome.action[0].upper() + e.outcome.action[1:]),
    "statusinfo/status": _text(lambda e: e.outcome.status),
}


def _resolution(call: Call) -> int:
    """The resolution of an event's time, in ticks."""
    return TICKS_PER_SECOND if call.tenant.settings.log_moments == "whole seconds" else 1


def _filterable(call: Call) -> Filterable:
    step = _resolution(call)
    fields = {
        **_BOTH,
        "tenantid": _text(lambda _: call.tenant.settings.tenant_id),
        "activitydatetime": Field(lambda e: e.ticks // step * step, frozenset({"eq", "gt", "lt"}), convert=_ticks),
    }
    return Filterable("provisioningObjectSummary", {**fields, **_BETA} if call.is_beta else fields)


def list_all(call: Call) -> Answer:
    """The events that match, in pages."""
    options, settings = call.options, call.tenant.settings
    allow_options(options, OPTIONS)
    descending = _is_descending(options.get("$orderby"))
    top = whole_number(options, "$top", settings.log_page_size, settings.log_page_size_maximum)
    matches, after, before = _window(call)
    token = read_skip_token(options)
    last = _position(token) if token is not None else None
    if last is not None and descending:
        # Events of the same moment may be on both sides of the token, so that moment is read again.
        before = min(before, last[0] + 1)
    elif last is not None:
        after = max(after, last[0] - 1)
    events = call.tenant.log.readable(call.now, after, before, descending=descending)
    found = (e for e in events if matches(e) and (last is None or _is_beyond(e, last, descending)))
    # One more than the page holds, to know whether another one follows.
    page = list(islice(found, top + 1))
    value: dict[str, Any] = {"@odata.context": call.context("auditLogs/provisioning")}
    # An older page of Microsoft's says that a skiptoken comes only with $top.
    if len(page) > top and ("$top" in options or settings.log_next_link_without_top):
        end = page[top - 1]
        position = write_skip_token(f"{end.ticks}_{end.id}")
        value["@odata.nextLink"] = next_link(call.address, call.request.query, skiptoken=position)
    tenant = settings.tenant_id
    whole = settings.log_moments == "whole seconds"
    value["value"] = [as_graph(event, tenant, beta=call.is_beta, whole_seconds=whole) for event in page[:top]]
    return Answer(200, value)


def _is_descending(order: str | None) -> bool:
    """Whether the newest events come first, which is the default."""
    if order is None:
        return True
    name, _, direction = order.strip().partition(" ")
    if name.lower() != "activitydatetime" or direction.strip().lower() not in ("", "asc", "desc"):
        raise unsupported_query(f"Sorting by '{order[:100]}' is not supported for provisioningObjectSummary.")
    return direction.strip().lower() == "desc"


def _window(call: Call) -> tuple[Callable[[Event], bool], int, int]:
    """The filter, and the window of time outside which nothing can match.

    With whole seconds, an event may have happened up to a second later than its time says.
    """
    text = call.options.get("$filter")
    if text is None:
        return (lambda _: True), -1, LATEST
    predicate = _filterable(call).predicate(text)
    after, before = -1, LATEST
    for node in _conjuncts(parse_filter(text)):
        # Only conditions that hold for all: one half of an `or` bounds nothing.
        if isinstance(node, Comparison) and node.path.lower() == "activitydatetime":
            ticks = read_ticks(str(node.value))
            after = max(after, ticks) if node.operator == "gt" else after
            before = min(before, ticks + _resolution(call) - 1) if node.operator == "lt" else before
    return predicate, after, before


def _conjuncts(node: Node) -> list[Node]:
    if isinstance(node, Junction) and node.word == "and":
        return [inner for part in node.parts for inner in _conjuncts(part)]
    return [node]


def _position(token: str) -> tuple[int, str]:
    ticks, _, identifier = token.partition("_")
    if not ticks.isascii() or not ticks.isdigit() or len(ticks) > 19:
        raise malformed("The value of $skiptoken is not valid.")
    return int(ticks), identifier


def _is_beyond(event: Event, last: tuple[int, str], descending: bool) -> bool:
    here = (event.ticks, event.id)
    return here < last if descending else here > last
