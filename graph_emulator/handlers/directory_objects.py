"""What applications and service principals share: properties, lists, reads, changes, delta queries, the recycle bin.

https://learn.microsoft.com/graph/api/directory-deleteditems-list
https://learn.microsoft.com/graph/api/serviceprincipal-delta
https://learn.microsoft.com/graph/aad-advanced-queries
"""

import math
import re
from collections.abc import Sequence
from typing import Any

from graph_emulator.directory.directory import RECYCLE_SECONDS, Entry, Kind
from graph_emulator.handlers.call import Answer, Call, build_count, build_page
from graph_emulator.handlers.directory_changes import apply_changes
from graph_emulator.wire.bodies import take
from graph_emulator.wire.odata import (
    Field,
    Filterable,
    allow_options,
    next_link,
    read_skip_token,
    select,
    selected,
    whole_number,
    write_skip_token,
)
from graph_emulator.wire.odata import write_skip_token as write_token
from graph_emulator.wire.problems import GraphProblem, bad_request, malformed, unsupported_query

_BOTH = {
    "addIns": "object[]",
    "appRoles": "object[]",
    "description": "string",
    "displayName": "string",
    "info": "object",
    "keyCredentials": "object[]",
    "notes": "string",
    "passwordCredentials": "object[]",
    "tags": "string[]",
    "tokenEncryptionKeyId": "string",
}
WRITABLE: dict[Kind, dict[str, str]] = {
    "application": {
        **_BOTH,
        "api": "object",
        "defaultRedirectUri": "string",
        "groupMembershipClaims": "string",
        "identifierUris": "string[]",
        "isDeviceOnlyAuthSupported": "boolean",
        "isFallbackPublicClient": "boolean",
        "nativeAuthenticationApisEnabled": "string",
        "optionalClaims": "object",
        "parentalControlSettings": "object",
        "publicClient": "object",
        "requestSignatureVerification": "object",
        "requiredResourceAccess": "object[]",
        "samlMetadataUrl": "string",
        "serviceManagementReference": "string",
        "servicePrincipalLockConfiguration": "object",
        "signInAudience": "string",
        "spa": "object",
        "uniqueName": "string",
        "web": "object",
    },
    "servicePrincipal": {
        **_BOTH,
        "accountEnabled": "boolean",
        "alternativeNames": "string[]",
        "appRoleAssignmentRequired": "boolean!",
        "homepage": "string",
        "loginUrl": "string",
        "logoutUrl": "string",
        "notificationEmailAddresses": "string[]",
        "preferredSingleSignOnMode": "string",
        "preferredTokenSigningKeyThumbprint": "string",
        "replyUrls": "string[]",
        "samlSingleSignOnSettings": "object",
        "servicePrincipalNames": "string[]",
    },
}


def _split_names(text: str) -> frozenset[str]:
    return frozenset(text.split())


READ_ONLY: dict[Kind, frozenset[str]] = {
    "application": _split_names(
        """id deletedDateTime appId applicationTemplateId certification createdDateTime disabledByMicrosoftStatus
        isDisabled publisherDomain verifiedPublisher"""
    ),
    "servicePrincipal": _split_names(
        """id deletedDateTime appId appDescription appDisplayName appOwnerOrganizationId applicationTemplateId
        createdByAppId disabledByMicrosoftStatus isDisabled oauth2PermissionScopes servicePrincipalType
        synchronization verifiedPublisher"""
    ),
}


def _field(name: str, operators: str, advanced: str = "ne", *, collection: bool = False) -> Field:
    def read(value: dict[str, Any]) -> Any:
        return value.get(name)

    return Field(read, frozenset(operators.split()), frozenset(advanced.split()), collection=collection)


_COMMON = {
    "displayname": _field("displayName", "eq ge le in startswith", "ne"),
    "applicationtemplateid": _field("applicationTemplateId", "eq startswith"),
    "tags": _field("tags", "eq ge le startswith", "", collection=True),
    "appid": _field("appId", "eq in"),
    "id": _field("id", "eq in"),
}
FILTERABLE: dict[Kind, Filterable] = {
    "application": Filterable(
        "Application",
        {**_COMMON, "identifieruris": _field("identifierUris", "eq ge le startswith", "", collection=True)},
    ),
    "servicePrincipal": Filterable(
        "ServicePrincipal",
        {
            **_COMMON,
            "accountenabled": _field("accountEnabled", "eq in"),
            "preferredsinglesignonmode": _field("preferredSingleSignOnMode", "eq in"),
            "serviceprincipalnames": _field("servicePrincipalNames", "eq ge le startswith", "", collection=True),
        },
    ),
}


