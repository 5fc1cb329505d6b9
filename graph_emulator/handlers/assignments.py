"""App role assignments and owners of a service principal.

https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignedto
https://learn.microsoft.com/graph/api/serviceprincipal-post-owners
"""

from typing import Any

from graph_emulator.directory.directory import Entry, Kind
from graph_emulator.handlers.call import Answer, Call
from graph_emulator.handlers.pages import build_page
from graph_emulator.wire.bodies import take
from graph_emulator.wire.problems import GraphProblem, bad_request, not_found
from graph_emulator.wire.query_options import allow_options

REQUIRED = ("principalId", "resourceId", "appRoleId")


def _render(call: Call, assignment: dict[str, Any]) -> dict[str, Any]:
    """Beta calls the moment by another name."""
    if not call.is_beta:
        return assignment
    beta = {name: value for name, value in assignment.items() if name != "createdDateTime"}
    return {**beta, "creationTimestamp": assignment["createdDateTime"]}


def list_all(call: Call) -> Answer:
    """Who is assigned to the service principal."""
    allow_options(call.options, ("$top", "$skiptoken"))
    entry = call.entry("servicePrincipal")
    found = call.tenant.assignments.seen(entry.id, call.replica, call.now)
    return build_page(
        call, f"servicePrincipals('{entry.id}')/appRoleAssignedTo", [_render(call, assignment) for assignment in found]
    )


def add(call: Call) -> Answer:
    """Assign somebody; doing it twice is refused."""
    body = take(call.body, dict.fromkeys(REQUIRED, "string"), required=REQUIRED)
    entry = _resource(call)
    if body["resourceId"].lower() != entry.id:
        raise bad_request("The resourceId does not match the service principal of the request.")
    call.tenant.jobs.settle(call.now)
    assignment = call.tenant.assignments.add(entry, body["principalId"], body["appRoleId"], call.now)
    call.tenant.jobs.touch(entry.id, call.now)
    context = call.context(f"servicePrincipals('{entry.id}')/appRoleAssignedTo/$entity")
    return Answer(201, {"@odata.context": context, **_render(call, assignment)})


def _resource(call: Call) -> Entry:
    """The service principal; one that has not replicated is refused in other words than by a read."""
    try:
        return call.entry("servicePrincipal")
    except GraphProblem as problem:
        if problem.status == 404 and call.parameters["id"].lower() in call.tenant.directory.live["servicePrincipal"]:
            raise bad_request(
                "Not a valid reference update: the object does not reference a valid application object."
            ) from None
        raise


def remove(call: Call) -> Answer:
    """Take an assignment back."""
    entry = call.entry("servicePrincipal")
    call.tenant.assignments.remove(entry, call.parameters["assignmentId"])
    call.tenant.jobs.touch(entry.id, call.now)
    return Answer(204)


def list_owners(call: Call, kind: Kind) -> Answer:
    """Who owns the object."""
    allow_options(call.options, ("$top", "$skiptoken", "$select"))
    owners = []
    for owner in call.entry(kind).owners:
        found = call.tenant.people.find(owner)
        value = found[1] if found else {"id": owner}
        name = "user" if found else "servicePrincipal"
        owners.append({"@odata.type": f"#microsoft.graph.{name}", **value})
    return build_page(call, "directoryObjects", owners)


def add_owner(call: Call, kind: Kind) -> Answer:
    """Make a user an owner."""
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
    """Take ownership back."""
    entry = call.entry(kind, change=True)
    owner = call.parameters["ownerId"].lower()
    if owner not in entry.owners:
        raise not_found(owner)
    entry.owners.remove(owner)
    return Answer(204)
