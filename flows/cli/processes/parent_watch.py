"""Runs a module as a program that ends when its parent does.

Usage: `python -m flows.cli.processes.parent_watch MODULE ARGUMENT …`.

The parent holds the other end of standard input. However it ends, even by SIGKILL, the pipe closes, so that none of
its children is left behind.
"""

import os
import runpy
import signal
import sys
import threading

_STANDARD_INPUT = 0
_CHUNK = 1024


def _end_with_parent() -> None:
    # Unbuffered: a program that exits would trip over the lock of a buffer that is being read.
    while os.read(_STANDARD_INPUT, _CHUNK):
        pass
    # A signal and not an exit: the program gets the chance to stop what it has started.
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Watch standard input in a thread, and run the module named first."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
