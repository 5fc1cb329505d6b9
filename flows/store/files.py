"""The file of an SQLite store, readable only by its owner."""

import os
from pathlib import Path


def ensure_private(path: Path) -> None:
    """Create the file (0600) and its directory (0700) if they are missing; existing ones keep their mode.

    Raises:
        OSError: It cannot be made or opened for writing.
    """
    # An existing directory may be shared on purpose, so only a new one is closed to others.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def is_writable(path: Path) -> bool:
    """Return whether this user may write to a file and create others beside it, as SQLite does."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
