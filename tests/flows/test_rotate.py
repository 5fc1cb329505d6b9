from datetime import UTC, datetime, timedelta

import pytest

from flows.configuration.environment import add_prefect_variables, environment
from flows.credentials.token_life import read_expiry
from flows.monitor import monitor_fleet
from flows.plan.diff import UnknownKey
from flows.provision import provision_fleet
from flows.report.content import build_report
from flows.report.html import render_html
from flows.report.markdown import render_markdown
from flows.rotate import rotate_credentials
from flows.store import open_store
from tests.estates import TENANT, estate, fleet, instance
from tests.leaks import leaks
from tests.target.scim import jwt

pytestmark = pytest.mark.usefixtures("without_prefect")

SAVED = ["validate_job_credentials", "put_secrets"]


@pytest.fixture(autouse=True)
def token():
    with add_prefect_variables({"TOKEN": "a good token", "OTHER": "another good token"}):
        yield


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant") as served:
        yield served


def two(**fields):
    return fleet(instance("one"), instance("two", credentials={"SecretToken": "${env:OTHER}"}, **fields))


@pytest.fixture
async def provisioned(without_prefect, tenant):
    state = await provision_fleet(two(), return_state=True)
    outcome = await state.aresult()
    tenant.forget()
    return {each.key: each for each in outcome.instances}


async def rotate(wanted, *only, **parameters):
    state = await rotate_credentials(wanted, only=list(only), **parameters, return_state=True)
    return state, await state.aresult(raise_on_failure=False)


def writes(tenant):
    return [record.operation for record in tenant.requests(writes=True)]


def saved(tenant):
    (request,) = tenant.requests("put_secrets")
    return {pair["key"]: pair["value"] for pair in request.body["value"]}


async def test_new_credentials_are_tried_on_the_job_and_saved(tenant, provisioned):
    with add_prefect_variables({"OTHER": "renewed and good"}):
        state, outcome = await rotate(two(), "two")
    assert (state.name, state.message) == ("Completed", "1 rotated")
    assert outcome.summary == {"rotated": 1, "failed": 0}
    assert [(each.key, each.job_id) for each in outcome.instances] == [("two", provisioned["two"].job_id)]
    assert tenant.operations_by_principal() == {provisioned["two"].service_principal_id: SAVED}
    assert saved(tenant) == {"SecretToken": "renewed and good", "SyncAll": "true"}


async def test_what_was_rotated_is_known_to_the_next_apply(tenant, provisioned):
    with add_prefect_variables({"OTHER": "renewed and good"}):
        await rotate(two(), "two")
        tenant.forget()
        outcome = await (await provision_fleet(two(), return_state=True)).aresult()
    assert (outcome.summary["unchanged"], writes(tenant)) == (2, [])


@pytest.mark.usefixtures("provisioned")
async def test_nothing_else_of_the_file_is_touched(tenant):
    edited = two(display_name="Renamed", scope="assigned", delete_threshold=7, job="paused", notes="new")
    _, outcome = await rotate(edited, "two")
    assert (outcome.summary["rotated"], writes(tenant)) == (1, SAVED)
    assert saved(tenant) == {"SecretToken": "another good token", "SyncAll": "true"}


@pytest.mark.prefect
@pytest.mark.usefixtures("provisioned")
async def test_a_rejected_credential_is_not_saved_and_no_other_suffers(tenant):
    with add_prefect_variables({"OTHER": "a wrong token"}):
        state, outcome = await rotate(two(), "one", "two")
    assert (state.name, state.message) == ("PartiallyCompleted", "1 rotated, 1 failed")
    assert [each.outcome for each in outcome.instances] == ["rotated", "failed"]
    failure = outcome.instances[1].failure
    assert failure.step == "validate-credentials"
    assert "Unauthorized (401): the access token is invalid or has been revoked" in failure.message
    assert failure.hint
    assert len(tenant.requests("put_secrets")) == 1
    assert "a wrong token" not in str(failure)


@pytest.mark.usefixtures("provisioned")
async def test_a_reference_that_leads_nowhere_is_said_and_nothing_is_tried(tenant):
    with add_prefect_variables({"OTHER": ""}):
        state, outcome = await rotate(two(), "two")
    assert (state.name, writes(tenant)) == ("Failed", [])
    assert outcome.instances[0].failure.code == "ReferenceUnresolved"


async def test_a_masked_credential_that_the_file_does_not_name_is_not_erased(tenant, provisioned):
    tenant.emulator.controls.edit_secrets(provisioned["two"].service_principal_id, {"Password": "somebody's"})
    _, outcome = await rotate(two(), "two")
    assert outcome.instances[0].failure.code == "CredentialWouldBeLost"
    assert "put_secrets" not in writes(tenant)


