import pytest

from flows.store.user_history import plain
from tests.store.events import TENANT, succeeded


def identity(id_, name, upn=None, kind="User"):
    details = {"UserPrincipalName": upn} if upn else {}
    return {"id": id_, "displayName": name, "identityType": kind, "details": details}


PEOPLE = (
    identity("a1b2c3d4-0001", "Adèle Dupont", "adele@contoso.com"),
    identity("a1b2c3d4-0002", "Adele Vance", "adelev@contoso.com"),
    identity("b0000000-0003", "Max Müßig 100%", "max_m@contoso.com"),
    identity("c0000000-0004", "Sales_EU", kind="Group"),
    identity("d0000000-0005", "Max", "other@contoso.com"),
)


@pytest.fixture
def crowded(store):
    store.harvests.save(TENANT, [succeeded(f"e{n}", sourceIdentity=each) for n, each in enumerate(PEOPLE)])
    return store


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        ("Adèle Dupont", ["a1b2c3d4-0001"]),
        ("adele dupont", ["a1b2c3d4-0001"]),
        ("ADELE@contoso.com", ["a1b2c3d4-0001"]),
        ("A1B2C3D4-0002", ["a1b2c3d4-0002"]),
        ("adele", ["a1b2c3d4-0001", "a1b2c3d4-0002"]),
        ("MÜSSIG", ["b0000000-0003"]),
        ("100%", ["b0000000-0003"]),
        ("x_m@", ["b0000000-0003"]),
        ("les_eu", ["c0000000-0004"]),
        ("max", ["d0000000-0005"]),
        ("b0000000", ["b0000000-0003"]),
        ("les%eu", []),
        ("nobody", []),
    ],
)
def test_people_are_found_by_name_upn_id_or_a_part(crowded, sought, found):
    assert [each.id for each in crowded.identities.find(sought)] == found


def test_as_many_as_asked_for_are_returned_by_name(crowded):
    assert [each.name for each in crowded.identities.find("contoso.com", limit=2)] == ["Adèle Dupont", "Adele Vance"]


def test_a_new_name_replaces_the_old_one_and_what_an_event_does_not_know_stays(crowded):
    renamed = {**identity(PEOPLE[0]["id"], "Adèle Martin"), "identityType": None}
    crowded.harvests.save(TENANT, [succeeded("later", sourceIdentity=renamed)])
    assert crowded.identities.find("dupont") == []
    (found,) = crowded.identities.find("adele@contoso.com")
    assert (found.name, found.type, found.user_principal_name) == ("Adèle Martin", "User", "adele@contoso.com")


@pytest.mark.parametrize("source", [None, {"id": "", "displayName": "x"}, {"displayName": "x"}])
def test_events_about_nobody_are_stored_all_the_same(store, source):
    assert store.harvests.save(TENANT, [succeeded("e1", sourceIdentity=source)]) == 1
    assert store.identities.find("x") == []


def test_names_that_no_database_takes_are_mended(store):
    store.harvests.save(TENANT, [succeeded("e1", sourceIdentity=identity("u\0", "half \ud83d name", "a\0@x"))])
    (found,) = store.identities.find("half ? name")
    assert (found.id, found.user_principal_name) == ("u\ufffd", "a\ufffd@x")


def test_an_ascii_text_is_compared_like_any_other():
    assert (plain(" ADELE "), plain("Adèle"), plain("İstanbul"), plain("ﬁx")) == ("adele", "adele", "istanbul", "fix")
