"""The seeded users and groups of the tenant, and their assignments to applications."""

from typing import Any

from graph_emulator.clock import guid, opaque_id, share, write_moment
from graph_emulator.directory.directory import Entry, arrivals, has_arrived
from graph_emulator.settings import EmulatorSettings
from graph_emulator.wire.problems import bad_request, not_found


def _split_names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GIVEN = _split_names(
    """Adele Alex Bianca Christie Diego Debra Enrico Emily Grady Henrietta Isaiah Irvin Johanna Joni Lee Lidia
    Lynne Megan Miriam Nestor Patti Pradeep René Zoë"""
)
SURNAMES = _split_names(
    """Vance Wilber Pisani Cline Siciliani Berger Cattaneo Braun Archie Mueller Langer Sayers Lorenz Sherman Gu
    Holloway Robbins Bowen Graham Wilke Fernandez Gupta O'Neill Müller"""
)
GROUP_NAMES = (
    "Self-service Pilot",
    "DBX-PROD-USERS",
    "DBX-DEV-USERS",
    "AWS-ADMINS",
    "AWS-READONLY",
    "BOX-EVERYONE",
    "SNOWFLAKE-ANALYSTS",
    "SG-Engineering",
    "SG-Finance",
    "SG-HR",
    "SG-Contractors",
    "SG-All Staff",
)


class People:
    """Users and groups by id, with the members of each group."""

    def __init__(self, settings: EmulatorSettings) -> None:
        seed, groups = settings.seed, settings.groups
        self.users = {u["id"]: u for u in (self._user(seed, n, settings.domain) for n in range(settings.users))}
        self.groups = {group["id"]: group for group in (self._group(seed, n) for n in range(groups))}
        self.members = {
            group: [user for user in self.users if share(seed, group, user) < 0.25] for group in self.groups
        }
        self.home_tenants: dict[str, str] = {}
        """The tenant that each guest was synchronized from."""
        self.deleted: dict[str, dict[str, Any]] = {}
        """The guests in the recycle bin."""

    @staticmethod
    def _user(seed: int, number: int, domain: str) -> dict[str, Any]:
        given = GIVEN[number % len(GIVEN)]
        # 7 and the number of surnames have no common divisor, so that names repeat late.
        surname = SURNAMES[(number * 7 + number // len(GIVEN)) % len(SURNAMES)]
        # Addresses get no accents; the number keeps them apart.
        plain = "".join(c for c in f"{given}{surname[0]}" if c.isascii() and c.isalnum())
        return {
            "id": guid(seed, "user", number),
            "displayName": f"{given} {surname}",
            "givenName": given,
            "surname": surname,
            "userPrincipalName": f"{plain}{number}@{domain}",
            "mail": f"{plain}{number}@{domain}",
            "accountEnabled": share(seed, "enabled", number) >= 0.06,  # some are disabled, and skipped by cycles
            "department": ("Sales", "Engineering", "Finance", "HR")[number % 4],
            "jobTitle": ("Engineer", "Analyst", "Manager", None)[number % 4],  # optional attributes may be null
            "businessPhones": [],
            "mobilePhone": None,
            "officeLocation": None,
            "preferredLanguage": None,
            "userType": "Member",
            "creationType": None,
            "externalUserState": None,
            "externalUserStateChangeDateTime": None,
        }

    @staticmethod
    def _group(seed: int, number: int) -> dict[str, Any]:
        name = GROUP_NAMES[number] if number < len(GROUP_NAMES) else f"SG-Team {number:03d}"
        return {
            "id": guid(seed, "group", number),
            "displayName": name,
            "description": None,
            "mail": None,
            "mailEnabled": False,
            "mailNickname": guid(seed, "nickname", number),
            "securityEnabled": True,
            "groupTypes": [],
            "createdDateTime": "2024-05-06T07:08:09Z",
        }

    def find(self, identifier: str) -> tuple[str, dict[str, Any]] | None:
        """The type and the object for the id of a user or group."""
        if user := self.users.get(identifier):
            return "User", user
        if group := self.groups.get(identifier):
            return "Group", group
        return None

    def user_named(self, principal_name: str) -> dict[str, Any] | None:
        """The user with a principal name."""
        wanted = principal_name.lower()
        return next((u for u in self.users.values() if u["userPrincipalName"].lower() == wanted), None)

    def delete_user(self, identifier: str) -> None:
        """Move a guest to the recycle bin."""
        self.deleted[identifier] = self.users.pop(identifier)

    def restore_user(self, identifier: str) -> None:
        """Restore a guest from the recycle bin."""
        self.users[identifier] = self.deleted.pop(identifier)


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
        """The assignments that a replica has received."""
        found = self.of(resource_id)
        return [a for a in found if has_arrived(self._arrivals.get(a["id"], ()), replica, now)]

    def all(self) -> dict[str, list[dict[str, Any]]]:
        """The assignments by service principal."""
        return self._by_resource

    def add(self, resource: Entry, principal_id: str, role_id: str, now: float) -> dict[str, Any]:
        """Assign a user or group to a role.

        Raises:
            GraphProblem: 404, no such user or group; 400, no such role, or already assigned.
        """
        principal_id, role_id = principal_id.lower(), role_id.lower()
        principal = self._people.find(principal_id)
        if principal is None:
            raise not_found(principal_id)
        # An application without roles is assigned with the all-zero id of the default access.
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
            # Reads may lag behind writes (documented), so a new assignment is missing on some replicas.
            self._arrivals[assignment["id"]] = arrivals(self._settings.seed, assignment["id"], now, lag)
        return assignment

    def remove(self, resource: Entry, assignment_id: str) -> None:
        """Delete an assignment; 404 if it does not exist."""
        existing = self._by_resource.get(resource.id, [])
        kept = [assignment for assignment in existing if assignment["id"] != assignment_id]
        if len(kept) == len(existing):
            raise not_found(assignment_id)
        self._by_resource[resource.id] = kept