DEFAULT_PAGE = 100
LARGEST_PAGE = 999
SETS = {"application": "applications", "servicePrincipal": "servicePrincipals"}
LIST_OPTIONS = ("$filter", "$search", "$select", "$top", "$count", "$skiptoken", "$orderby")


def render(call: Call, entry: Entry, *, with_keys: bool = False) -> dict[str, Any]:
    """An object as this replica and version return it; beta's application has no applicationTemplateId.

    Certificates are in it only if one object's keyCredentials are selected:
    https://learn.microsoft.com/graph/api/resources/keycredential
    """
    value = entry.seen(call.replica, call.now)
    if value["keyCredentials"] and not with_keys:
        # Graph returns `key` only to a $select of a single object.
        value["keyCredentials"] = [{**credential, "key": None} for credential in value["keyCredentials"]]
    if call.is_beta and entry.kind == "application":
        del value["applicationTemplateId"]  # beta's application type lacks it
    return value


def _matching(call: Call, kind: Kind, advanced: bool) -> list[Entry]:
    """The objects that `$filter` and `$search` select."""
    options = call.options
    index_lag = call.tenant.settings.index_lag_seconds if advanced else 0.0
    found = list(call.tenant.directory.all(kind, call.replica, call.now, index_lag=index_lag))
    if "$filter" in options:
        matches = FILTERABLE[kind].predicate(options["$filter"], advanced=advanced)
        # As this replica has them: a filter may miss what was changed a moment ago.
        found = [entry for entry in found if matches(entry.seen(call.replica, call.now, whole=False))]
    if "$search" in options:
        words = _search(options["$search"], advanced)
        found = [entry for entry in found if words in str(entry.value["displayName"]).lower()]
    return found


def _search(text: str, advanced: bool) -> str:
    """The words of a `$search` for a display name, the only property that can be searched here."""
    if not advanced:
        raise malformed(
            "Request with $search query parameter only works through MSGraph with a special request header."
        )
    found = re.fullmatch(r'\s*"displayName:([^"]+)"\s*', text)
    if found is None:
        raise malformed(f"Syntax error in $search '{text[:100]}': \"displayName:words\" is expected.")
    return found[1].strip().lower()


def list_all(call: Call, kind: Kind) -> Answer:
    """The objects that match, in pages."""
    options = call.options
    allow_options(options, LIST_OPTIONS)
    names = selected(options, kind, WRITABLE[kind].keys() | READ_ONLY[kind])
    advanced = call.is_advanced
    if call.counts and not advanced:
        raise malformed("$count is not currently supported.")
    # Together they are an advanced query: https://learn.microsoft.com/graph/aad-advanced-queries
    if "$orderby" in options and "$filter" in options and not advanced:
        raise unsupported_query("Sorting not supported for current query.")
    found = _matching(call, kind, advanced)
    if "$orderby" in options:
        _sort(found, options["$orderby"])
    return _page(call, kind, found, names, advanced)


def count(call: Call, kind: Kind) -> Answer:
    """How many objects match."""
    allow_options(call.options, ("$filter", "$search"))
    return build_count(call, len(_matching(call, kind, call.is_advanced)))


def _sort(found: list[Entry], order: str) -> None:
    name, _, direction = order.strip().partition(" ")
    if name.lower() != "displayname" or direction.strip().lower() not in ("", "asc", "desc"):
        raise unsupported_query("Sorting not supported for current query.")
    found.sort(key=lambda e: str(e.value["displayName"]).lower(), reverse=direction.strip().lower() == "desc")


