"""The organization: users and groups, their assignments, and the owners of objects.

https://learn.microsoft.com/graph/api/organization-list
https://learn.microsoft.com/graph/api/user-list
https://learn.microsoft.com/graph/api/group-list
"""

from collections.abc import Sequence
from typing import Any

from graph_emulator.directory.directory import Entry, Kind
from graph_emulator.handlers.call import Answer, Call, build_count, build_page
from graph_emulator.sign_in.tokens import READ_GROUPS, READ_USERS, Permission, check
from graph_emulator.wire.bodies import take
from graph_emulator.wire.odata import Field, Filterable, allow_options, select, selected
from graph_emulator.wire.problems import GraphProblem, bad_request, not_found


def list_organization(call: Call) -> Answer:
    """The tenant itself."""
    allow_options(call.options, ("$select",))
    settings = call.tenant.settings
    organization = {
        "id": settings.tenant_id,
        "displayName": settings.tenant_name,
        "tenantType": "AAD",
        "verifiedDomains": [
            {
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": True,
                "isInitial": True,
                "name": settings.domain,
                "type": "Managed",
            }
        ],
    }
    names = selected(call.options, "organization", organization)
    return Answer(200, {"@odata.context": call.context("organization"), "value": [select(organization, names)]})


OPTIONS = ("$filter", "$select", "$top", "$skiptoken")
UNLESS_SELECTED = frozenset({"userType", "creationType", "externalUserState", "externalUserStateChangeDateTime"})
"""The properties of a user that only `$select` brings."""


def _shown(value: dict[str, Any], names: frozenset[str] | None) -> dict[str, Any]:
    """The selected properties of a user or group, or those that come by default."""
    return select(value, frozenset(value) - UNLESS_SELECTED if names is None else names)


def _text(name: str) -> Field:
    return Field(lambda value: value[name], frozenset({"eq", "in", "startswith", "ge", "le"}), frozenset({"ne"}))


USERS = Filterable(
    "User",
    {
        **{
            name.lower(): _text(name)
            for name in ("id", "displayName", "userPrincipalName", "mail", "givenName", "surname")
        },
        "department": Field(
            lambda value: value["department"], frozenset({"eq", "in", "startswith", "ge", "le"}), frozenset({"ne"})
        ),
        "accountenabled": Field(lambda value: value["accountEnabled"], frozenset({"eq", "in"}), frozenset({"ne"})),
        "usertype": Field(lambda value: value["userType"], frozenset({"eq", "in"}), frozenset({"ne"})),
        "creationtype": Field(lambda value: value["creationType"], frozenset({"eq", "in"}), frozenset({"ne"})),
        "externaluserstate": Field(
            lambda value: value["externalUserState"], frozenset({"eq", "in"}), frozenset({"ne"})
        ),
    },
)
GROUPS = Filterable("Group", {name.lower(): _text(name) for name in ("id", "displayName", "mailNickname")})


def _list(call: Call, found: dict[str, dict[str, Any]], filterable: Filterable, fragment: str) -> Answer:
    allow_options(call.options, OPTIONS)
    values = list(found.values())
    names = selected(call.options, fragment.rstrip("s"), values[0] if values else ())
    if "$filter" in call.options:
        values = list(filter(filterable.predicate(call.options["$filter"]), values))
    return build_page(call, fragment, [_shown(value, names) for value in values])


def _count(call: Call, found: dict[str, dict[str, Any]], filterable: Filterable) -> Answer:
    allow_options(call.options, ("$filter",))
    text = call.options.get("$filter")
    matches = filterable.predicate(text, advanced=True) if text else bool
    return build_count(call, sum(1 for value in found.values() if matches(value)))


def count_users(call: Call) -> Answer:
    """How many users match."""
    return _count(call, call.tenant.people.users, USERS)


def count_groups(call: Call) -> Answer:
    """How many groups match."""
    return _count(call, call.tenant.people.groups, GROUPS)


def list_users(call: Call) -> Answer:
    """The users that match."""
    return _list(call, call.tenant.people.users, USERS, "users")


def list_groups(call: Call) -> Answer:
    """The groups that match."""
    return _list(call, call.tenant.people.groups, GROUPS, "groups")


def _one(call: Call, value: dict[str, Any] | None, fragment: str, permission: Permission) -> Answer:
    allow_options(call.options, ("$select",))
    if call.tenant.settings.directory_reads_by_id_need_permission:
        check(call.caller, permission, synchronization=False)
    if value is None:
        raise not_found(call.parameters["id"])
    names = selected(call.options, fragment.rstrip("s"), value)
    return Answer(200, {"@odata.context": call.context(f"{fragment}/$entity"), **_shown(value, names)})


def get_user(call: Call) -> Answer:
    """One user, by object id or principal name."""
    people, identifier = call.tenant.people, call.parameters["id"]
    # Graph takes either in the same place.
    user = people.users.get(identifier.lower()) or people.user_named(identifier)
    return _one(call, user, "users", READ_USERS)


