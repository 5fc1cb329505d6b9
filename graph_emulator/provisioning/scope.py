"""The scope of a job: all users and groups, or those assigned to the application."""

import json
from dataclasses import dataclass
from typing import Any

from graph_emulator.directory.people import People

Subject = tuple[str, dict[str, Any]]


def in_scope(people: People, assignments: list[dict[str, Any]], *, all_in_scope: bool) -> dict[str, Subject]:
    """The users and groups in scope by id; members of an assigned group count, nested groups do not."""
    if all_in_scope:
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


def syncs_all(secrets: dict[str, str]) -> bool:
    """Whether all are in scope: the secret `SyncAll`; by default only the assigned ones are."""
    return secrets.get("SyncAll", "").lower() == "true"


@dataclass(frozen=True, slots=True)
class DeletionRules:
    """What happens to users and groups that leave the scope."""

    skip: bool
    threshold: int | None

    @classmethod
    def of(cls, secrets: dict[str, str]) -> "DeletionRules":
        """The rules, which are stored as secrets; notification settings are JSON in a string."""
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
