"""What resources send their calls through: a session, or one whose reads share requests."""

from __future__ import annotations

from typing import Any, Protocol

from .call import Call
from .fresh_objects import FreshObjects
from .settings import GraphSettings

__all__ = ["Sender"]


class Sender(Protocol):
    """Sends calls and decodes their answers."""

    @property
    def settings(self) -> GraphSettings:
        """Where Graph is, page sizes, time limits."""

    @property
    def fresh_objects(self) -> FreshObjects:
        """What was created minutes ago."""

    async def request(self, call: Call) -> Any:
        """The decoded answer of a call: a dict, or None where nothing is expected.

        Raises:
            GraphError: see the tree in `errors`.
        """