def _page(call: Call, kind: Kind, found: list[Entry], names: frozenset[str] | None, advanced: bool) -> Answer:
    top = whole_number(call.options, "$top", DEFAULT_PAGE, LARGEST_PAGE)
    start = _start(read_skip_token(call.options), found)
    page = found[start : start + top]
    value: dict[str, Any] = {"@odata.context": call.context(SETS[kind])}
    if advanced:
        value["@odata.count"] = len(found)
    if start + top < len(found):
        # The last object and not a number: objects that are created or deleted meanwhile shift no page.
        token = write_skip_token(page[-1].id)
        value["@odata.nextLink"] = next_link(call.address, call.request.query, skiptoken=token)
    value["value"] = [select(render(call, entry), names) for entry in page]
    return Answer(200, value)


def _start(token: str | None, found: list[Entry]) -> int:
    """The position after the last object of the previous page, so that new objects do not shift the pages."""
    if token is None:
        return 0
    for position, entry in enumerate(found):
        if entry.id == token:
            return position + 1
    raise malformed("The value of $skiptoken is not valid.")


def get(call: Call, kind: Kind) -> Answer:
    """One object."""
    allow_options(call.options, ("$select",))
    names = selected(call.options, kind, WRITABLE[kind].keys() | READ_ONLY[kind])
    with_keys = names is not None and "keyCredentials" in names
    value = select(render(call, call.entry(kind), with_keys=with_keys), names)
    return Answer(200, {"@odata.context": call.context(f"{SETS[kind]}/$entity"), **value})


def patch(call: Call, kind: Kind) -> Answer:
    """Change the properties in the body, which must be writable."""
    allow_options(call.options, ())
    entry = call.entry(kind, change=True)
    if isinstance(call.body, dict):
        for name in call.body:
            if name in READ_ONLY[kind]:
                # Before the types are checked: a read-only property has none here.
                raise bad_request(f"Property '{name}' is read-only and cannot be set.")
    apply_changes(call, entry, take(call.body, WRITABLE[kind]))
    return Answer(204)


def delete(call: Call, kind: Kind) -> Answer:
    """Move an object to the recycle bin."""
    allow_options(call.options, ())
    entry = call.entry(kind, change=True)
    principal = entry.partner if kind == "application" else entry
    if principal is not None and principal.deleted_at is None:
        # Before the object is gone: jobs are found by their service principal.
        call.tenant.jobs.stop_all(principal.id, call.now)
    call.tenant.directory.delete(entry, call.now)
    return Answer(204)


def list_deleted(call: Call, kind: Kind) -> Answer:
    """The deleted objects of a kind."""
    allow_options(call.options, ("$top", "$skiptoken"))
    entries = [
        render(call, entry)
        for entry in call.tenant.directory.deleted.values()
        if entry.kind == kind and call.now - (entry.deleted_at or 0.0) <= RECYCLE_SECONDS
    ]
    return build_page(call, "directoryObjects", entries)


def get_deleted(call: Call) -> Answer:
    """One deleted object."""
    entry = call.tenant.directory.deleted_entry(call.parameters["id"], call.now)
    return Answer(200, {"@odata.type": f"#microsoft.graph.{entry.kind}", **render(call, entry)})


def restore(call: Call) -> Answer:
    """Restore a deleted object."""
    directory = call.tenant.directory
    entry = directory.deleted_entry(call.parameters["id"], call.now)
    directory.restore(entry)
    call.tenant.jobs.revive(entry.id, call.now)
    return Answer(200, {"@odata.type": f"#microsoft.graph.{entry.kind}", **render(call, entry)})


def purge(call: Call) -> Answer:
    """Delete an object permanently."""
    directory = call.tenant.directory
    directory.purge(directory.deleted_entry(call.parameters["id"], call.now))
    return Answer(204)


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
        return Answer(200, _changes_page(call, [], len(changed), None))
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
    return Answer(200, _changes_page(call, shown, end, following))


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


def _changes_page(call: Call, value: Sequence[dict[str, Any]], end: int, following: str | None) -> dict[str, Any]:
    context = {"@odata.context": call.context(SETS[KIND])}
    kept = "&".join(part for part in call.request.query.split("&") if part.lower().startswith(("$select", "%24select")))
    if following is not None:
        link = {"@odata.nextLink": next_link(call.address, kept, skiptoken=write_token(following))}
    else:
        told_at = math.floor(call.now)
        link = {"@odata.deltaLink": next_link(call.address, kept, deltatoken=write_token(f"{end} {told_at}"))}
    return {**context, **link, "value": list(value)}
