"""App role assignments: who may use an application.

https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignedto
"""

from typing import Any

from graph_emulator.clock import write_moment
from graph_emulator.directory.directory import Entry
from graph_emulator.directory.people import People
from graph_emulator.directory.replication import arrivals, has_arrived
from graph_emulator.identifiers import opaque_id
from graph_emulator.settings import EmulatorSettings
from graph_emulator.wire.problems import bad_request, not_found

DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"


class Assignments:
    """The assignments of every service principal."""

    def __init__(self, settings: EmulatorSettings, people: People) -> None:
        self._settings = settings
        self._people = people
        self._by_resource: dict[str, list[dict[str, Any]]] = {}
        self._arrivals: dict[str, tuple[float, ...]] = {}

    def of(self, resource_id: str) -> list[dict[str, Any]]:
        """The assignments of one service principal."""
        return self._by_resource.get(resource_id, [])

    def seen(self, resource_id: str, replica: int, now: float) -> list[dict[str, Any]]:
        """The assignments that a replica has heard of."""
        found = self.of(resource_id)
        return [a for a in found if has_arrived(self._arrivals.get(a["id"], ()), replica, now)]

    def all(self) -> dict[str, list[dict[str, Any]]]:
        """The assignments by service principal."""
        return self._by_resource

    def add(self, resource: Entry, principal_id: str, role_id: str, now: float) -> dict[str, Any]:
        """Assign a user or group to a role.

        Raises:
            GraphProblem: 404, nobody of this id; 400, no such role, or assigned already.
        """
        principal_id, role_id = principal_id.lower(), role_id.lower()
        principal = self._people.find(principal_id)
        if principal is None:
            raise not_found(principal_id)
        roles = {role["id"] for role in resource.value["appRoles"]} or {DEFAULT_ACCESS}
        if role_id not in roles:
            raise bad_request(f"Permission being assigned was not found on application '{resource.value['appId']}'.")
        existing = self._by_resource.setdefault(resource.id, [])
        if any((a["principalId"], a["appRoleId"]) == (principal_id, role_id) for a in existing):
            raise bad_request(
                "Permission being assigned already exists on the object", self._settings.duplicate_assignment_code
            )
        kind, value = principal
        assignment = {
            "id": opaque_id(self._settings.seed, resource.id, principal_id, role_id),
            "deletedDateTime": None,
            "appRoleId": role_id,
            "createdDateTime": write_moment(now),
            "principalDisplayName": value["displayName"],
            "principalId": principal_id,
            "principalType": kind,
            "resourceDisplayName": resource.value["displayName"],
            "resourceId": resource.id,
        }
        existing.append(assignment)
        if lag := self._settings.change_lag_seconds:
            self._arrivals[assignment["id"]] = arrivals(self._settings.seed, assignment["id"], now, lag)
        return assignment

    def remove(self, resource: Entry, assignment_id: str) -> None:
        """Take an assignment back; one that does not exist is a 404."""
        existing = self._by_resource.get(resource.id, [])
        kept = [assignment for assignment in existing if assignment["id"] != assignment_id]
        if len(kept) == len(existing):
            raise not_found(assignment_id)
        self._by_resource[resource.id] = kept
