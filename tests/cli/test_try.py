"""The try command as a person and a pipeline use it."""

import json

import pytest

from tests.estates import estate, fleet, instance
from tests.tenant.crowds import settle

FLEET = fleet(instance("a"))


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant", start_delay_seconds=86_400.0, entry_failure_share=0.0) as served:
        settle(served.emulator, "a", "App a")
        served.forget()
        yield served


@pytest.fixture
def who(tenant):
    return next(each for each in tenant.emulator.tenant.people.users.values() if each["accountEnabled"])


@pytest.mark.usefixtures("tenant")
def test_somebody_has_to_be_named_and_expected_by_a_known_word(entra_fleet, write_fleet):
    path = write_fleet(FLEET)
    result = entra_fleet("try", path, "--only", "a")
    assert (result.code, result.out) == (2, "")
    assert ("--user" in result.err, "--group" in result.err) == (True, True)
    result = entra_fleet("try", path, "--only", "a", "--user", "x", "--expect", "happiness")
    assert (result.code, "'happiness' is not one of created, updated" in " ".join(result.err.split())) == (2, True)
    result = entra_fleet("try", path, "--only", "b", "--user", "x")
    assert (result.code, "instance b" in result.err) == (2, True)


def test_a_person_sees_each_step_and_what_changed(entra_fleet, write_fleet, who):
    arguments = ("try", write_fleet(FLEET), "--only", "a", "--user", who["userPrincipalName"])
    result = entra_fleet(*arguments, PREFECT_API_URL="")
    assert (result.code, result.err) == (0, "")
    text = " ".join(result.out.split())
    assert text.startswith(f"{who['displayName']} {who['userPrincipalName']} User {who['id']} a created")
    for word in ("import success", "scoping success", "matching success", "export success", "attribute before after"):
        assert word in text
    again = entra_fleet(*arguments, "--expect", "created", PREFECT_API_URL="")
    assert again.code == 1
    assert again.err == f"{who['displayName']} in a: expected created, but unchanged.\n"
    told = " ".join(again.out.split())
    assert "code RedundantExport: nothing to change" in told
    assert "do Nothing." in told
    story = " ".join(entra_fleet("why", who["userPrincipalName"]).out.split())
    assert "On demand in a: unchanged: RedundantExport" in story
    assert "On demand in a: created" in story


def test_the_json_is_one_document(entra_fleet, write_fleet, who):
    arguments = ("try", write_fleet(FLEET), "--only", "a", "--user", who["id"], "--output", "json")
    result = entra_fleet(*arguments, PREFECT_API_URL="")
    document = json.loads(result.out)
    (trial,) = document["trials"]
    assert (result.code, document["as_expected"], trial["outcome"]) == (0, True, "created")
    assert trial["steps"][0]["type"] == "Import"
    assert trial["modified"][0].keys() == {"name", "before", "after"}


def test_an_unknown_user_is_said_in_two_lines(entra_fleet, write_fleet, tenant):
    arguments = ("try", write_fleet(FLEET), "--only", "a", "--user", "nobody@contoso.com")
    result = entra_fleet(*arguments, PREFECT_API_URL="")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "The tenant has no user 'nobody@contoso.com'.\n"
        "Give an object id, a user principal name, or a full display name.\n"
    )
    assert tenant.requests(writes=True) == []
