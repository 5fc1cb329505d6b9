"""The client against what Graph was seen to answer: the answer on record goes in, the right values come out."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from graph_client import GraphClient, errors
from graph_emulator import Clock, Emulator
from tests.conformance.exchanges import exchange
from tests.graph_client.doubles import client
from tests.monitoring.emulated import client_of, start_box

PRINCIPAL = "0b8c5a4e-5c0e-4a7e-9b0c-6d2f6a1d7c11"
JOB = "scim.7928d5b574424a97a02d66f9a9972ec0.5b1c0d9e-1111-4a7e-9b0c-6d2f6a1d7c22"
TEMPLATE = "8b1025e4-1dd2-430b-a150-2ef79cd700f5"


def replaying(name: str) -> GraphClient:
    """A client to which Graph gives one answer on record, whatever it asks."""
    seen = exchange(name)
    return client(lambda _: httpx.Response(seen.status, json=seen.body))


async def listed(listing):
    return [item async for item in listing]


async def listed_pages(pages):
    return [item async for page in pages for item in page]


def instantiated(graph):
    return graph.application_templates.instantiate(TEMPLATE, display_name="Orders")


def job(graph):
    return graph.synchronization.get_job(PRINCIPAL, JOB)


def jobs(graph):
    return graph.synchronization.jobs(PRINCIPAL)


def made(graph):
    return graph.synchronization.create_job(PRINCIPAL, "asked for")


def started(graph):
    return graph.synchronization.start(PRINCIPAL, JOB)


def validated(graph):
    return graph.synchronization.validate_credentials(PRINCIPAL, {"SecretToken": "s3cret"}, job_id=JOB)


def on_demand(graph):
    return graph.synchronization.provision_on_demand(PRINCIPAL, JOB, "rule", PRINCIPAL)


def events(graph):
    return listed_pages(graph.provisioning_logs.pages(top=500))


def audits(graph):
    return listed_pages(graph.directory_audits.pages())


def audit(found):
    (each,) = found
    actor = each.initiated_by.app
    return each.activity_display_name, actor.app_id, actor.service_principal_id, each.target.type


def steady(found):
    success = found[0].status.last_successful_execution
    return success.time_began is not None, success.time_ended.year, found[0].status.entry_counts


def settings_of(found):
    return {setting.name: setting.value for setting in found.synchronization_job_settings}


def event(found):
    (each,) = found
    status = each.provisioning_status_info
    return each.provisioning_action, status.status, status.error.error_code, each.initiated_by.initiator_type


# The name of an exchange, what the client is asked, what of its answer counts, and what that is.
READ = (
    (
        "templates list",
        lambda graph: listed(graph.application_templates.list()),
        lambda found: [(each.display_name, each.publisher, each.supported_provisioning_types) for each in found][-2:],
        [("Cross-Tenant Synchronization Preview", "Microsoft", ("sync",)), ("Custom", "", ("sync",))],
    ),
    (
        "instantiate google",
        instantiated,
        lambda found: {role.display_name: role.id for role in found.service_principal.app_roles},
        {
            "msiam_access": "8eea5c46-96fe-4398-b9c2-02ac04d931ca",
            "Default Organization": "9e79c739-f165-49e8-8745-fe08f1634b3b",
        },
    ),
    (
        "instantiate aws",
        instantiated,
        lambda found: (found.application.application_template_id, list(found.service_principal.tags)),
        (TEMPLATE, ["WindowsAzureActiveDirectoryIntegratedApp"]),
    ),
    ("job create customappsso", made, lambda found: found.template_id, "customappssoOutDelta"),
    ("job create google", made, lambda found: (found.status.code, found.schedule.state), ("Paused", "Disabled")),
    ("job create google", made, lambda found: found.schedule.interval_length, timedelta(minutes=40)),
    ("job create google", made, lambda found: found.status.steady_state_first_achieved_time, None),
    (
        "job create google",
        made,
        settings_of,
        {"AzureIngestionAttributeOptimization": "False", "LookaheadQueryEnabled": "False"},
    ),
    (
        "job just started",
        job,
        lambda found: (found.status.code, found.status.last_execution.time_began is not None),
        ("NotRun", False),
    ),
    ("job steady cloud sync", jobs, steady, (False, 2019, {"group to Group": 33, "user to User": 3})),
    ("on demand success", on_demand, lambda found: found.error_code, None),
    ("provisioning log skipped group", events, event, ("other", "skipped", None, "system")),
    ("provisioning log created user", events, event, ("create", "success", None, "system")),
    ("provisioning log failed group", events, event, ("create", "failure", "ContosoEntryConflict", "system")),
    (
        "audit role assignment",
        audits,
        audit,
        (
            "Add app role assignment to service principal",
            None,
            "40000000-0000-4000-8000-000000000002",
            "ServicePrincipal",
        ),
    ),
    (
        "audit provisioning export",
        audits,
        lambda found: (found[0].id[:5], found[0].target.id, bool(found[0].initiated_by.user)),
        ("Sync_", "40000000-0000-4000-8000-000000000001", False),
    ),
    (
        "provisioning log skipped group",
        events,
        lambda found: (found[0].activity_date_time, found[0].target_system.display_name),
        (datetime(2026, 7, 17, 12, 31, 10, tzinfo=UTC), "customappsso"),
    ),
)


@pytest.mark.parametrize(("name", "ask", "take", "value"), READ, ids=[row[0] for row in READ])
async def test_the_client_reads_what_is_on_record(name, ask, take, value):
    async with replaying(name) as graph:
        assert take(await ask(graph)) == value


# The name of an exchange, what the client is asked, and the error that it makes of the refusal.
REFUSED = (
    ("instantiate unknown template", instantiated, errors.BadRequest),
    ("start malformed job id", started, errors.BadRequest),
    ("schema patch", job, errors.NotFound),
    ("on demand unknown rule", on_demand, errors.BadRequest),
    ("expired token get", job, errors.Unauthorized),
    ("sync root empty id get", job, errors.BadRequest),
    ("unknown segment beta", job, errors.NotFound),
    ("validate credentials camel case key", validated, errors.ServerFailed),
)


@pytest.mark.parametrize(("name", "ask", "error"), REFUSED, ids=[row[0] for row in REFUSED])
async def test_the_client_names_a_refusal_on_record(name, ask, error):
    seen = exchange(name)
    async with replaying(name) as graph:
        with pytest.raises(error) as refused:
            await ask(graph)
    assert (refused.value.status, refused.value.code) == (seen.status, seen.code)
    if seen.body["error"].get("innerError"):
        assert refused.value.request_id == seen.body["error"]["innerError"]["request-id"]


@pytest.mark.parametrize("code", ["ResourceNotFound", "UnknownError", "Request_ResourceNotFound"])
async def test_no_jobs_is_an_empty_list_or_404_unless_the_principal_is_not_there_either(code):
    def graph_says(principal):
        absent = httpx.Response(404, json={"error": {"code": code, "message": ""}})
        return lambda request: absent if request.url.path.endswith("/jobs") else httpx.Response(principal, json={})

    async with client(graph_says(200)) as graph:
        assert await jobs(graph) == []
    async with client(graph_says(404)) as graph:
        if code == "Request_ResourceNotFound":
            with pytest.raises(errors.NotFound):
                await jobs(graph)
        else:
            assert await jobs(graph) == []


async def test_every_write_of_the_client_passes_the_gateway():
    emulator = Emulator(clock=Clock.frozen())
    async with await client_of(emulator) as graph:
        principal = await start_box(graph, "Orders")
        (found,) = await graph.synchronization.jobs(principal)
        await graph.synchronization.pause(principal, found.id)
    writes = [record for record in emulator.requests if record.method in ("POST", "PATCH", "PUT")]
    sent = {record.operation for record in writes if record.operation != "token"}
    assert sent >= {"instantiate", "create_job", "put_secrets", "start_job", "pause_job"}
    assert {record.status // 100 for record in writes} == {2}
