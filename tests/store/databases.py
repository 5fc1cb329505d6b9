"""Stores for tests, on real databases: a new SQLite file, and a real PostgreSQL server."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import URL, Engine, create_engine, make_url, select, text
from sqlalchemy.exc import OperationalError

from flows.store import JobObservation, Store, open_store
from flows.store.engine import SCHEMA
from flows.store.tables import JOB_HISTORY, METADATA

SERVER_VARIABLE = "ENTRA_FLEET_TEST_POSTGRES"
DEFAULT_SERVER = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


def _server() -> URL:
    return make_url(os.environ.get(SERVER_VARIABLE, DEFAULT_SERVER))


def _run(url: URL, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


def observations(store: Store, tenant_id: str, fleet: str, key: str) -> list[JobObservation]:
    """All that the job history has of an instance, the newest first."""
    table = JOB_HISTORY.c
    of_instance = (table.tenant_id == tenant_id, table.fleet == fleet, table.key == key)
    with store._database.read() as connection:
        rows = connection.execute(select(JOB_HISTORY).where(*of_instance).order_by(table.id.desc())).mappings()
        return [JobObservation(**{name: value for name, value in row.items() if name != "id"}) for row in rows]


def lay_empty_store(path: Path) -> str:
    """Put an empty store of the newest version into a file: to copy it takes a tenth of what to migrate one takes."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(_empty_store())
    path.chmod(0o600)
    return f"sqlite:///{path}"


@cache
def _empty_store() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "store.db"
        open_store(f"sqlite:///{path}").close()
        return path.read_bytes()


@contextmanager
def _new_database() -> Iterator[URL]:
    name = f"entra_fleet_test_{uuid4().hex[:12]}"
    try:
        _run(_server(), f"CREATE DATABASE {name}")
        # Nobody cuts the power here, and disks may be slow.
        _run(_server(), f"ALTER DATABASE {name} SET synchronous_commit = off")
    except (OperationalError, ModuleNotFoundError) as error:
        remedy = (
            "no PostgreSQL to test with: start one (docker run -p 5432:5432 "
            "-e POSTGRES_HOST_AUTH_METHOD=trust postgres) or set "
            f"{SERVER_VARIABLE} to the URL of a user who may create databases"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(f"{remedy}: {error}")
        pytest.skip(remedy)
    try:
        yield _server().set(database=name)
    finally:
        _run(_server(), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_database() -> Iterator[URL]:
    """A database of this test session's own."""
    with _new_database() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_store() -> Iterator[Engine]:
    """A database with the tables of a store, which are emptied after each test: to make them anew takes a second."""
    with _new_database() as url:
        open_store(url.render_as_string(hide_password=False)).close()
        engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5})
        yield engine
        engine.dispose()


def _empty(engine: Engine) -> None:
    # Those that refer to others first. TRUNCATE would make a new file for each table and each index.
    deletions = "".join(f"DELETE FROM {SCHEMA}.{table.name};" for table in reversed(METADATA.sorted_tables))
    again = f"SELECT setval(seqrelid, 1, false) FROM pg_sequence WHERE seqrelid::regclass::text LIKE '{SCHEMA}.%%'"
    with engine.connect() as connection:
        connection.exec_driver_sql(deletions)
        connection.exec_driver_sql(again)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/data/store.db"


@pytest.fixture
def postgres_url(postgres_database: URL) -> Iterator[str]:
    yield postgres_database.render_as_string(hide_password=False)
    _run(postgres_database, "DROP SCHEMA IF EXISTS entra_fleet CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, on each kind in turn."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture(params=["sqlite", "postgresql"])
def kind_of_store(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def store_url(kind_of_store: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty store, on each kind in turn."""
    if kind_of_store == "sqlite":
        yield lay_empty_store(tmp_path / "data" / "store.db")
        return
    engine = request.getfixturevalue("postgres_store")
    yield engine.url.render_as_string(hide_password=False)
    _empty(engine)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with open_store(store_url) as opened:
        yield opened


@pytest.fixture
def store_to_break(database_url: str) -> Iterator[Store]:
    """A store whose tables no other test uses."""
    with open_store(database_url) as opened:
        yield opened
