"""The tutorial's ten calls: what goes over the wire, and what its example answers become."""

from datetime import timedelta

import pytest

from tests.graph_client import tutorial_2019 as tutorial
from tests.graph_client.doubles import GRAPH, TOKEN, Script, answer, client

JOBS = f"/servicePrincipals/{tutorial.SERVICE_PRINCIPAL_ID}/synchronization/jobs"


@pytest.fixture(params=["v1.0", "beta"])
def version(request):
    return request.param


async def only_request(script, call):
    """Run one call against the script and return its request and value."""
    value = await call
    assert len(script.requests) == 1
    request = script.requests[0]
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    return request, value


def on(version, path):
    return f"{GRAPH}/{version}{path}"


async def test_the_gallery_is_listed(version):
    script = Script(answer(200, tutorial.TEMPLATES))
    async with client(script, api_version=version) as graph:
        templates = [template async for template in graph.application_templates.list()]
    request = script.requests[0]
    assert (request.method, str(request.url)) == ("GET", on(version, "/applicationTemplates"))
    assert [t.id for t in templates] == [tutorial.TEMPLATE_ID]
    assert templates[0].display_name == "Amazon Web Services (AWS)"
    assert templates[0].supported_provisioning_types == ("sync",)
    assert templates[0].description is None


async def test_an_application_is_instantiated(version):
    script = Script(answer(201, tutorial.INSTANTIATED))
    async with client(script, api_version=version) as graph:
        call = graph.application_templates.instantiate(tutorial.TEMPLATE_ID, display_name="AWS Contoso")
        request, pair = await only_request(script, call)
    path = f"/applicationTemplates/{tutorial.TEMPLATE_ID}/instantiate"
    assert (request.method, str(request.url)) == ("POST", on(version, path))
    assert script.bodies() == [{"displayName": "AWS Contoso"}]
    assert request.headers["content-type"] == "application/json"
    assert pair.application.id == "cbc071a6-0fa5-4859-8g55-e983ef63df63"
    assert pair.service_principal.id == tutorial.SERVICE_PRINCIPAL_ID
    assert pair.service_principal.tags == ("WindowsAzureActiveDirectoryIntegratedApp",)


async def test_the_connectors_are_listed(version):
    script = Script(answer(200, tutorial.SYNCHRONIZATION_TEMPLATES))
    async with client(script, api_version=version) as graph:
        call = graph.synchronization.templates(tutorial.SERVICE_PRINCIPAL_ID)
        request, templates = await only_request(script, call)
    path = f"/servicePrincipals/{tutorial.SERVICE_PRINCIPAL_ID}/synchronization/templates"
    assert (request.method, str(request.url)) == ("GET", on(version, path))
    assert [(t.id, t.factory_tag) for t in templates] == [("aws", "aws")]
    assert templates[0].mapping_schema == {"directories": [], "synchronizationRules": []}


@pytest.mark.parametrize("status", [200, 201])
async def test_a_job_is_made(version, status):
    script = Script(answer(status, tutorial.NEW_JOB))
    async with client(script, api_version=version) as graph:
        call = graph.synchronization.create_job(tutorial.SERVICE_PRINCIPAL_ID, "aws")
        request, job = await only_request(script, call)
    assert (request.method, str(request.url)) == ("POST", on(version, JOBS))
    assert script.bodies() == [{"templateId": "aws"}]
    assert (job.id, job.template_id) == (tutorial.JOB_ID, "aws")
    assert (job.schedule.state, job.status.code) == ("Disabled", "NotConfigured")
    assert job.schedule.interval == tutorial.TIME_SPAN_MAX
    assert job.schedule.interval_length == timedelta(days=10675199, hours=2, minutes=48, seconds=5, microseconds=477580)
    assert job.status.steady_state_first_achieved_time is None
    assert job.status.progress == ()


async def test_credentials_are_validated_on_a_job(version):
    script = Script(answer(204))
    async with client(script, api_version=version) as graph:
        call = graph.synchronization.validate_credentials(
            tutorial.SERVICE_PRINCIPAL_ID, tutorial.CREDENTIALS, job_id=tutorial.JOB_ID
        )
        request, _ = await only_request(script, call)
    path = f"{JOBS}/{tutorial.JOB_ID}/validateCredentials"
    assert (request.method, str(request.url)) == ("POST", on(version, path))
    assert script.bodies() == [{"credentials": tutorial.CREDENTIAL_PAIRS}]


async def test_credentials_are_validated_before_there_is_a_job(version):
    script = Script(answer(204))
    async with client(script, api_version=version) as graph:
        call = graph.synchronization.validate_credentials(
            tutorial.SERVICE_PRINCIPAL_ID, tutorial.CREDENTIALS, template_id="aws"
        )
        request, _ = await only_request(script, call)
    assert (request.method, str(request.url)) == ("POST", on(version, f"{JOBS}/validateCredentials"))
    expected = {"templateId": "aws", "useSavedCredentials": False, "credentials": tutorial.CREDENTIAL_PAIRS}
    assert script.bodies() == [expected]


async def test_credentials_are_saved(version):
    script = Script(answer(204))
    async with client(script, api_version=version) as graph:
        call = graph.synchronization.save_secrets(tutorial.SERVICE_PRINCIPAL_ID, tutorial.CREDENTIALS)
        request, _ = await only_request(script, call)
    path = f"/servicePrincipals/{tutorial.SERVICE_PRINCIPAL_ID}/synchronization/secrets"
    assert (request.method, str(request.url)) == ("PUT", on(version, path))
    assert script.bodies() == [{"value": tutorial.CREDENTIAL_PAIRS}]


async def test_a_job_is_started(version):
    script = Script(answer(204))
    async with client(script, api_version=version) as graph:
        call = graph.synchronization.start(tutorial.SERVICE_PRINCIPAL_ID, tutorial.JOB_ID)
        request, _ = await only_request(script, call)
    assert (request.method, str(request.url)) == ("POST", on(version, f"{JOBS}/{tutorial.JOB_ID}/start"))
    assert request.content == b""
    assert request.headers["content-length"] == "0"


async def test_a_job_is_watched(version):
    script = Script(answer(200, tutorial.JOB))
    async with client(script, api_version=version) as graph:
        call = graph.synchronization.get_job(tutorial.SERVICE_PRINCIPAL_ID, tutorial.JOB_ID)
        request, job = await only_request(script, call)
    assert (request.method, str(request.url)) == ("GET", on(version, f"{JOBS}/{tutorial.JOB_ID}"))
    assert job.status.code == "Paused"
    assert [(s.name, s.value) for s in job.synchronization_job_settings] == [
        ("QuarantineTooManyDeletesThreshold", "500")
    ]


async def test_the_log_is_read(version):
    script = Script(answer(200, tutorial.EVENTS))
    async with client(script, api_version=version) as graph:
        events = [event async for page in graph.provisioning_logs.pages() for event in page]
    request = script.requests[0]
    # Without $top the service may give no link to the next page.
    assert (request.method, str(request.url)) == ("GET", on(version, "/auditLogs/provisioning?$top=500"))
    (event,) = events
    assert (event.action, event.status) == ("create", "failure")
    assert (event.error.error_code, event.error.error_category) == ("BoxEntryConflict", "NonServiceFailure")
    assert event.service_principal_id == "chc46a42-966b-47d7-9774-576b1c8bd0b8"
    assert event.raw == tutorial.EVENT
    assert [step.name for step in event.provisioning_steps] == ["EntryImportAdd", "EntryExportAdd"]
