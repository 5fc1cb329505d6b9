import sqlite3
import stat
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, text

from flows.configuration.environment import default_file
from flows.store import SCHEMA_VERSION, StoreError, StoreVersionError, open_store, upgrade_store
from tests.prepared import forking_context

TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"


def execute(url: str, statement: str):
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET search_path TO entra_fleet"))
        result = connection.execute(text(statement))
        rows = result.all() if result.returns_rows else []
    engine.dispose()
    return rows


def set_version(url: str, version: str) -> None:
    execute(url, f"UPDATE entra_fleet_version SET version_num = '{version}'")


def refusal(url: str | None) -> str:
    with pytest.raises(StoreError) as caught:
        open_store(url)
    return str(caught.value)


def test_an_empty_database_is_made_at_the_newest_version(database_url):
    open_store(database_url).close()
    assert execute(database_url, "SELECT version_num FROM entra_fleet_version") == [(SCHEMA_VERSION,)]


def test_a_store_opens_again_with_what_it_held(database_url):
    with open_store(database_url) as store:
        store.jobs.record_all([observation("steady")])
    with open_store(database_url) as store:
        assert [seen.state for seen in store.jobs.latest(TENANT, "contoso")] == ["steady"]


def observation(state: str):
    from datetime import UTC, datetime

    from flows.store import JobObservation

    moment = datetime(2026, 5, 1, tzinfo=UTC)
    return JobObservation(tenant_id=TENANT, fleet="contoso", key="eu", observed_at=moment, state=state)


@pytest.mark.parametrize("version", ["9999", "ae1027a6acf"])
@pytest.mark.parametrize("use", [open_store, upgrade_store])
def test_a_newer_store_is_refused_and_left_alone(database_url, version, use):
    open_store(database_url).close()
    set_version(database_url, version)
    with pytest.raises(StoreVersionError) as refused:
        use(database_url)
    assert (refused.value.found, refused.value.needed) == (version, SCHEMA_VERSION)
    assert "newer" in refused.value.hint
    assert execute(database_url, "SELECT version_num FROM entra_fleet_version") == [(version,)]


def test_upgrading_makes_an_empty_database_a_store_and_then_changes_nothing(database_url):
    assert upgrade_store(database_url) is None
    assert upgrade_store(database_url) == SCHEMA_VERSION
    open_store(database_url).close()


def test_somebody_elses_database_is_no_store(sqlite_url):
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
    connection.close()
    assert refusal(sqlite_url) == (
        f"{sqlite_url}: there are tables in it, but it is not a store.\nName an empty database, or the store's own."
    )


def test_prefects_tables_may_lie_in_the_same_postgresql_database(postgres_url):
    execute(postgres_url, "CREATE TABLE public.alembic_version (version_num TEXT)")
    execute(postgres_url, "INSERT INTO public.alembic_version VALUES ('theirs')")
    open_store(postgres_url).close()
    assert execute(postgres_url, "SELECT version_num FROM public.alembic_version") == [("theirs",)]
    schemas = execute(postgres_url, "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename IN ('run', 'change')")
    assert schemas == [("entra_fleet",)]
    execute(postgres_url, "DROP TABLE public.alembic_version")


def test_a_postgresql_url_needs_no_driver_name(postgres_url):
    with open_store(postgres_url.replace("postgresql+psycopg:", "postgresql:")) as store:
        assert store.journal.runs() == []


def test_file_and_directory_are_the_owners_only(sqlite_url):
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with open_store(sqlite_url) as store:
        store.jobs.record_all([observation("steady")])
        modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
    assert modes == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_without_a_url_the_store_is_a_file_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    open_store().close()
    assert default_file().is_file()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "The store URL cannot be read.\nWrite sqlite:////"),
        ("store.db", "The store URL cannot be read.\n"),
        ("mysql://root:hunter2@host/db", "The store URL names mysql, which is not supported.\n"),
        ("sqlite://", "A store in memory forgets everything: the store URL needs a file.\n"),
        ("sqlite:///:memory:", "A store in memory forgets everything"),
        ("sqlite:///store.db?mode=ro", "The store URL has more than a path after sqlite:///.\n"),
        ("sqlite://relative/store.db", "The store URL has more than a path after sqlite:///.\n"),
        ("postgresql://u:hunter2@host", "The store URL names no database.\n"),
        (
            "postgresql://u:p@hunter2@host/db",
            "The store URL has more than one @.\nWrite an @ of the password as %40.",
        ),
        ("postgresql://u:hunter2@host:port/db", "The store URL cannot be read.\n"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url, message):
    found = refusal(url)
    assert found.startswith(message)
    assert "hunter2" not in found
    assert found.count("\n") == 1


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    assert refusal(f"sqlite:///{tmp_path}/file/store.db") == (
        f"sqlite:///{tmp_path}/file/store.db: File exists: {tmp_path}/file\n"
        "Name a file in a directory that you can write to."
    )


def test_a_directory_is_no_store(tmp_path):
    assert f"Is a directory: {tmp_path}\nName a file in" in refusal(f"sqlite:///{tmp_path}")


def test_a_file_of_another_kind_is_no_store(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, but long enough to look at" * 30)
    found = refusal(f"sqlite:///{tmp_path}/notes.txt")
    assert found.endswith("file is not a database\nThe file is not an SQLite database; name another one.")


def test_an_unreachable_server_is_named_without_the_password():
    pytest.importorskip("psycopg")
    found = refusal("postgresql://user:hunter2@127.0.0.1:9/db?sslpassword=hunter2")
    assert found.startswith("postgresql://user:***@127.0.0.1:9/db: connection failed: ")
    assert found.endswith("Check that the server runs, and host and port in the store URL.")
    assert "hunter2" not in found


def test_a_missing_database_is_named(postgres_database: URL):
    url = postgres_database.set(database="no_such_database").render_as_string(hide_password=False)
    assert refusal(url).endswith('database "no_such_database" does not exist\nCreate it, or correct the store URL.')


def test_a_missing_driver_is_named_with_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert refusal("postgresql://u:hunter2@host/db") == (
        "postgresql://u:***@host/db: the PostgreSQL driver psycopg is not installed.\n"
        "Install it: pip install 'entra-fleet[postgres]'."
    )


def _open(url: str) -> None:
    open_store(url).close()


def test_processes_that_open_an_empty_database_at_once_make_one_store(database_url):
    # They have imported what they need when they begin, and so do come at once.
    processes = [forking_context().Process(target=_open, args=(database_url,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    open_store(database_url).close()
