"""The directory audit log: handlers that write to it, and the one that reads it.

https://learn.microsoft.com/graph/api/directoryaudit-list
"""

from collections.abc import Callable
from itertools import islice
from typing import Any

from graph_emulator.clock import read_ticks
from graph_emulator.directory.directory import Entry
from graph_emulator.handlers.call import Answer, Call
from graph_emulator.provisioning.audit_log import CORE_DIRECTORY, Activity, Actor, AuditRecord
from graph_emulator.wire.odata import (
    Field,
    Filterable,
    Predicate,
    allow_options,
    next_link,
    read_skip_token,
    whole_number,
    write_skip_token,
)
from graph_emulator.wire.problems import malformed, unsupported_query

OPTIONS = ("$filter", "$top", "$orderby", "$skiptoken")
EQUAL = frozenset({"eq"})

ACTIVITIES = {
    "create_job": Activity("Add provisioning configuration"),
    "delete_job": Activity("Delete provisioning configuration"),
    "start_job": Activity("Enable/start provisioning configuration"),
    "pause_job": Activity("Disable/pause provisioning configuration"),
    "restart_job": Activity("Enable/restart provisioning configuration"),
    "put_schema": Activity("Update attribute mappings or scope"),
    "delete_schema": Activity("Update attribute mappings or scope"),
    "put_secrets": Activity("Update provisioning setting or credentials"),
    "instantiate": Activity("Add service principal", CORE_DIRECTORY, "Add"),
    "patch_service_principal": Activity("Update service principal", CORE_DIRECTORY, "Update"),
    "patch_saml_settings": Activity("Update service principal", CORE_DIRECTORY, "Update"),
    "add_token_signing_certificate": Activity("Add service principal credentials", CORE_DIRECTORY, "Update"),
    "assign_claims_mapping_policy": Activity("Add policy to service principal", CORE_DIRECTORY, "Assign"),
    "unassign_claims_mapping_policy": Activity("Remove policy from service principal", CORE_DIRECTORY, "Unassign"),
    "delete_service_principal": Activity("Remove service principal", CORE_DIRECTORY, "Delete"),
    "assign": Activity("Add app role assignment to service principal", CORE_DIRECTORY, "Assign"),
    "unassign": Activity("Remove app role assignment from service principal", CORE_DIRECTORY, "Unassign"),
}
"""The recorded activities, by operation."""


def write_audit(call: Call, operation: str, answer: Answer) -> None:
    """Record the action of a request, with the application of the token as its actor."""
    activity = ACTIVITIES.get(operation)
    principal = _find_principal(call, answer) if activity else None
    if activity is None or principal is None:  # reads, and refused changes
        return
    actor = Actor.application(call.caller.object_id, f"Application {call.caller.app_id[:8]}")
    call.tenant.audits.record(activity, principal, actor, call.now)


def _find_principal(call: Call, answer: Answer) -> Entry | None:
    """The service principal of a request, even one that was just created or deleted."""
    directory = call.tenant.directory
    made = answer.value.get("servicePrincipal") if isinstance(answer.value, dict) else None
    identifier = made["id"] if made else call.parameters["id"]
    if identifier.startswith("appId="):
        app_id = identifier[6:].lower()
        return next((e for e in directory.live["servicePrincipal"].values() if e.value["appId"] == app_id), None)
    identifier = identifier.lower()
    # A deletion is recorded after it was done.
    return directory.live["servicePrincipal"].get(identifier) or directory.deleted.get(identifier)


def _text(read: Callable[[dict[str, Any]], Any], operators: frozenset[str] = EQUAL) -> Field:
    return Field(lambda record: read(record.value), operators, folded=False)


def _actor(kind: str, name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda value: (value["initiatedBy"][kind] or {}).get(name)  # one of user and app is null


def _read_moment(value: Any) -> int:
    return read_ticks(value)


# `category` is not among the properties that the page names for $filter.
_FIELDS = {
    "id": _text(lambda v: v["id"]),
    "correlationid": _text(lambda v: v["correlationId"]),
    "activitydisplayname": _text(lambda v: v["activityDisplayName"], frozenset({"eq", "startswith"})),
    "loggedbyservice": _text(lambda v: v["loggedByService"]),
    "result": _text(lambda v: v["result"]),
    "initiatedby/user/id": _text(_actor("user", "id")),
    "initiatedby/user/displayname": _text(_actor("user", "displayName")),
    "initiatedby/user/userprincipalname": _text(_actor("user", "userPrincipalName"), frozenset({"eq", "startswith"})),
    "initiatedby/app/appid": _text(_actor("app", "appId")),
    "initiatedby/app/displayname": _text(_actor("app", "displayName")),
    "activitydatetime": Field(lambda r: r.ticks, frozenset({"eq", "ge", "le"}), convert=_read_moment),
}
FILTERABLE = Filterable("directoryAudit", _FIELDS)
# In 2018 a filter by service found nothing: microsoft-graph-docs issue 3648.
DEAF = Filterable("directoryAudit", {**_FIELDS, "loggedbyservice": Field(lambda _: None, EQUAL, folded=False)})


def list_all(call: Call) -> Answer:
    """The records that match, in pages, by default the newest first."""
    options, settings = call.options, call.tenant.settings
    allow_options(options, OPTIONS)
    descending = _is_descending(options.get("$orderby"))
    top = whole_number(options, "$top", settings.audit_page_size, settings.audit_page_size_maximum)
    matches, last = _predicate(call), _position(read_skip_token(options))
    found = (
        record
        for record in call.tenant.audits.readable(call.now, descending=descending)
        if matches(record) and (last is None or _is_beyond(record, last, descending))
    )
    # One more than the page holds, to know whether another one follows.
    page = list(islice(found, top + 1))
    value: dict[str, Any] = {"@odata.context": call.context("auditLogs/directoryAudits")}
    # A page without $top has a link too: azure-docs issue 11920.
    if len(page) > top:
        token = write_skip_token(f"{page[top - 1].ticks}_{page[top - 1].number}")
        value["@odata.nextLink"] = next_link(call.address, call.request.query, skiptoken=token)
    return Answer(200, {**value, "value": [record.value for record in page[:top]]})


def _predicate(call: Call) -> Predicate:
    text = call.options.get("$filter")
    if text is None:
        return lambda _: True
    works = call.tenant.settings.audit_service_filter == "works"
    return (FILTERABLE if works else DEAF).predicate(text)


def _is_descending(order: str | None) -> bool:
    if order is None:
        return True
    name, _, direction = order.strip().partition(" ")
    if name.lower() != "activitydatetime" or direction.strip().lower() not in ("", "asc", "desc"):
        raise unsupported_query(f"Sorting by '{order[:100]}' is not supported for directoryAudit.")
    return direction.strip().lower() == "desc"


def _position(token: str | None) -> tuple[int, int] | None:
    if token is None:
        return None
    parts = token.split("_")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) <= 19 for part in parts):
        raise malformed("The value of $skiptoken is not valid.")
    return int(parts[0]), int(parts[1])


def _is_beyond(record: AuditRecord, last: tuple[int, int], descending: bool) -> bool:
    here = (record.ticks, record.number)
    return here < last if descending else here > last
