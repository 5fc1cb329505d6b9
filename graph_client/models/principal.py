"""user and group: whom an application is assigned to.

https://learn.microsoft.com/graph/api/resources/user
https://learn.microsoft.com/graph/api/resources/group
"""

from __future__ import annotations

from pydantic import Field

from .resource import Entity

__all__ = ["Group", "Member", "User"]


class User(Entity):
    """A user."""

    display_name: str | None = None
    user_principal_name: str | None = None
    account_enabled: bool | None = None


class Group(Entity):
    """A group."""

    display_name: str | None = None


class Member(Entity):
    """A member of a group: a user, a group or something else."""

    display_name: str | None = None
    odata_type: str | None = Field(default=None, alias="@odata.type")

    @property
    def is_user(self) -> bool:
        """Whether it is a user; one whose kind is not told counts as one."""
        return self.odata_type is None or self.odata_type.lower().endswith(".user")
