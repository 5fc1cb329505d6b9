"""Stores that cannot be used, as a person meets them: what, where, what to do."""

import ctypes
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from flows.store import SCHEMA_VERSION, Change, Run, StoreVersionError, engine, open_store
from tests.cli.conftest import ROOT, Finished
from tests.store.events import MOMENT, event

COMMANDS = [("audit",), ("store", "prune", "--yes"), ("store", "upgrade")]
READ_ONLY = "Make the file and its directory writable for this user.\n"
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2


def named(commands):
    return pytest.mark.parametrize("command", commands, ids=" ".join)


@pytest.fixture
def path(sqlite_url):
    """The file of a store that is in order."""
    open_store(sqlite_url).close()
    return Path(sqlite_url.removeprefix("sqlite:///"))


def in_child(*arguments, before):
    """The command in a process that is made poorer first."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=before,
        timeout=280,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def like_anybody():
    """Take from root the right to write what is read-only."""
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def before_the_first_release():
    return str(StoreVersionError("", "0007", SCHEMA_VERSION)).partition("\n")[2]


@named([("audit",), ("store", "prune", "--yes")])
@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        ("0007", before_the_first_release()),
        ("9999", "It was written by a newer release: upgrade entra-fleet."),
    ],
)
def test_a_store_of_another_version(entra_fleet_here, sqlite_url, path, command, version, remedy):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entra_fleet_version SET version_num = ?", (version,))
    connection.close()
    text = f"{sqlite_url}: the store has version {version}, this program needs {SCHEMA_VERSION}.\n{remedy}\n"
    result = entra_fleet_here(*command, "--store", sqlite_url)
    assert (result.out, result.err, result.code) == ("", text, 1)


def test_an_upgrade_does_not_go_back(entra_fleet_here, sqlite_url, path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entra_fleet_version SET version_num = '9999'")
    connection.close()
    result = entra_fleet_here("store", "upgrade", "--store", sqlite_url)
    assert result.err.endswith("It was written by a newer release: upgrade entra-fleet.\n")
    assert result.code == 1


@named([("audit",), ("store", "prune", "--yes")])
def test_no_store_is_said_and_none_is_made(entra_fleet_here, tmp_path, command):
    url = f"sqlite:///{tmp_path}/data/none.db"
    text = f"{url}: there is no store yet.\nName another one with --store.\n"
    result = entra_fleet_here(*command, "--store", url)
    assert (result.out, result.err, result.code) == ("", text, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be looked at. " * 30])
def test_a_file_that_is_no_store(entra_fleet_here, tmp_path, content):
    (tmp_path / "notes.db").write_bytes(content)
    result = entra_fleet_here("audit", "--store", f"sqlite:///{tmp_path}/notes.db")
    text = "there is no store yet.\nName another one with --store.\n"
    if content:
        text = "file is not a database\nThe file is not an SQLite database; name another one.\n"
    assert (result.out, result.err, result.code) == ("", f"sqlite:///{tmp_path}/notes.db: {text}", 1)
    assert (tmp_path / "notes.db").read_bytes() == content


def test_a_store_that_another_process_writes_to(entra_fleet_here, sqlite_url, path, monkeypatch):
    monkeypatch.setattr("flows.store.engine._BUSY_SECONDS", 0.0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    result = entra_fleet_here("store", "upgrade", "--store", sqlite_url)
    text = f"{sqlite_url}: database is locked\nAnother process is writing to it; try again.\n"
    assert (result.out, result.err, result.code) == ("", text, 1)
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
def test_what_writes_says_that_it_cannot(sqlite_url, read_only, command):
    result = in_child(*command, "--store", sqlite_url, before=like_anybody)
    assert (result.out, result.code) == ("", 1)
    assert result.err.endswith(READ_ONLY)


@pytest.mark.parametrize(
    ("command", "told"),
    [("audit", "contoso"), ("events", "DuplicateTargetEntries"), ("why Adèle", "DuplicateTargetEntries")],
)
def test_what_reads_reads_what_is_read_only_and_leaves_nothing(sqlite_url, read_only, command, told):
    result = in_child(*command.split(), "--store", sqlite_url, before=like_anybody)
    assert (result.code, told in result.out) == (0, True), result.err
    assert [each.name for each in read_only.parent.iterdir()] == ["store.db"]


def test_a_store_in_use_is_read_with_what_its_log_has(sqlite_url, path):
    """The log of a writer that is at work has the newest rows; the file alone would lack them."""
    with open_store(sqlite_url) as writer:
        writer.journal.begin(Run(tenant_id="t", fleet="contoso", command="apply", started_at=MOMENT))
        path.parent.chmod(0o500)
        code = f"from flows.store import require_store; print(len(require_store({sqlite_url!r}).journal.runs()))"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True, preexec_fn=like_anybody
        )
        path.parent.chmod(0o700)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_disk_that_is_full(entra_fleet_here, sqlite_url, monkeypatch):
    def set_up(connection, entry):
        engine_set_up(connection, entry)
        connection.execute("PRAGMA max_page_count = 5")

    engine_set_up = engine._set_up_sqlite
    monkeypatch.setattr(engine, "_set_up_sqlite", set_up)
    result = entra_fleet_here("store", "upgrade", "--store", sqlite_url)
    text = f"{sqlite_url}: database or disk is full\nFree some space, then prune the store.\n"
    assert (result.out, result.err, result.code) == ("", text, 1)


@pytest.mark.parametrize("limit_bytes", [0, 30_000])
def test_files_that_may_not_grow(sqlite_url, limit_bytes):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    result = in_child("store", "upgrade", "--store", sqlite_url, before=limit)
    text = f"{sqlite_url}: disk I/O error\nCheck the disk: space, quota and limits of this user, and its health.\n"
    assert (result.out, result.err, result.code) == ("", text, 1)
