"""The files of a fleet: reading them within limits, by file name extension."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

from flows.documents.errors import Lines, Place, format_refusal
from flows.documents.nodes import Entry
from flows.documents.readers import read_csv, read_json, read_yaml

FILE_BYTES_MAX = 20_000_000
FILES_MAX = 1_000
BOM = b"\xef\xbb\xbf"


class Sources:
    """Reads the files of one fleet and records what was read."""

    def __init__(self) -> None:
        self.seen: set[Path] = set()
        self._digests: list[tuple[Path, str]] = []
        self._shared: dict[Path, Entry] = {}

    def read(self, path: Path) -> Entry:
        """The values of a file; `.csv` is CSV, `.json` is JSON, anything else is YAML.

        Raises:
            FleetFileError: it cannot be read, is too large, or is malformed.
        """
        file = str(path)
        if len(self._digests) == FILES_MAX:
            what = f"exceeds the limit of {FILES_MAX:,} files per fleet"
            raise format_refusal(Place(file), what, "Merge files, or correct the patterns under include.")
        content = self._content(path)
        self.seen.add(path.resolve())
        # Of the bytes that were read: the file may change while it is used.
        self._digests.append((path, hashlib.sha256(content).hexdigest()))
        text = _text(content, file)
        suffix = path.suffix.lower()
        if suffix == ".csv":
            return read_csv(text, file)
        return read_json(text, file) if suffix == ".json" else read_yaml(text, file)

    def read_shared(self, path: Path) -> Entry:
        """The values of a file that instances name, read once however many do; errors as for `read`."""
        name = path.resolve()
        if name not in self._shared:  # a thousand instances may share one file
            self._shared[name] = self.read(path)
        return self._shared[name]

    @property
    def sha256(self) -> str:
        """The digest of a single file, or of the list that `sha256sum` prints in the folder of the first."""
        (first, digest), *others = self._digests
        if not others:
            return digest
        folder = first.parent
        # The form of `sha256sum`, so that a person can check it with that.
        listed = [
            f"{digest}  {path.relative_to(folder) if path.is_relative_to(folder) else path}\n"
            for path, digest in self._digests
        ]
        return hashlib.sha256("".join(listed).encode("utf-8", "surrogateescape")).hexdigest()

    def _content(self, path: Path) -> bytes:
        place = Place(str(path))
        try:
            # A pipe or a device may never end, and opening one may block forever.
            if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
                raise format_refusal(
                    place, "is not a regular file", "Write the fleet to a regular file, and name that."
                )
            with path.open("rb") as file:
                # One byte more, to distinguish a file of exactly the limit from a larger one.
                content = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            raise format_refusal(place, "no such file", "Check the path, or create the file.") from None
        except IsADirectoryError:
            raise format_refusal(place, "is a directory", "Name the fleet file inside it.") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            advice = "Check the path, and that this process may read it."
            raise format_refusal(place, f"cannot be read: {reason}", advice) from None
        if len(content) > FILE_BYTES_MAX:
            what = f"is larger than {FILE_BYTES_MAX // 1_000_000} MB"
            raise format_refusal(place, what, "Split the fleet, or check that this is the right file.")
        return content


def _text(content: bytes, file: str) -> str:
    content = content.removeprefix(BOM)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        # Up to the error it is valid, which gives the line and column.
        before = content[: error.start].decode("utf-8")
        place = Lines(file, before).place(len(before))
        raise format_refusal(place, "is not UTF-8 text", "Save the file as UTF-8.") from None
