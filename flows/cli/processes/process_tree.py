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
    found = {process for process in known if is_running(process)}
    parents = list(found)
    with suppress(psutil.NoSuchProcess):
        parents.append(psutil.Process(pid))
    for parent in parents:
        with suppress(psutil.NoSuchProcess):
            found.update(filter(is_running, parent.children(recursive=True)))
    return frozenset(found)


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
