"""The key of the fingerprints, in a file beside an SQLite store and never in the store."""

import os
import secrets
from pathlib import Path
from tempfile import NamedTemporaryFile

from flows.configuration.data_directory import KEY_SUFFIX, default_file
from flows.store.address import StoreAddress
from flows.store.errors import StoreError

_BYTES = 32


def key_beside(url: str | None) -> bytes | None:
    """Return the key kept beside an SQLite store, making it (0600) at the first use; None for PostgreSQL.

    Args:
        url: The store, as of `open_store`.

    Raises:
        StoreError: The file cannot be read or made, or holds no key.
    """
    store = default_file() if url is None else StoreAddress.parse(url).path
    if store is None:
        return None
    path = store.with_name(store.name + KEY_SUFFIX)
    try:
        if not path.exists():
            _make(path)
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise StoreError(f"The fingerprint key {path} cannot be used: {why}.\n{_REMEDY}") from None
    if len(text) < 2 * _BYTES:
        raise StoreError(f"The fingerprint key {path} holds no key.\n{_REMEDY}")
    return text.encode()


_REMEDY = "Make it readable, or delete it: every saved credential then counts as unknown."


def _make(path: Path) -> None:
    # Written under another name first: who comes at the same time finds a whole key or none.
    with NamedTemporaryFile("w", dir=path.parent, prefix=path.name, encoding="ascii") as file:
        file.write(secrets.token_hex(_BYTES) + "\n")
        file.flush()
        try:
            os.link(file.name, path)
        except FileExistsError:
            return
