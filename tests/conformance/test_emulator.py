"""The embedded tenant against what Graph was seen to answer."""

import httpx
import pytest

from graph_emulator import Clock, Emulator
from tests.conformance.exchanges import EXCHANGES, exchange
from tests.conformance.shapes import at, differences
from tests.conformance.staging import replayed
from tests.graph_emulator.driver import Wire


@pytest.fixture
async def wire():
    emulator = Emulator(clock=Clock.frozen())
    async with httpx.AsyncClient(base_url="https://graph.microsoft.com", transport=emulator.transport()) as client:
        wire = Wire(emulator, client)
        await wire.sign_in()
        yield wire


@pytest.mark.parametrize("seen", EXCHANGES, ids=lambda each: each.name)
async def test_the_tenant_answers_as_on_record(wire, seen):
    answer = await replayed(wire, seen)
    body = answer.json() if answer.content else None
    code = body["error"]["code"] if answer.is_error and body else None
    assert answer.status_code == seen.status
    if seen.code is not None:
        assert code == seen.code
    assert differences(seen.body, body, more=seen.open) == []
    assert {path: at(body, path) for path in seen.exact} == {path: at(seen.body, path) for path in seen.exact}


def test_every_exchange_names_its_source_and_nothing_twice():
    assert all(each.source and each.evidence in ("recorded", "documented", "tested live") for each in EXCHANGES)
    assert len({each.name for each in EXCHANGES}) == len(EXCHANGES)


async def test_a_job_is_started_without_saved_credentials(wire):
    answer = await replayed(wire, exchange("start without secrets"))
    path = answer.request.url.path.removesuffix("/start").removeprefix("/v1.0")
    assert (await wire.get(path))["schedule"]["state"] == "Active"


async def test_the_id_of_a_job_is_template_tenant_and_application(wire):
    made = (await replayed(wire, exchange("job create google"))).json()
    (application,) = wire.emulator.controls.state()["applications"]
    tenant = wire.emulator.settings.tenant_id.replace("-", "")
    assert made["id"] == f"GoogV2OutDelta.{tenant}.{application['appId']}"


async def test_a_principal_without_jobs_is_not_found_in_a_batch(wire):
    answer = await replayed(wire, exchange("batch jobs"))
    assert {each["id"]: each["status"] for each in answer.json()["responses"]} == {"1": 200, "2": 404}


async def test_a_refused_validation_tells_both_codes_and_the_words_of_the_target(wire):
    text = (await replayed(wire, exchange("validate credentials refused"))).text
    assert "SystemForCrossDomainIdentityManagementCredentialValidationUnavailable" in text
    assert "Unauthorized (401)" in text


async def test_the_gallery_comes_whole_and_names_are_not_unique(wire):
    page = await wire.get("/applicationTemplates")
    known = {template["id"]: template for template in page["value"]}
    names = [template["displayName"] for template in page["value"]]
    assert "@odata.nextLink" not in page
    assert len(names) - len(set(names)) == 2
    for template in exchange("templates list").body["value"]:
        for name in ("displayName", "supportedSingleSignOnModes", "supportedProvisioningTypes"):
            assert known[template["id"]][name] == template[name]


async def test_what_was_provisioned_on_demand_is_a_list_of_steps_in_a_string(wire):
    (told,) = httpx.Response(200, text=(await replayed(wire, exchange("on demand success"))).json()["value"]).json()
    names = {"name", "type", "status", "description", "timestamp", "details"}
    assert {frozenset(step) for step in told["provisioningSteps"]} == {frozenset(names)}
