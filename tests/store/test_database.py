import sqlite3
from pathlib import Path
from threading import Event, Thread

import pytest

from flows.store import StoreError, open_store
from flows.store.database import StoreAddress
from tests.store.events import MOMENT, TENANT, event


def test_a_writer_waits_for_another_instead_of_failing(store):
    """Reading before writing in one transaction is where SQLite would fail at once."""
    begun, release = Event(), Event()

    def hold():
        with store._database.write() as connection:
            connection.exec_driver_sql("SELECT 1")
            begun.set()
            release.wait(10)

    holder = Thread(target=hold)
    holder.start()
    begun.wait(10)
    waiting = Thread(target=store.harvests.save, args=(TENANT, [event()]), kwargs={"watermark": MOMENT})
    waiting.start()
    release.set()
    holder.join()
    waiting.join()
    assert store.harvests.watermark(TENANT) == MOMENT


def test_readers_do_not_wait_for_a_writer(store):
    with store._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM run")
        assert store.journal.runs() == []


def test_a_locked_file_is_said_to_be_locked(sqlite_url, monkeypatch):
    monkeypatch.setattr("flows.store.engine._BUSY_SECONDS", 0.0)
    path = sqlite_url.removeprefix("sqlite:///")
    with open_store(sqlite_url) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            store.harvests.save(TENANT, [event()])
        other.close()
    assert caught.value.message == f"{sqlite_url}: database is locked"
    assert "try again" in caught.value.hint


def test_a_read_only_database_is_said_to_be_read_only(sqlite_url):
    with open_store(sqlite_url) as store:
        with store._database._reader.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
        with pytest.raises(StoreError, match="readonly database") as caught:
            store.harvests.save(TENANT, [event()])
    assert "writable" in caught.value.hint


def test_a_damaged_file_is_said_to_be_damaged(sqlite_url):
    open_store(sqlite_url).close()
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="malformed") as caught:
        open_store(sqlite_url)
    assert "backup" in caught.value.hint


def test_an_error_shows_no_value_that_was_to_be_stored(store_to_break):
    with store_to_break._database.write() as connection:
        connection.exec_driver_sql("DROP TABLE harvest_gap")
    from flows.store import Gap

    with pytest.raises(StoreError) as caught:
        store_to_break.harvests.record_gap("s3cr3t-m4rk3r", Gap("retention", MOMENT, MOMENT))
    assert "harvest_gap" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "s3cr3t-m4rk3r" not in f"{caught.value} {caught.value.__context__}"


def test_an_address_never_shows_its_password():
    address = StoreAddress.parse("postgresql://user:hunter2@db.example.net/fleet?sslpassword=hunter2")
    assert str(address) == "postgresql://user:***@db.example.net/fleet"
    assert "hunter2" not in repr(address)
