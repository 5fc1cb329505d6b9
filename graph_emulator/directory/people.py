"""The seeded people of the tenant: users and groups, which fleets assign and jobs provision."""

from typing import Any

from graph_emulator.identifiers import guid, share


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

    def __init__(self, seed: int, users: int, groups: int) -> None:
        self.users = {user["id"]: user for user in (self._user(seed, n) for n in range(users))}
        self.groups = {group["id"]: group for group in (self._group(seed, n) for n in range(groups))}
        self.members = {
            group: [user for user in self.users if share(seed, group, user) < 0.25] for group in self.groups
        }

    @staticmethod
    def _user(seed: int, number: int) -> dict[str, Any]:
        given = GIVEN[number % len(GIVEN)]
        surname = SURNAMES[(number * 7 + number // len(GIVEN)) % len(SURNAMES)]
        plain = "".join(c for c in f"{given}{surname[0]}" if c.isascii() and c.isalnum())
        return {
            "id": guid(seed, "user", number),
            "displayName": f"{given} {surname}",
            "givenName": given,
            "surname": surname,
            "userPrincipalName": f"{plain}{number}@contoso.example",
            "mail": f"{plain}{number}@contoso.example",
            "accountEnabled": share(seed, "enabled", number) >= 0.06,
            "department": ("Sales", "Engineering", "Finance", "HR")[number % 4],
            "jobTitle": ("Engineer", "Analyst", "Manager", None)[number % 4],
            "businessPhones": [],
            "mobilePhone": None,
            "officeLocation": None,
            "preferredLanguage": None,
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
        """The kind and the object of an id: a user or a group."""
        if user := self.users.get(identifier):
            return "User", user
        if group := self.groups.get(identifier):
            return "Group", group
        return None

    def user_named(self, principal_name: str) -> dict[str, Any] | None:
        """The user of a principal name."""
        wanted = principal_name.lower()
        return next((u for u in self.users.values() if u["userPrincipalName"].lower() == wanted), None)
