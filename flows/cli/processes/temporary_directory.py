"""Directories for the duration of one command, removed by the next command if it was killed."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

_PREFIX = "entra-fleet-"
_LOCK = "in-use.lock"


@contextmanager
def temporary_directory(name: str = "") -> Iterator[Path]:
    """Yield a directory that is removed at the end; remove those of killed commands first.

    Args:
        name: A part of its name.
    """
    _remove_leftovers()
    prefix = _PREFIX + (f"{name}-" if name else "")
    with TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as made:
        directory = Path(made)
        part = directory / f"{_LOCK}.part"
        with part.open("w") as lock:
            # Locked before it gets its name: a command starting now would take it for an abandoned one.
            fcntl.flock(lock, fcntl.LOCK_EX)
            part.rename(directory / _LOCK)
            yield directory


def _remove_leftovers() -> None:
    """Remove this user's directories whose process has ended and whose lock is therefore free."""
    for lock in Path(gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        # Another user's, or already gone.
        with suppress(OSError):
            if lock.lstat().st_uid == os.getuid() and not _is_held(lock):
                shutil.rmtree(lock.parent, ignore_errors=True)


def _is_held(path: Path) -> bool:
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