def get_group(call: Call) -> Answer:
    """One group."""
    return _one(call, call.tenant.people.groups.get(call.parameters["id"].lower()), "groups", READ_GROUPS)


def list_members(call: Call) -> Answer:
    """The direct members of a group."""
    allow_options(call.options, ("$select", "$top", "$skiptoken"))
    users = [call.tenant.people.users[member] for member in _members(call)]
    names = selected(call.options, "user", users[0] if users else ())
    values = [{"@odata.type": "#microsoft.graph.user", **_shown(user, names)} for user in users]
    return build_page(call, "directoryObjects", values)


def count_members(call: Call) -> Answer:
    """How many direct members a group has."""
    allow_options(call.options, ())
    return build_count(call, len(_members(call)))


def _members(call: Call) -> Sequence[str]:
    members = call.tenant.people.members.get(call.parameters["id"].lower())
    if members is None:
        raise not_found(call.parameters["id"])
    return members


REQUIRED = ("principalId", "resourceId", "appRoleId")


def _render(call: Call, assignment: dict[str, Any]) -> dict[str, Any]:
    """An assignment; its creation time has another name in beta."""
    if not call.is_beta:
        return assignment
    beta = {name: value for name, value in assignment.items() if name != "createdDateTime"}
    return {**beta, "creationTimestamp": assignment["createdDateTime"]}  # beta's name for it


def list_assignments(call: Call) -> Answer:
    """The users and groups assigned to the service principal."""
    allow_options(call.options, ("$top", "$skiptoken"))
    entry = call.entry("servicePrincipal")
    found = call.tenant.assignments.seen(entry.id, call.replica, call.now)
    return build_page(
        call, f"servicePrincipals('{entry.id}')/appRoleAssignedTo", [_render(call, assignment) for assignment in found]
    )


def assign(call: Call) -> Answer:
    """Assign a user or group; a duplicate is refused."""
    body = take(call.body, dict.fromkeys(REQUIRED, "string"), required=REQUIRED)
    entry = _resource(call)
    # Ids are compared regardless of case.
    if body["resourceId"].lower() != entry.id:
        raise bad_request("The resourceId does not match the service principal of the request.")
    # Cycles that are due by now ran without the new assignment.
    call.tenant.jobs.settle(call.now)
    assignment = call.tenant.assignments.add(entry, body["principalId"], body["appRoleId"], call.now)
    call.tenant.jobs.touch(entry.id, call.now)
    context = call.context(f"servicePrincipals('{entry.id}')/appRoleAssignedTo/$entity")
    return Answer(201, {"@odata.context": context, **_render(call, assignment)})


def _resource(call: Call) -> Entry:
    """The service principal; for one that is not replicated, the error differs from that of a read."""
    try:
        return call.entry("servicePrincipal")
    except GraphProblem as problem:
        if problem.status == 404 and call.parameters["id"].lower() in call.tenant.directory.live["servicePrincipal"]:
            raise bad_request(
                "Not a valid reference update: the object does not reference a valid application object."
            ) from None
        raise


def unassign(call: Call) -> Answer:
    """Delete an assignment."""
    entry = call.entry("servicePrincipal")
    call.tenant.assignments.remove(entry, call.parameters["assignmentId"])
    call.tenant.jobs.touch(entry.id, call.now)
    return Answer(204)


def list_owners(call: Call, kind: Kind) -> Answer:
    """The owners of the object."""
    allow_options(call.options, ("$top", "$skiptoken", "$select"))
    owners = []
    for owner in call.entry(kind).owners:
        found = call.tenant.people.find(owner)
        # An owner that is no user is the application of a token, of which only the id is known here.
        value = found[1] if found else {"id": owner}
        name = "user" if found else "servicePrincipal"
        owners.append({"@odata.type": f"#microsoft.graph.{name}", **_shown(value, None)})
    return build_page(call, "directoryObjects", owners)


def add_owner(call: Call, kind: Kind) -> Answer:
    """Add a user as owner."""
    reference = call.body.get("@odata.id") if isinstance(call.body, dict) else None
    if not isinstance(reference, str):
        raise bad_request("The request body must contain '@odata.id'.")
    owner = reference.rstrip("/").rpartition("/")[2].lower()
    entry = call.entry(kind, change=True)
    if call.tenant.people.users.get(owner) is None:
        raise not_found(owner)
    if owner in entry.owners:
        raise bad_request(
            "One or more added object references already exist for the following modified properties: 'owners'."
        )
    entry.owners.append(owner)
    return Answer(204)


def remove_owner(call: Call, kind: Kind) -> Answer:
    """Remove an owner."""
    entry = call.entry(kind, change=True)
    owner = call.parameters["ownerId"].lower()
    if owner not in entry.owners:
        raise not_found(owner)
    entry.owners.remove(owner)
    return Answer(204)
