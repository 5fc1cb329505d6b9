"""Objects that were created minutes ago: one grace for all that Graph may say of them meanwhile.

Replicas and services learn of a new object one after the other. Until then they answer 404, 403 or 409, and the
synchronization service 401, as if it were not there or not ours:
https://learn.microsoft.com/graph/application-saml-sso-configure-api
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import unquote

from graph_client.retry import Clock

__all__ = ["FreshObjects"]

# A creation that seems to lie in the future by more than a moment was told by another clock than `now`.
_FUTURE_SECONDS = 60.0


class FreshObjects:
    """Knows which objects are new, and how much of their grace is left.

    Args:
        grace_seconds: how long after its creation an object is new.
        clock: monotonic seconds.
        now: the time at Graph.
    """

    def __init__(self, grace_seconds: float, clock: Clock, now: Callable[[], datetime]) -> None:
        self._grace_seconds = grace_seconds
        self._clock = clock
        self._now = now
        self._until: dict[str, float] = {}

    def add(self, *ids: str | None, created_at: datetime | None = None) -> None:
        """Note ids of one object.

        Args:
            ids: its ids; None is ignored.
            created_at: when it was created, by Graph; None for a moment ago.
        """
        age = (self._now() - created_at).total_seconds() if created_at else 0.0
        if -_FUTURE_SECONDS <= age < self._grace_seconds:
            self._note(ids, self._clock() + self._grace_seconds - max(0.0, age))

    def relate(self, known_id: str | None, *ids: str | None) -> None:
        """Note further ids of an object, if it is new."""
        until = self._until.get((known_id or "").lower())
        if until is not None:
            self._note(ids, until)

    def remove(self, path: str) -> None:
        """Forget the object that a path ends in: it was deleted, and what is not there is no longer to come."""
        self._until.pop(_segments(path)[-1], None)

    def seconds_left(self, path: str) -> float:
        """How long answers about what a path names may still mean "not yet"; 0 if nothing in it is new."""
        if not self._until:
            return 0.0
        until = max((self._until.get(segment, 0.0) for segment in _segments(path)), default=0.0)
        return max(0.0, until - self._clock())

    def _note(self, ids: tuple[str | None, ...], until: float) -> None:
        # The oldest come first: what is no longer new need not be kept.
        while self._until and self._until[oldest := next(iter(self._until))] <= self._clock():
            del self._until[oldest]
        self._until |= {each.lower(): until for each in ids if each}


def _segments(path: str) -> list[str]:
    return [unquote(segment).lower() for segment in path.split("?", maxsplit=1)[0].split("/")]
