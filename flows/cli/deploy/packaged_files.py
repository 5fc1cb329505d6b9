"""Files that ship with the program: at the top of a clone, or inside `flows` in an installed package."""

from pathlib import Path

import flows

_PACKAGE = Path(flows.__file__).parent


def find_packaged_file(name: str) -> Path:
    """Return the path of a file or directory that a clone has under this name."""
    installed = _PACKAGE / "shipped"
    return (installed if installed.is_dir() else _PACKAGE.parent) / name
