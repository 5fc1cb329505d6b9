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


CHILD_SECONDS = 30.0
"""How long a child process is really waited for before time passes."""


class _Leaping(selectors.DefaultSelector):
    def __init__(self, quick_time):
        super().__init__()
        self._time = quick_time
        self.children = []

    def select(self, timeout=None):
        self.children = [child for child in self.children if child.get_returncode() is None]
        # A child takes real time: without this, a limit of minutes is over before a busy machine has started it.
        found = super().select(CHILD_SECONDS if self.children and timeout != 0 else 0)
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
        self._leaping = _Leaping(quick_time)
        super().__init__(self._leaping)

    async def _make_subprocess_transport(self, *arguments, **options):
        child = await super()._make_subprocess_transport(*arguments, **options)
        self._leaping.children.append(child)
        return child

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
