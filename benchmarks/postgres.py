"""A PostgreSQL database for the time of one measurement, where there is a server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

SERVER = "ENTRA_FLEET_TEST_POSTGRES"
"""URL of a user who may create databases; without it the usual one of this machine is tried."""
_USUAL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


@contextmanager
def database() -> Iterator[str | None]:
    """Yield the URL of a new database, or None where there is no server; it is dropped in the end."""
    server, name = make_url(os.environ.get(SERVER, _USUAL)), f"entra_fleet_benchmark_{uuid4().hex[:12]}"
    try:
        _run(server, f"CREATE DATABASE {name}")
    except OperationalError:
        yield None
        return
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        _run(server, f"DROP DATABASE {name} WITH (FORCE)")


def _run(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
