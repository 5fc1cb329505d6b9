"""How a run reports its progress to its caller."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

NOTE = "note"
"""The phase of what is no progress, but has to be known."""

STEP = "step"
"""The phase of an instance that has come to its next step, which `text` names."""


@dataclass(frozen=True)
class Progress:
    """One thing that happened: a step of an instance began, or an instance, or a sweep, is through."""

    phase: str
    done: int
    total: int
    text: str = ""
    key: str = ""
    """The instance it is about."""


Listener = Callable[[Progress], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def watch_progress(listener: Listener) -> Iterator[None]:
    """Report the progress of the flows that run inside to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report_progress(progress: Progress) -> None:
    """Tell the listener, if there is one."""
    listener = _listener.get()
    if listener is not None:
        listener(progress)


def note(text: str) -> None:
    """Tell the listener, if there is one, what has to be known whatever comes of the run."""
    report_progress(Progress(NOTE, 0, 0, text))
