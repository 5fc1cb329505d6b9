"""Runs a module as a program that ends when its parent does.

Usage: `python -m flows.cli.processes.parent_watch MODULE ARGUMENT …`.

The parent holds the other end of standard input. However it ends, even by SIGKILL, the pipe closes, so that none of
its children is left behind. A program that does not end when asked is killed, with what it has started.
"""

import os
import runpy
import signal
import sys
import threading
import time

STOP_SECONDS = 30.0

_STANDARD_INPUT = 0
_CHUNK = 1024


def _end_with_parent() -> None:
    # Unbuffered: a program that exits would trip over the lock of a buffer that is being read.
    while os.read(_STANDARD_INPUT, _CHUNK):
        pass
    # A signal and not an exit: the program gets the chance to stop what it has started.
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    # Prefect's worker, once its server has gone too, may wait forever for a task group that it has cancelled, and
    # spins: the parent that would have killed it is no longer there.
    # Imported now, so that programs which end when asked never load psutil.
    from flows.cli.processes.process_tree import descendants, end_all

    end_all(descendants(os.getpid()), 0)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Watch standard input in a thread, and run the module named first."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