async def test_a_quarantined_job_is_not_restarted(tenant, provisioned):
    tenant.emulator.controls.quarantine(provisioned["two"].job_id)
    _, outcome = await rotate(two(), "two")
    assert (outcome.instances[0].outcome, outcome.instances[0].job_state) == ("rotated", "quarantined")
    assert writes(tenant) == SAVED


@pytest.mark.usefixtures("provisioned")
async def test_what_cannot_be_rotated_says_what_to_do_instead(tenant):
    wanted = fleet(instance("new"), instance("one", credentials={}))
    state, outcome = await rotate(wanted, "new", "one")
    assert (state.name, writes(tenant)) == ("Failed", [])
    assert {each.key: (each.failure.code, each.failure.hint) for each in outcome.instances} == {
        "new": (
            "NotProvisioned",
            "Create it with entra-fleet apply FLEET --only new, which also saves the credentials.",
        ),
        "one": (
            "NoCredentials",
            "Add them under credentials; renew a portal authorization in the portal.",
        ),
    }


@pytest.mark.usefixtures("provisioned")
async def test_a_key_that_is_not_in_the_file_is_named(tenant):
    _, error = await rotate(two(), "three")
    assert isinstance(error, UnknownKey)
    assert tenant.requests() == []


@pytest.mark.prefect
@pytest.mark.usefixtures("tenant")
async def test_no_key_is_no_rotation():
    state, _ = await rotate(two())
    assert state.name == "Failed"
    assert "only" in state.message


@pytest.mark.usefixtures("provisioned")
async def test_a_renamed_key_is_found_under_the_former_one(tenant):
    wanted = fleet(instance("three", renamed_from="two"))
    _, outcome = await rotate(wanted, "three")
    assert (outcome.summary["rotated"], writes(tenant)) == (1, SAVED)


@pytest.mark.usefixtures("provisioned")
async def test_the_journal_says_what_was_rotated():
    await rotate(two(), "two", change="CHG-2")
    with open_store(environment().store_url) as store:
        run, *_ = store.journal.runs()
        (change,) = store.journal.changes(run.id)
    assert (run.command, run.outcome, run.ticket, run.counts) == (
        "rotate",
        "completed",
        "CHG-2",
        {"rotated": 1, "failed": 0},
    )
    assert (change.key, change.action, change.outcome) == ("two", "update", "rotated")
    assert [each.field for each in change.fields] == ["credentials.SecretToken"]


def ending(**delta):
    return jwt(exp=int((datetime.now(UTC) + timedelta(**delta)).timestamp()))


async def test_the_end_of_a_token_is_stored_with_its_fingerprint_shown_and_warned_of(tenant, tmp_path):
    old, new = ending(days=20), ending(days=12, hours=1)
    with add_prefect_variables({"OTHER": old}):
        await provision_fleet(two(), return_state=True)
    with add_prefect_variables({"OTHER": new}):
        _, outcome = await rotate(two(), "one", "two")
    by_key = {each.key: each.as_json()["token_expiry"] for each in outcome.instances}
    ends = [f"{read_expiry(token):%Y-%m-%dT%H:%M:%S}Z" for token in (old, new)]
    assert by_key == {"one": None, "two": dict(zip(("before", "after"), ends, strict=True))}
    state = await monitor_fleet(two(), return_state=True)
    seen = await state.aresult(raise_on_failure=False)
    assert seen.token_expiries == {"two": read_expiry(new)}
    assert [each["token_expires"] for each in seen.as_json()["instances"]] == [None, ends[1]]
    with open_store(environment().store_url) as store:
        (expiring,) = build_report(store, days=1).expiring
        page, text = render_html(build_report(store, days=1)), render_markdown(build_report(store, days=1))
    assert (expiring.key, expiring.on, expiring.urgency) == ("two", read_expiry(new).date(), "warning")
    assert 'data-key="two" data-urgency="warning"' in page
    assert "entra-fleet rotate FLEET --only two" in text
    assert leaks(new, tmp_path) == []


async def test_a_token_that_says_nothing_replaces_one_that_did(tenant):
    with add_prefect_variables({"OTHER": ending(days=20)}):
        await provision_fleet(two(), return_state=True)
    _, outcome = await rotate(two(), "two")
    (expiry,) = [each.token_expiry for each in outcome.instances]
    assert (expiry.before is not None, expiry.after) == (True, None)
    with open_store(environment().store_url) as store:
        assert store.fingerprints.expiries(TENANT) == {}
