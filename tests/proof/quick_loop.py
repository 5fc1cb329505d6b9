"""An event loop on which waiting takes no time: what sleeps is woken as soon as nothing else can go on."""

import asyncio
import selectors


class QuickTime:
    """Seconds that pass only where somebody would have waited: the same in every run, however slow the machine."""

    def __init__(self):
        self._now = 0.0

    def now(self):
        return self._now

    def leap(self, seconds):
        self._now += seconds


class _Leaping(selectors.DefaultSelector):
    def __init__(self, quick_time):
        super().__init__()
        self._time = quick_time

    def select(self, timeout=None):
        found = super().select(0)
        if found or timeout == 0:
            return found
        if timeout is None:
            raise RuntimeError("everything waits for something that never comes")
        self._time.leap(timeout)
        return found


class QuickLoop(asyncio.SelectorEventLoop):
    """One thread, one order of events, and hours that pass at once."""

    def __init__(self, quick_time):
        self._time = quick_time
        super().__init__(_Leaping(quick_time))

    def time(self):
        return self._time.now()

    def run_in_executor(self, executor, func, *args):
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # whoever awaits it must hear of it
            done.set_exception(error)
        return done


def run(quick_time, coroutine):
    """What a coroutine returns."""
    with asyncio.Runner(loop_factory=lambda: QuickLoop(quick_time)) as runner:
        return runner.run(coroutine)
