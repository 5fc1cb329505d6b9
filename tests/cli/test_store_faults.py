"""Stores that cannot be used, as a person meets them: what, where, what to do."""

import ctypes
import os
import resource
import sqlite3
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.store import SCHEMA_VERSION, Change, Run, StoreVersionError, engine, open_store, require_store
from tests.store.events import MOMENT, event

COMMANDS = [("audit",), ("store", "prune", "--yes"), ("store", "upgrade")]
# Of <linux/capability.h>, <linux/prctl.h> and <linux/securebits.h>.
CAPABILITY_VERSION, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 0x20080522, 1, 2
PR_GET_SECUREBITS, PR_SET_SECUREBITS, NO_SETUID_FIXUP = 27, 28, 1 << 2


def named(commands):
    return pytest.mark.parametrize("command", commands, ids=" ".join)


@pytest.fixture
def path(sqlite_url):
    """The file of a store that is in order."""
    open_store(sqlite_url).close()
    return Path(sqlite_url.removeprefix("sqlite:///"))


@contextmanager
def like_anybody():
    """Take from root, for a while and in this thread, the right to write what is read-only."""
    if os.geteuid():
        yield
        return
    libc = ctypes.CDLL(None)
    header, held = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, held) == 0
    poorer = (ctypes.c_uint32 * 6)(*held)
    # The first of each three words: effective, permitted and inheritable. What is permitted can be taken up again.
    poorer[0] &= ~(1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH)
    bits = libc.prctl(PR_GET_SECUREBITS, 0, 0, 0, 0)
    # Without this bit access(2) tells root what it may do with all that is permitted.
    assert libc.prctl(PR_SET_SECUREBITS, bits | NO_SETUID_FIXUP, 0, 0, 0) == 0
    assert libc.capset(header, poorer) == 0
    try:
        yield
    finally:
        assert libc.capset(header, held) == 0
        assert libc.prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) == 0


@contextmanager
def files_no_longer_than(limit_bytes):
    _, most = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@named([("audit",), ("store", "prune", "--yes")])
@pytest.mark.parametrize("version", ["0007", "9999"])
def test_a_store_of_another_version(entra_fleet_here, sqlite_url, path, command, version):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entra_fleet_version SET version_num = ?", (version,))
    connection.close()
    result = entra_fleet_here(*command, "--store", sqlite_url)
    refused = StoreVersionError(sqlite_url, version, SCHEMA_VERSION)
    assert (result.out, result.err, result.code) == ("", f"{refused}\n", refused.exit_code)


def test_an_upgrade_does_not_go_back(entra_fleet_here, sqlite_url, path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entra_fleet_version SET version_num = '9999'")
    connection.close()
    result = entra_fleet_here("store", "upgrade", "--store", sqlite_url)
    assert (result.err, result.code) == (f"{StoreVersionError(sqlite_url, '9999', SCHEMA_VERSION)}\n", 1)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM entra_fleet_version").fetchall() == [("9999",)]
    connection.close()


@named([("audit",), ("store", "prune", "--yes")])
def test_no_store_is_said_and_none_is_made(entra_fleet_here, tmp_path, command):
    url = f"sqlite:///{tmp_path}/data/none.db"
    result = entra_fleet_here(*command, "--store", url)
    assert (result.out, result.code, url in result.err, "--store" in result.err) == ("", 1, True, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be looked at. " * 30])
def test_a_file_that_is_no_store(entra_fleet_here, tmp_path, content):
    (tmp_path / "notes.db").write_bytes(content)
    result = entra_fleet_here("audit", "--store", f"sqlite:///{tmp_path}/notes.db")
    assert (result.out, result.code) == ("", 1)
    assert f"sqlite:///{tmp_path}/notes.db: " in result.err
    assert ("not a database" in result.err) == bool(content)
    assert (tmp_path / "notes.db").read_bytes() == content


def test_a_store_that_another_process_writes_to(entra_fleet_here, sqlite_url, path, monkeypatch):
    monkeypatch.setattr("flows.store.engine._BUSY_SECONDS", 0.0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    result = entra_fleet_here("store", "upgrade", "--store", sqlite_url)
    assert (result.out, result.code) == ("", 1)
    assert f"{sqlite_url}: database is locked" in result.err
    assert entra_fleet_here("audit", "--store", sqlite_url).code == 0, "readers do not wait for a writer"
    other.close()


@pytest.fixture(params=["file", "directory"])
def read_only(path, request):
    """A store of which the file, or the directory, may not be written to."""
    with open_store(f"sqlite:///{path}") as store:
        run = Run(tenant_id="t", fleet="contoso", command="apply", started_at=MOMENT)
        store.journal.record(
            store.journal.begin(run), Change(key="eu", action="create", outcome="created", recorded_at=MOMENT)
        )
        store.harvests.save("t", [event("e1")])
    (path if request.param == "file" else path.parent).chmod(0o400 if request.param == "file" else 0o500)
    yield path
    path.parent.chmod(0o700)


@named([("store", "upgrade"), ("store", "prune", "--keep-days", "1", "--yes")])
def test_what_writes_says_that_it_cannot(entra_fleet, sqlite_url, read_only, command):
    with like_anybody():
        result = entra_fleet(*command, "--store", sqlite_url)
    assert (result.out, result.code, "writable" in result.err) == ("", 1, True)


@pytest.mark.parametrize(
    ("command", "told"),
    [("audit", "contoso"), ("events", "DuplicateTargetEntries"), ("why Adèle", "DuplicateTargetEntries")],
)
def test_what_reads_reads_what_is_read_only_and_leaves_nothing(entra_fleet, sqlite_url, read_only, command, told):
    with like_anybody():
        result = entra_fleet(*command.split(), "--store", sqlite_url)
    assert (result.code, told in result.out) == (0, True), result.err
    assert [each.name for each in read_only.parent.iterdir()] == ["store.db"]


def test_a_store_in_use_is_read_with_what_its_log_has(sqlite_url, path):
    """The log of a writer that is at work has the newest rows; the file alone would lack them."""
    with open_store(sqlite_url) as writer:
        writer.journal.begin(Run(tenant_id="t", fleet="contoso", command="apply", started_at=MOMENT))
        path.parent.chmod(0o500)
        with like_anybody(), require_store(sqlite_url) as reader:
            runs = reader.journal.runs()
        path.parent.chmod(0o700)
    assert len(runs) == 1


def test_a_disk_that_is_full(entra_fleet_here, sqlite_url, monkeypatch):
    def set_up(connection, entry):
        engine_set_up(connection, entry)
        connection.execute("PRAGMA max_page_count = 5")

    engine_set_up = engine._set_up_sqlite
    monkeypatch.setattr(engine, "_set_up_sqlite", set_up)
    result = entra_fleet_here("store", "upgrade", "--store", sqlite_url)
    assert (result.out, result.code) == ("", 1)
    assert f"{sqlite_url}: database or disk is full" in result.err


@pytest.mark.parametrize("limit_bytes", [0, 30_000])
def test_files_that_may_not_grow(entra_fleet, sqlite_url, limit_bytes):
    with files_no_longer_than(limit_bytes):
        result = entra_fleet("store", "upgrade", "--store", sqlite_url)
    assert (result.out, result.code) == ("", 1)
    assert f"{sqlite_url}: disk I/O error" in result.err
