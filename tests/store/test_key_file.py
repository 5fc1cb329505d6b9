import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flows.store import StoreError, open_store
from flows.store.fingerprints import key_beside


def file_of(url):
    return Path(url.removeprefix("sqlite:///") + ".fingerprint-key")


@pytest.fixture
def made(sqlite_url):
    open_store(sqlite_url).close()
    return sqlite_url


def test_the_key_is_made_once_and_is_the_owners_only(made):
    key = key_beside(made)
    assert len(key) == 64
    assert key_beside(made) == key
    assert stat.S_IMODE(file_of(made).stat().st_mode) == 0o600
    assert sorted(path.name for path in file_of(made).parent.iterdir()) == ["store.db", "store.db.fingerprint-key"]


def test_the_key_is_not_in_the_store(made):
    key = key_beside(made)
    assert key not in Path(made.removeprefix("sqlite:///")).read_bytes()


def test_who_comes_at_the_same_time_gets_the_same_key(made):
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(key_beside, [made] * 32))) == 1


def test_without_a_url_it_is_beside_the_users_store(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    open_store().close()
    assert key_beside(None)
    assert (tmp_path / "entra-fleet" / "store.db.fingerprint-key").is_file()


def test_beside_postgresql_there_is_no_place_for_one():
    assert key_beside("postgresql://user@host/database") is None


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64], ids=["empty", "too short", "no text"])
def test_a_file_that_holds_no_key_is_refused(made, content):
    file_of(made).write_bytes(content)
    with pytest.raises(StoreError) as caught:
        key_beside(made)
    assert str(file_of(made)) in caught.value.message
    assert caught.value.hint


def test_a_key_that_cannot_be_read_is_named(made):
    file_of(made).mkdir()
    with pytest.raises(StoreError) as caught:
        key_beside(made)
    assert str(file_of(made)) in caught.value.message
