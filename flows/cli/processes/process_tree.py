"""The descendants of a process, whatever session they are in."""

import time
from contextlib import suppress

import psutil

_POLL_SECONDS = 0.05
_DYING_SECONDS = 2.0


def descendants(pid: int, known: frozenset[psutil.Process] = frozenset()) -> frozenset[psutil.Process]:
    """Return the descendants of a process that are running.

    Args:
        pid: The process.
        known: Its descendants so far: once it has ended, they have another parent.
    """
    found: set[psutil.Process] = set()
    with suppress(psutil.NoSuchProcess):
        found.update(psutil.Process(pid).children(recursive=True))
    # Each look for children reads the whole table of processes: not again for those that were found as one's children.
    for orphan in known - found:
        found.add(orphan)
        with suppress(psutil.NoSuchProcess):
            found.update(orphan.children(recursive=True))
    return frozenset(filter(is_running, found))


def is_running(process: psutil.Process) -> bool:
    """Return whether a process is running; one that has ended and is not yet reaped is not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end_all(family: frozenset[psutil.Process], patience_seconds: float) -> None:
    """Terminate the processes that are still running, and kill them after a wait."""
    for end, seconds in ((psutil.Process.terminate, patience_seconds), (psutil.Process.kill, _DYING_SECONDS)):
        for process in filter(is_running, family):
            # psutil compares the start time first: a later process with the same pid is left alone.
            with suppress(psutil.NoSuchProcess):
                end(process)
        # Not psutil.wait_procs, which waits for zombies, and those that have lost their parent may never be reaped.
        deadline = time.monotonic() + seconds
        while any(map(is_running, family)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
