from dataclasses import replace

from flows.store import Access, open_store

TENANT, TARGET = "7928d5b5-7442-4a97-a02d-66f9a9972ec0", "3f2c0000-0000-4000-8000-000000000001"
USERS = Access(TENANT, "contoso", "fabrikam", TARGET, "target", "users")


def given(store):
    return store.given_access.of(TENANT, "contoso", "fabrikam")


def test_an_intention_outlives_the_process_and_is_confirmed_later(store_url):
    with open_store(store_url) as store:
        assert store.given_access.intend(USERS, "false")
        assert not store.given_access.intend(USERS, "false")
    with open_store(store_url) as store:
        (found,) = given(store)
        assert (found.access, found.before, found.confirmed_at, found.is_open) == (USERS, "false", None, True)
        store.given_access.confirm(USERS)
        assert given(store)[0].confirmed_at is not None


def test_what_is_given_again_keeps_the_first_value_before(store):
    store.given_access.intend(USERS, None)
    store.given_access.confirm(USERS)
    store.given_access.intend(USERS, "false")
    (found,) = given(store)
    assert (found.before, found.confirmed_at) == (None, None)


def test_what_was_withdrawn_and_is_given_again_has_the_new_value_before(store):
    store.given_access.intend(USERS, None)
    store.given_access.confirm(USERS)
    store.given_access.withdraw(USERS)
    assert not given(store)[0].is_open
    assert store.given_access.intend(USERS, "false")
    (found,) = given(store)
    assert (found.before, found.is_open) == ("false", True)


def test_only_an_intention_is_forgotten(store):
    partner = replace(USERS, field="partner")
    store.given_access.intend(USERS, None)
    store.given_access.intend(partner, None)
    store.given_access.confirm(partner)
    store.given_access.forget(USERS)
    store.given_access.forget(partner)
    assert [each.access.field for each in given(store)] == ["partner"]


def test_instances_sides_and_fields_are_kept_apart(store):
    others = [replace(USERS, side="source"), replace(USERS, field="groups"), replace(USERS, key="other")]
    for each in (USERS, *others):
        store.given_access.intend(each, None)
    store.given_access.withdraw(USERS)
    store.given_access.confirm(others[0])
    state = {(each.access.side, each.access.field): (bool(each.confirmed_at), each.is_open) for each in given(store)}
    expected = {("target", "users"): (False, False), ("source", "users"): (True, True)}
    assert state == expected | {("target", "groups"): (False, True)}
