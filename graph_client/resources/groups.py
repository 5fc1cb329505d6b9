"""Groups.

https://learn.microsoft.com/graph/api/resources/group
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from graph_client.call import Call, build_path
from graph_client.models.principal import Group, Member
from graph_client.odata import options
from graph_client.reading import items, read
from graph_client.sender import Sender

__all__ = ["Groups"]


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
