from datetime import UTC, datetime

from flows.store import open_store

TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"
BOX, AWS = "0f1e2d3c-aaaa-4000-8000-000000000001", "0f1e2d3c-bbbb-4000-8000-000000000002"


def test_what_was_kept_is_known_after_the_store_was_closed(store_url):
    with open_store(store_url) as store:
        store.fingerprints.keep(TENANT, BOX, {"SecretToken": "f1", "Password": "f2"})
    with open_store(store_url) as store:
        assert store.fingerprints.of(TENANT, BOX) == {"SecretToken": "f1", "Password": "f2"}
        assert store.fingerprints.known(TENANT) == {(BOX, "SecretToken"), (BOX, "Password")}


def test_a_later_one_replaces_its_own_key_only(store):
    store.fingerprints.keep(TENANT, BOX, {"SecretToken": "f1", "Password": "f2"})
    store.fingerprints.keep(TENANT, BOX, {"SecretToken": "f3"})
    assert store.fingerprints.of(TENANT, BOX) == {"SecretToken": "f3", "Password": "f2"}


def test_keeping_nothing_changes_nothing(store):
    store.fingerprints.keep(TENANT, BOX, {})
    assert store.fingerprints.known(TENANT) == frozenset()


def test_tenants_and_applications_are_kept_apart(store):
    store.fingerprints.keep(TENANT, BOX, {"SecretToken": "f1"})
    store.fingerprints.keep(TENANT, AWS, {"SecretToken": "f2"})
    store.fingerprints.keep("other", BOX, {"Password": "f3"})
    assert store.fingerprints.of(TENANT, BOX) == {"SecretToken": "f1"}
    assert store.fingerprints.known(TENANT) == {(BOX, "SecretToken"), (AWS, "SecretToken")}
    assert store.fingerprints.known("other") == {(BOX, "Password")}
    assert store.fingerprints.of_tenant(TENANT) == {BOX: {"SecretToken": "f1"}, AWS: {"SecretToken": "f2"}}
    store.fingerprints.forget(TENANT, BOX)
    assert store.fingerprints.known(TENANT) == {(AWS, "SecretToken")}
    assert store.fingerprints.known("other") == {(BOX, "Password")}


def test_an_application_is_found_whatever_the_case_of_its_id(store):
    store.fingerprints.keep(TENANT, BOX.upper(), {"SecretToken": "f1"})
    assert store.fingerprints.of(TENANT, BOX.upper()) == {"SecretToken": "f1"}
    assert store.fingerprints.known(TENANT) == {(BOX, "SecretToken")}
    store.fingerprints.forget(TENANT, BOX.upper())
    assert store.fingerprints.of(TENANT, BOX) == {}


def test_the_first_end_of_an_applications_tokens_is_kept_until_they_are_replaced(store):
    early, late = datetime(2027, 1, 1, 12, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)
    both = {"SecretToken": "f1", "Password": "f2"}
    store.fingerprints.keep(TENANT, BOX.upper(), both, {"SecretToken": late, "Password": early})
    store.fingerprints.keep(TENANT, AWS, both)
    assert store.fingerprints.expiries(TENANT) == {BOX: early}
    store.fingerprints.keep(TENANT, BOX, {"Password": "f3"})
    assert store.fingerprints.expiries(TENANT) == {BOX: late}
    assert store.fingerprints.expiries("other") == {}
    store.fingerprints.forget(TENANT, BOX)
    assert store.fingerprints.expiries(TENANT) == {}
