"""Users and groups.

https://learn.microsoft.com/graph/api/resources/user
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from graph_client.call import Call, build_path
from graph_client.models.service_principal import Group, Member, User
from graph_client.protocol import options, text_literal
from graph_client.reading import items, read
from graph_client.session import Sender

__all__ = ["Groups", "Users"]


class Users:
    """Reads users, and counts them."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    async def get(self, user_id: str, *, select: Sequence[str] | None = None) -> User:
        """One user, by object id or user principal name."""
        return await read(self._session, Call.get(build_path("users", user_id), options(select=select)), User)

    def named(
        self, display_name: str, *, select: Sequence[str] | None = None, top: int | None = None
    ) -> AsyncIterator[User]:
        """The users with an exact display name.

        https://learn.microsoft.com/graph/api/user-list
        """
        wanted = f"displayName eq {text_literal(display_name)}"
        return items(self._session, Call.get("/users", options(filter=wanted, select=select, top=top)), User)

    async def count(self, filter: str = "") -> int:  # noqa: A002  # OData says $filter
        """How many users a filter selects, or exist; may lag behind changes.

        https://learn.microsoft.com/graph/api/user-list
        """
        call = Call.count("/users/$count")
        return int(await self._session.request(replace(call, query=options(filter=filter or None))))


class Groups:
    """Reads groups, and counts their members."""

    def __init__(self, session: Sender) -> None:
        self._session = session

    async def get(self, group_id: str, *, select: Sequence[str] | None = None) -> Group:
        """One group, by object id."""
        return await read(self._session, Call.get(build_path("groups", group_id), options(select=select)), Group)

    def members(self, group_id: str, *, top: int | None = None) -> AsyncIterator[Member]:
        """The direct members of a group.

        https://learn.microsoft.com/graph/api/group-list-members
        """
        path = build_path("groups", group_id, "members")
        return items(self._session, Call.get(path, options(select=("id", "displayName"), top=top)), Member)

    async def member_count(self, group_id: str) -> int:
        """How many direct members a group has; may lag behind changes.

        https://learn.microsoft.com/graph/api/group-list-members
        """
        return int(await self._session.request(Call.count(build_path("groups", group_id, "members", "$count"))))
