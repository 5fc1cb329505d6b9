"""Ctrl-C and SIGTERM: at first an interruption, then a wish to stop, at last nothing that could stop the stopping."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether somebody wants it to end."""

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._settled = False

    def wait(self, seconds: float) -> bool:
        """Wait for a while; return whether it is to end."""
        return self._wanted.wait(seconds)

    def settle(self) -> None:
        """From here on a signal interrupts nothing, and `wait` tells of it."""
        self._settled = True

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Take a signal."""
        again = self._wanted.is_set()
        self._wanted.set()
        if not (self._settled or again):
            raise KeyboardInterrupt


@contextmanager
def until_stop_requested() -> Iterator[StopRequest]:
    """Yield what both signals set; the first one interrupts what has not settled."""
    stop = StopRequest()
    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
