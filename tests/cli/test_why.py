import json

import pytest

from flows.store import open_store
from tests.report.stores import EVIL, NOW, furnished
from tests.store.audits import audit
from tests.store.databases import lay_empty_store
from tests.store.events import BOX, TENANT, event, succeeded


@pytest.fixture
def url(tmp_path):
    """A store with the story of a person with an evil name, and of another."""
    url = lay_empty_store(tmp_path / "store.db")
    person = {"displayName": "Bob", "identityType": "User", "details": {"UserPrincipalName": "bob@contoso.com"}}
    with furnished(url) as store:
        store.harvests.save(TENANT, [succeeded("bob", sourceIdentity={"id": "u-bob", **person})])
    return url


def test_a_failure_is_told_with_cause_and_what_to_do(entra_fleet, url):
    done = entra_fleet("why", "u-evil", "--store", url)
    assert (done.code, done.err) == (0, "")
    text = " ".join(done.out.split())
    assert f"{EVIL} User u-evil box (Box Prod) failure create 2026-05-20 12:30:00Z" in text
    assert "failing 10 times since 2026-05-11 12:30:00Z; never succeeded" in text
    assert "code EntryConflict: exists already in the target" in text
    assert f"Microsoft {EVIL} recommends Remove one of them" in text
    assert "do Change the conflicting value on one side" in text
    assert "job quarantined: EncounteredEscrowProportionThreshold" in text
    assert "in: aws, gone." in text
    assert (
        "Harvest complete up to 2026-05-20 15:30:00Z; gaps: 2026-05-11 15:30 to 2026-05-12 15:30 (retention)." in text
    )


def test_a_skip_is_told_with_the_cause_that_its_details_name(entra_fleet, url):
    bob = {"id": "u-bob", "displayName": "Bob", "identityType": "User"}
    details = {
        "Assigned to the application": "True",
        "Scoping filter evaluation passed": "False",
        "ScopeEvaluationResult": "{\"german.country EQUALS 'DE'\":false}",
        "SkipReason": "NotEffectivelyEntitled",
    }
    with open_store(url) as store:
        skipped = {"status": "skipped", "errorInformation": None}
        steps = [{"provisioningStepType": "scoping", "status": "skipped", "details": details}]
        later = {"activityDateTime": "2026-05-20T15:00:00Z", "sourceIdentity": bob}
        store.harvests.save(TENANT, [event("skip", provisioningStatusInfo=skipped, provisioningSteps=steps, **later)])
    (box,) = json.loads(entra_fleet("why", "u-bob", "--output", "json", "--store", url).out)["applications"]
    assert (box["last"]["error_code"], box["last"]["skip_reason"]) == (None, "NotEffectivelyEntitled")
    assert (box["explanation"]["meaning"], box["explanation"]["proposal"]["action"]) == (
        "excluded by the scoping filter",
        "fix-mapping",
    )
    assert "german.country EQUALS 'DE'" in " ".join(entra_fleet("why", "u-bob", "--store", url).out.split())


def test_the_json_has_the_whole_story(entra_fleet, url):
    done = entra_fleet("why", "U-EVIL", "--app", "box", "--output", "json", "--store", url)
    story = json.loads(done.out)
    assert story["user"]["id"] == "u-evil"
    (box,) = story["applications"]
    assert (box["key"], box["fleet"], box["job_state"], box["failures"]) == ("box", "contoso", "quarantined", 10)
    assert box["last"]["step"] == {"name": "EntryImport", "type": "import", "status": "success", "description": None}
    assert box["explanation"]["proposal"]["action"] == "fix-mapping"
    assert story["unseen"] == []
    assert story["harvest"][0]["gaps"][0]["reason"] == "retention"


def test_roles_that_were_imported_into_the_applications_are_shown_by_why_and_report(entra_fleet, url, tmp_path):
    """They stand in the audit log alone."""
    about = {"activityDisplayName": "Import", "targetResources": [{"id": BOX, "displayName": "Box Prod"}]}
    elsewhere = {**about, "targetResources": [{"id": "sp-2", "displayName": "Elsewhere"}]}
    with open_store(url) as store:
        imported = audit("Sync_i", NOW, resultReason=f"Role {EVIL} was imported", **about)
        store.audits.save(TENANT, [imported, audit("Sync_j", NOW, resultReason="Role y was imported", **elsewhere)])
    (found,) = json.loads(entra_fleet("why", "u-evil", "--output", "json", "--store", url).out)["role_imports"]
    assert (found["service_principal_name"], found["text"]) == ("Box Prod", f"Role {EVIL} was imported")
    assert f"Box Prod: Role {EVIL} was imported" in " ".join(entra_fleet("why", "u-evil", "--store", url).out.split())
    page = tmp_path / "report.html"
    assert entra_fleet("report", "--days", "400", "--out", page, "--store", url).code == 0
    assert "Role y was imported" in page.read_text()
    assert f"Role {EVIL}" not in page.read_text()


def test_an_app_that_knows_nothing_of_somebody_says_so(entra_fleet, url):
    done = entra_fleet("why", "bob@contoso.com", "--app", "aws", "--store", url)
    assert ("in: aws.\n" in done.out, "steady" in done.out) == (True, True)
    assert "Box" not in done.out


def test_who_fits_several_is_asked_for_by_id(entra_fleet, url):
    done = entra_fleet("why", "u-", "--store", url)
    assert (done.code, "'u-'" in done.err) == (1, True)
    assert {line.split()[0] for line in done.out.splitlines()[1:]} == {"u-evil", "u-bob"}
    candidates = json.loads(entra_fleet("why", "u-", "--output", "json", "--store", url).out)["candidates"]
    assert {each["id"] for each in candidates} == {"u-evil", "u-bob"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody",), ("'nobody'", "2026-05-20 15:30Z")),
        (("",), ("''",)),
        (("bob", "--app", "nope"), ("instance nope",)),
        (("bob", "--fleet", "nope"), ("fleet nope",)),
    ],
)
def test_what_the_store_does_not_know_is_said(entra_fleet, url, arguments, said):
    done = entra_fleet("why", *arguments, "--store", url)
    assert (done.code, done.out) == (1, "")
    assert [each for each in said if each not in done.err] == []
    assert done.err.count("\n") <= 3


@pytest.mark.parametrize("command", [("why", "bob"), ("report",)])
def test_a_missing_store_is_not_made(entra_fleet, tmp_path, command):
    done = entra_fleet(*command, "--store", f"sqlite:///{tmp_path}/none.db")
    assert (done.code, done.out) == (1, "")
    assert ("none.db: " in done.err, "--store" in done.err) == (True, True)
    assert not (tmp_path / "none.db").exists()


def test_an_empty_store_says_what_fills_it(entra_fleet, tmp_path):
    url = f"sqlite:///{tmp_path}/empty.db"
    open_store(url).close()
    done = entra_fleet("why", "bob", "--store", url)
    assert (done.code, done.out) == (1, "")
    assert "`entra-fleet harvest`" in done.err
