"""Ctrl-C and SIGTERM: an interruption during startup, a stop request afterwards, and ignored while stopping."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a stop was requested."""

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._settled = False

    def wait(self, seconds: float) -> bool:
        """Wait for a while; return whether a stop was requested."""
        return self._wanted.wait(seconds)

    def settle(self) -> None:
        """Treat signals as stop requests for `wait` from here on, not as interruptions."""
        self._settled = True

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        again = self._wanted.is_set()
        self._wanted.set()
        if not (self._settled or again):
            raise KeyboardInterrupt


@contextmanager
def until_stop_requested() -> Iterator[StopRequest]:
    """Yield the stop request that both signals set; the first signal interrupts startup."""
    stop = StopRequest()
    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
