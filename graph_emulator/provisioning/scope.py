"""Who a job provisions: everybody, or those who are assigned to the application."""

import json
from dataclasses import dataclass
from typing import Any

from graph_emulator.directory.people import People

Subject = tuple[str, dict[str, Any]]


def in_scope(people: People, assignments: list[dict[str, Any]], *, everybody: bool) -> dict[str, Subject]:
    """The users and groups in scope by id; members of an assigned group count, nested groups do not."""
    if everybody:
        return {
            **{id_: ("User", user) for id_, user in people.users.items()},
            **{id_: ("Group", group) for id_, group in people.groups.items()},
        }
    found: dict[str, Subject] = {}
    for assignment in assignments:
        subject = people.find(assignment["principalId"])
        if subject is None:
            continue
        found[assignment["principalId"]] = subject
        for member in people.members.get(assignment["principalId"], ()):
            found.setdefault(member, ("User", people.users[member]))
    return found


def wants_everybody(secrets: dict[str, str]) -> bool:
    """`SyncAll` lies among the secrets; without it the assigned ones are synchronized."""
    return secrets.get("SyncAll", "").lower() == "true"


@dataclass(frozen=True, slots=True)
class DeletionRules:
    """What happens to those who leave the scope."""

    skip: bool
    threshold: int | None

    @classmethod
    def of(cls, secrets: dict[str, str]) -> "DeletionRules":
        """The rules among the secrets; notification settings are JSON in a string."""
        skip = secrets.get("SkipOutOfScopeDeletions", "").lower() == "true"
        try:
            settings = json.loads(secrets.get("SyncNotificationSettings") or "{}")
        except ValueError:
            settings = {}
        threshold = None
        if isinstance(settings, dict) and settings.get("DeleteThresholdEnabled") is True:
            value = settings.get("DeleteThresholdValue")
            threshold = value if isinstance(value, int) else 500
        return cls(skip, threshold)
