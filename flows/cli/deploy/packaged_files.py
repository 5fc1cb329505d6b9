"""Files that come with the program: in a clone at its top, in an installed package inside `flows`."""

from pathlib import Path

import flows

_PACKAGE = Path(flows.__file__).parent


def find_packaged_file(name: str) -> Path:
    """Return where a file or directory is that a clone has under this name."""
    installed = _PACKAGE / "shipped"
    return (installed if installed.is_dir() else _PACKAGE.parent) / name
