"""The address of a store: its URL, checked, and shown without its password."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from flows.store.errors import StoreError

_FORMS = "Write sqlite:////absolute/path/store.db or postgresql+psycopg://user:password@host/database."


@dataclass(frozen=True, repr=False)
class StoreAddress:
    """A checked store URL; its text and repr never contain a password."""

    url: URL

    @classmethod
    def parse(cls, text: str) -> "StoreAddress":
        """Read a store URL.

        Raises:
            StoreError: the URL is no URL, or of a database that is not supported.
        """
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            raise StoreError("The store URL cannot be read.", _FORMS) from None
        if url.drivername in ("sqlite", "sqlite+pysqlite"):
            return cls(_sqlite(url))
        if url.drivername in ("postgresql", "postgresql+psycopg"):
            return cls(_postgresql(url))
        raise StoreError(f"The store URL names {url.drivername}, which is not supported.", _FORMS)

    @property
    def path(self) -> Path | None:
        """The file of an SQLite store, else None."""
        return Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None

    def __str__(self) -> str:
        if self.path:
            return f"sqlite:///{self.path}"
        # The query may contain a password, too (`?password=`, `?sslpassword=`).
        shown = self.url.set(drivername=self.url.get_backend_name(), query={})
        return shown.render_as_string(hide_password=True)

    def __repr__(self) -> str:
        return f"StoreAddress({str(self)!r})"


def _sqlite(url: URL) -> URL:
    if url.host or url.query:
        raise StoreError("The store URL has more than a path after sqlite:///.", _FORMS)
    if not url.database or url.database == ":memory:":
        raise StoreError("A store in memory forgets everything: the store URL needs a file.", _FORMS)
    return url.set(drivername="sqlite+pysqlite")


def _postgresql(url: URL) -> URL:
    # `user:p@ss@host` is parsed as host `ss@host`, which would put half of the password into messages.
    if "@" in (url.host or ""):
        raise StoreError("The store URL has more than one @.", "Write an @ of the password as %40.")
    if not url.database:
        raise StoreError("The store URL names no database.", _FORMS)
    return url.set(drivername="postgresql+psycopg")
