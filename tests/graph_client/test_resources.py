"""Paths, queries and bodies of the calls that the tutorial does not make."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from graph_client import errors
from tests.graph_client.doubles import GRAPH, Script, answer, client, page

SP = "1f2e3d4c-0000-4000-8000-000000000001"
ASSIGNMENT = {"id": "opaque_-1", "principalId": "p", "resourceId": SP, "appRoleId": "r", "principalType": "Group"}


async def sent(script, call, **changes):
    """Make a call or drain a listing; returns the only request and the value."""
    async with client(script, **changes) as graph:
        made = call(graph)
        value = [item async for item in made] if hasattr(made, "__aiter__") else await made
    (request,) = script.requests
    return f"{request.method} {str(request.url).removeprefix(GRAPH)}", value


async def test_a_template_is_found_by_its_exact_name():
    script = Script(page([{"id": "1"}]))
    line, _ = await sent(script, lambda g: g.application_templates.list(display_name="O'Reilly & Co", select=["id"]))
    assert line == "GET /v1.0/applicationTemplates?$filter=displayName%20eq%20'O''Reilly%20%26%20Co'&$select=id"


async def test_a_template_is_read():
    line, template = await sent(Script(answer(200, {"id": "1"})), lambda g: g.application_templates.get("1"))
    assert (line, template.id) == ("GET /v1.0/applicationTemplates/1", "1")


async def test_a_service_management_reference_is_given_along():
    script = Script(answer(201, {"application": {"id": "1"}, "servicePrincipal": {"id": "2"}}))
    await sent(
        script,
        lambda g: g.application_templates.instantiate("t", display_name="x", service_management_reference="CHG1"),
    )
    assert script.bodies() == [{"displayName": "x", "serviceManagementReference": "CHG1"}]


@pytest.mark.parametrize(
    ("name", "path"), [("applications", "applications"), ("service_principals", "servicePrincipals")]
)
async def test_objects_are_listed_read_changed_and_deleted(name, path):
    script = Script(page([{"id": "1", "tags": ["a"]}]))
    line, found = await sent(
        script, lambda g: getattr(g, name).list(filter="tags/any(t:startsWith(t,'x:'))", select=("id", "tags"))
    )
    assert line == f"GET /v1.0/{path}?$filter=tags/any(t:startsWith(t,'x:'))&$select=id,tags&$top=999"
    assert [item.tags for item in found] == [("a",)]

    line, item = await sent(Script(answer(200, {"id": "1"})), lambda g: getattr(g, name).get("1", select=("id",)))
    assert (line, item.id) == (f"GET /v1.0/{path}/1?$select=id", "1")

    line, _ = await sent(Script(answer(204)), lambda g: getattr(g, name).delete("1"))
    assert line == f"DELETE /v1.0/{path}/1"


async def test_an_application_is_changed_by_what_differs():
    script = Script(answer(204))
    line, _ = await sent(script, lambda g: g.applications.patch("1", {"tags": ["a", "b"], "notes": None}))
    assert (line, script.bodies()) == ("PATCH /v1.0/applications/1", [{"tags": ["a", "b"], "notes": None}])


async def test_deleted_objects_are_listed_read_and_purged():
    binned = "/v1.0/directory/deletedItems"
    line, found = await sent(Script(page([{"id": "1", "tags": ["a"]}])), lambda g: g.deleted_items.applications())
    assert (line, found[0].tags) == (f"GET {binned}/microsoft.graph.application?$top=999", ("a",))

    line, _ = await sent(Script(page([])), lambda g: g.deleted_items.service_principals())
    assert line == f"GET {binned}/microsoft.graph.servicePrincipal?$top=999"

    line, item = await sent(Script(answer(200, {"id": "1"})), lambda g: g.deleted_items.get("1"))
    assert (line, item.id) == (f"GET {binned}/1", "1")

    line, _ = await sent(Script(answer(204)), lambda g: g.deleted_items.purge("1"))
    assert line == f"DELETE {binned}/1"


async def test_assignments_are_listed_made_and_taken_away():
    line, found = await sent(Script(page([ASSIGNMENT])), lambda g: g.service_principals.assignments(SP))
    assert line == f"GET /v1.0/servicePrincipals/{SP}/appRoleAssignedTo?$top=999"
    assert (found[0].principal_id, found[0].app_role_id) == ("p", "r")

    script = Script(answer(201, ASSIGNMENT))
    line, made = await sent(script, lambda g: g.service_principals.assign(SP, "p", "r"))
    assert line == f"POST /v1.0/servicePrincipals/{SP}/appRoleAssignedTo"
    assert script.bodies() == [{"principalId": "p", "resourceId": SP, "appRoleId": "r"}]
    assert made.id == "opaque_-1"

    line, _ = await sent(Script(answer(204)), lambda g: g.service_principals.unassign(SP, "opaque_-1"))
    assert line == f"DELETE /v1.0/servicePrincipals/{SP}/appRoleAssignedTo/opaque_-1"


async def test_jobs_are_listed_paused_restarted_and_deleted():
    jobs = f"/v1.0/servicePrincipals/{SP}/synchronization/jobs"
    line, found = await sent(Script(page([{"id": "b.1"}, {"id": "a.1"}])), lambda g: g.synchronization.jobs(SP))
    assert (line, [job.id for job in found]) == (f"GET {jobs}", ["b.1", "a.1"])

    line, _ = await sent(Script(answer(204)), lambda g: g.synchronization.pause(SP, "a.1"))
    assert line == f"POST {jobs}/a.1/pause"

    line, _ = await sent(Script(answer(204)), lambda g: g.synchronization.delete_job(SP, "a.1"))
    assert line == f"DELETE {jobs}/a.1"

    for scope, criteria in ((None, {}), ("Watermark, Escrows", {"resetScope": "Watermark, Escrows"})):
        script = Script(answer(204))
        restart = lambda g, scope=scope: g.synchronization.restart(SP, "a.1", reset_scope=scope)  # noqa: E731
        line, _ = await sent(script, restart)
        assert (line, script.bodies()) == (f"POST {jobs}/a.1/restart", [{"criteria": criteria}])


async def test_an_id_is_one_segment_of_the_path():
    script = Script(answer(200, {"id": "x"}))
    line, _ = await sent(script, lambda g: g.synchronization.get_job(SP, "scim.1/../2?x#y%"))
    assert line == f"GET /v1.0/servicePrincipals/{SP}/synchronization/jobs/scim.1%2F..%2F2%3Fx%23y%25"


@pytest.mark.parametrize("wrong", ["", "..", "."])
async def test_an_id_that_would_change_the_path_is_refused(wrong):
    script = Script(answer(204))
    async with client(script) as graph:
        with pytest.raises(errors.InvalidCall):
            await graph.applications.delete(wrong)
        with pytest.raises(ValueError, match="cannot be part"):
            await graph.synchronization.start(SP, wrong)
    assert script.requests == []


async def test_saved_secrets_are_read_by_key():
    pairs = [{"key": "BaseAddress", "value": "https://a.example"}, {"key": "SecretToken", "value": "*"}, {"key": "X"}]
    line, found = await sent(Script(page(pairs)), lambda g: g.synchronization.secrets(SP))
    assert line == f"GET /v1.0/servicePrincipals/{SP}/synchronization/secrets"
    assert found == {"BaseAddress": "https://a.example", "SecretToken": "*", "X": ""}


@pytest.mark.parametrize("masked", ["*", "****"])
async def test_a_masked_secret_is_never_written_back(masked):
    script = Script(answer(204))
    credentials = {"BaseAddress": "https://a.example", "SecretToken": masked}
    async with client(script) as graph:
        for call in (
            graph.synchronization.save_secrets(SP, credentials),
            graph.synchronization.validate_credentials(SP, credentials, job_id="a.1"),
        ):
            with pytest.raises(errors.MaskedSecret) as caught:
                await call
            assert "SecretToken" in str(caught.value)
            assert isinstance(caught.value, ValueError)
    assert script.requests == []


async def test_an_empty_secret_removes_its_key_and_stars_inside_are_no_mask():
    script = Script(answer(204))
    await sent(script, lambda g: g.synchronization.save_secrets(SP, {"Sandbox": "", "Password": "a*b"}))
    assert script.bodies() == [{"value": [{"key": "Sandbox", "value": ""}, {"key": "Password", "value": "a*b"}]}]


@pytest.mark.parametrize("ids", [{}, {"template_id": "scim", "job_id": "a.1"}])
async def test_credentials_are_validated_for_one_of_template_and_job(ids):
    script = Script(answer(204))
    async with client(script) as graph:
        with pytest.raises(errors.InvalidCall):
            await graph.synchronization.validate_credentials(SP, {"Url": "x"}, **ids)
    assert script.requests == []


AFTER = datetime(2026, 5, 1, 14, 0, 0, 500000, tzinfo=timezone(timedelta(hours=2)))
BEFORE = datetime(2026, 5, 1, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "query"),
    [
        ({"after": AFTER}, "$filter=activityDateTime%20gt%202026-05-01T12:00:00.500000Z&$top=500"),
        (
            {"after": AFTER, "before": BEFORE, "top": 50},
            "$filter=activityDateTime%20gt%202026-05-01T12:00:00.500000Z%20and%20"
            "activityDateTime%20lt%202026-05-01T13:00:00Z&$top=50",
        ),
        (
            {"before": BEFORE, "filter": "jobid eq 'a' or jobid eq 'b'", "order_by": "activityDateTime desc"},
            "$filter=activityDateTime%20lt%202026-05-01T13:00:00Z%20and%20(jobid%20eq%20'a'%20or%20jobid%20eq%20'b')"
            "&$orderby=activityDateTime%20desc&$top=500",
        ),
        ({"filter": "jobid eq 'a'"}, "$filter=jobid%20eq%20'a'&$top=500"),
    ],
)
async def test_the_log_is_read_by_windows(window, query):
    line, _ = await sent(Script(page([])), lambda g: g.provisioning_logs.pages(**window))
    assert line == f"GET /v1.0/auditLogs/provisioning?{query}"


async def test_the_log_comes_in_pages():
    link = f"{GRAPH}/v1.0/auditLogs/provisioning?$skiptoken=x"
    script = Script(page([{"id": "1"}, {"id": "2"}], link), page([], link + "y"), page([{"id": "3"}]))
    async with client(script) as graph:
        pages = [[event.id for event in found] async for found in graph.provisioning_logs.pages(after=AFTER)]
    assert pages == [["1", "2"], [], ["3"]]


async def test_a_moment_without_a_time_zone_is_refused():
    async with client(Script(page([]))) as graph:
        with pytest.raises(errors.InvalidCall, match="time zone"):
            graph.provisioning_logs.pages(after=datetime(2026, 5, 1))  # noqa: DTZ001


async def test_audits_are_read_by_windows_and_service():
    line, _ = await sent(
        Script(page([])), lambda g: g.directory_audits.pages(start=AFTER, end=BEFORE, service="Account Provisioning")
    )
    assert line == (
        "GET /v1.0/auditLogs/directoryAudits?$filter=activityDateTime%20ge%202026-05-01T12:00:00.500000Z%20and%20"
        "activityDateTime%20le%202026-05-01T13:00:00Z%20and%20loggedByService%20eq%20'Account%20Provisioning'&$top=500"
    )


async def test_owners_are_listed_and_added_by_reference():
    line, owners = await sent(Script(page([{"id": "o"}])), lambda g: g.applications.owners("1"))
    assert (line, [owner.id for owner in owners]) == ("GET /v1.0/applications/1/owners?$select=id", ["o"])
    script = Script(answer(204))
    line, _ = await sent(script, lambda g: g.applications.add_owner("1", "o"))
    assert line == "POST /v1.0/applications/1/owners/$ref"
    assert script.bodies() == [{"@odata.id": f"{GRAPH}/v1.0/directoryObjects/o"}]


async def test_saved_credentials_are_validated_for_a_job():
    script = Script(answer(204))
    line, _ = await sent(script, lambda g: g.synchronization.validate_saved_credentials(SP, "aws.1"))
    assert line == f"POST /v1.0/servicePrincipals/{SP}/synchronization/jobs/aws.1/validateCredentials"
    assert script.bodies() == [{"useSavedCredentials": True}]
