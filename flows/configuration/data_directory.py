"""Where this user's data lies."""

from pathlib import Path

from platformdirs import user_data_path

KEY_SUFFIX = ".fingerprint-key"
"""Ending of the file, beside an SQLite store, that holds the key of its fingerprints."""


def default_file() -> Path:
    """Return the store in the user's data directory, so that command line, worker and schedules agree."""
    return user_data_path("entra-fleet", appauthor=False) / "store.db"
