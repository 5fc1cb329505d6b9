"""user and group: whom an application is assigned to.

https://learn.microsoft.com/graph/api/resources/user
https://learn.microsoft.com/graph/api/resources/group
"""

from __future__ import annotations

from .resource import Entity

__all__ = ["Group", "User"]


class User(Entity):
    """A user."""

    display_name: str | None = None


class Group(Entity):
    """A group."""

    display_name: str | None = None
