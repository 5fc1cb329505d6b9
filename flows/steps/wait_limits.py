"""Timeouts for directory replication."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class WaitLimits:
    """Limits on waiting; every wait has one.

    Args:
        lookup_seconds: How long to look for the result of an unanswered request before it is repeated.
        ready_seconds: How long a new application may take to appear on all replicas.
        interval_seconds: The first pause between checks; later ones grow.
        good_reads: How many consistent reads count as proof.
        second_look_seconds: Minimum wait before checking again for what another run may have created.
    """

    lookup_seconds: float = 30.0
    ready_seconds: float = 600.0
    interval_seconds: float = 0.5
    good_reads: int = 2
    second_look_seconds: float = 1.0


_DEFAULT = WaitLimits()
_current: ContextVar[WaitLimits] = ContextVar("patience", default=_DEFAULT)


def wait_limits() -> WaitLimits:
    """Return the current limits."""
    return _current.get()


@contextmanager
def use_wait_limits(bounds: WaitLimits) -> Iterator[None]:
    """Use other limits inside the context, for a tenant whose lag is known."""
    token = _current.set(bounds)
    try:
        yield
    finally:
        _current.reset(token)
