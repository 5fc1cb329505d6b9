"""The users and groups to provision on demand."""

import re
from dataclasses import dataclass
from typing import Literal

from flows.errors import StepFailed
from graph_client import GraphClient
from graph_client.errors import Forbidden, NotFound, Unauthorized
from graph_client.models import Member, User

Kind = Literal["User", "Group"]

MEMBERS_MAX = 5
"""Members of a group that Graph provisions on demand."""

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FIELDS = ("id", "displayName", "userPrincipalName", "accountEnabled")
_NAMESAKES_SHOWN = 5
_STEP = "find-subject"


@dataclass(frozen=True)
class Subject:
    """A user, or a group with its members."""

    id: str
    kind: Kind
    name: str | None = None
    user_principal_name: str | None = None
    member_ids: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What a person calls it."""
        return self.name or self.user_principal_name or self.id


async def find_user(graph: GraphClient, text: str) -> Subject:
    """Return the user that an object id, a user principal name or a display name means.

    Raises:
        StepFailed: No user matches, or more than one does.
        GraphError: The directory cannot be read.

    Source: https://learn.microsoft.com/graph/api/user-get
    """
    text = text.strip()
    if not (_GUID.fullmatch(text) or "@" in text):
        return await _named(graph, text)
    try:
        return _subject(await graph.users.get(text, select=_FIELDS))
    except NotFound:
        raise _unknown("user", text) from None
    except (Forbidden, Unauthorized):
        if "@" in text:
            raise
        # Provisioning by id needs no permission to read the user.
        return Subject(text.lower(), "User")


async def find_group(graph: GraphClient, group_id: str) -> Subject:
    """Return a group with its members.

    Raises:
        StepFailed: There is no such group, it has too many members, or one that is no user.
        GraphError: The directory cannot be read.

    Source: https://learn.microsoft.com/graph/api/group-list-members
    """
    group_id = group_id.strip()
    if not _GUID.fullmatch(group_id):
        raise _unknown("group", group_id)
    members: list[Member] = []
    try:
        group = await graph.groups.get(group_id, select=("id", "displayName"))
        async for member in graph.groups.members(group_id, top=MEMBERS_MAX + 1):
            members.append(member)
            if len(members) > MEMBERS_MAX:
                raise _too_large(group.display_name or group_id)
    except NotFound:
        raise _unknown("group", group_id) from None
    if others := [each.display_name or each.id for each in members if not each.is_user]:
        raise StepFailed(
            "GroupNested",
            f"The group {group.display_name or group_id} has members that are not users: {', '.join(others)}.",
            "Nested groups are never provisioned: name a group of users, or the users themselves.",
            step=_STEP,
        )
    return Subject(group.id, "Group", group.display_name, member_ids=tuple(each.id for each in members))


async def _named(graph: GraphClient, name: str) -> Subject:
    if not name:
        raise _unknown("user", name)
    found: list[User] = []
    async for user in graph.users.named(name, select=_FIELDS, top=_NAMESAKES_SHOWN + 1):
        found.append(user)
        if len(found) > _NAMESAKES_SHOWN:
            break
    if not found:
        raise _unknown("user", name)
    if len(found) > 1:
        shown = ", ".join(each.user_principal_name or each.id for each in found[:_NAMESAKES_SHOWN])
        more = " …" if len(found) > _NAMESAKES_SHOWN else ""
        raise StepFailed(
            "UserAmbiguous",
            f"Several users have the name {name}: {shown}{more}.",
            "Name one by user principal name or object id.",
            step=_STEP,
        )
    return _subject(found[0])


def _subject(user: User) -> Subject:
    return Subject(user.id, "User", user.display_name, user.user_principal_name)


def _unknown(kind: Literal["user", "group"], text: str) -> StepFailed:
    if kind == "group":
        hint = "Give the object id of a group; the Entra admin center shows it."
        return StepFailed("GroupNotFound", f"The tenant has no group {text!r}.", hint, step=_STEP)
    hint = "Give an object id, a user principal name, or a full display name."
    return StepFailed("UserNotFound", f"The tenant has no user {text!r}.", hint, step=_STEP)


def _too_large(name: str) -> StepFailed:
    return StepFailed(
        "GroupTooLarge",
        f"The group {name} has more than {MEMBERS_MAX} members, the limit for on-demand provisioning.",
        "Try a smaller group, or single users with --user.",
        step=_STEP,
    )
