"""How long the steps wait for a tenant that is not yet of one mind."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class WaitLimits:
    """Bounds of waiting; every wait has one.

    Args:
        lookup_seconds: How long to look for what an unanswered request may have made, before it is repeated.
        ready_seconds: How long a new application may take to show everywhere.
        interval_seconds: The first pause between two looks; later ones grow.
        good_reads: How many reads in favour count as proof.
        second_look_seconds: How long to wait at least before what a second run may have made is looked for again.
    """

    lookup_seconds: float = 30.0
    ready_seconds: float = 600.0
    interval_seconds: float = 0.5
    good_reads: int = 2
    second_look_seconds: float = 1.0


_DEFAULT = WaitLimits()
_current: ContextVar[WaitLimits] = ContextVar("patience", default=_DEFAULT)


def wait_limits() -> WaitLimits:
    """Return the bounds that hold here."""
    return _current.get()


@contextmanager
def use_wait_limits(bounds: WaitLimits) -> Iterator[None]:
    """Wait by other bounds for a while, for a tenant whose lag is known."""
    token = _current.set(bounds)
    try:
        yield
    finally:
        _current.reset(token)
