"""What was created minutes ago: one grace for every call about it, and none for what is older."""

import base64
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_client import GraphClient, StaticTokens, errors
from graph_client.replication import FreshObjects
from tests.graph_client.doubles import SETTINGS, FakeTime, Script, answer, client, page, refusal

APP, SP, JOB = "11111111-0000-4000-8000-00000000000A", "11111111-0000-4000-8000-00000000000b", "aws.1.2"
MADE = answer(201, {"application": {"id": APP, "appId": "3"}, "servicePrincipal": {"id": SP, "appId": "3"}})
NOT_YET = {
    "404": refusal(404, "Request_ResourceNotFound"),
    "409": refusal(409, "Conflict"),
    "400": refusal(400, "Request_BadRequest", "'1' does not reference a valid application object."),
}
NOT_YET_ON_SYNCHRONIZATION = {
    **NOT_YET,
    "403": refusal(403, "Authorization_RequestDenied"),
    # Within minutes of an instantiate, reported by others; recorded as the word for "not permitted".
    "401": refusal(401, "UnknownError"),
}
DIRECTORY = {
    "get": lambda graph: graph.applications.get(APP),
    "patch": lambda graph: graph.applications.patch(APP, {"notes": "x"}),
    "principal": lambda graph: graph.service_principals.get(SP),
    "owners": lambda graph: drain(graph.applications.owners(APP)),
    "assignments": lambda graph: drain(graph.service_principals.assignments(SP)),
}
SYNCHRONIZATION = {
    "templates": lambda graph: graph.synchronization.templates(SP),
    "job": lambda graph: graph.synchronization.get_job(SP, JOB),
    "validate": lambda graph: graph.synchronization.validate_credentials(SP, {"Url": "u"}, template_id="aws"),
    "validate saved": lambda graph: graph.synchronization.validate_saved_credentials(SP, JOB),
    "secrets": lambda graph: graph.synchronization.secrets(SP),
    "save": lambda graph: graph.synchronization.save_secrets(SP, {"Url": "u"}),
    "pause": lambda graph: graph.synchronization.pause(SP, JOB),
    "schema": lambda graph: graph.synchronization_schemas.get(SP, JOB),
    "parse": lambda graph: graph.synchronization_schemas.parse_expression(SP, JOB, "[mail]"),
    "batched": lambda graph: graph.batched.synchronization.get_job(SP, JOB),
}
ONCE = {
    "create job": lambda graph: graph.synchronization.create_job(SP, "aws"),
    "start": lambda graph: graph.synchronization.start(SP, JOB),
    "assign": lambda graph: graph.service_principals.assign(SP, "4", "5"),
    "add owner": lambda graph: graph.applications.add_owner(APP, "4"),
}
GOOD = answer(200, {"id": JOB, "value": []})
CASES = [
    *((call, said) for call in DIRECTORY for said in NOT_YET),
    *((call, said) for call in SYNCHRONIZATION for said in NOT_YET_ON_SYNCHRONIZATION),
]


async def drain(listing):
    return [each async for each in listing]


async def make(graph):
    await graph.application_templates.instantiate("t", display_name="x")


async def error_of(awaitable):
    with pytest.raises(errors.GraphError) as caught:
        await awaitable
    return caught.value


@pytest.mark.parametrize(("call", "said"), CASES)
async def test_what_a_replica_says_of_a_new_object_is_waited_out(call, said):
    time = FakeTime()
    script = Script(MADE, *[NOT_YET_ON_SYNCHRONIZATION[said]] * 7, GOOD)
    async with client(script, time) as graph:
        await make(graph)
        await (DIRECTORY | SYNCHRONIZATION)[call](graph)
    assert 30.0 < sum(time.slept) < 60.0


@pytest.mark.parametrize(("call", "said"), CASES)
async def test_of_an_object_that_is_older_it_is_final(call, said):
    time = FakeTime()
    script = Script(MADE, NOT_YET_ON_SYNCHRONIZATION[said])
    async with client(script, time) as graph:
        await make(graph)
        time.now += SETTINGS.fresh_object_seconds
        error = await error_of((DIRECTORY | SYNCHRONIZATION)[call](graph))
    assert (error.status, len(script.requests), time.slept) == (int(said), 2, [])


async def test_all_calls_share_the_grace_of_the_object():
    time = FakeTime()
    started = time.now
    async with client(Script(MADE, NOT_YET["404"]), time) as graph:
        await make(graph)
        for call in SYNCHRONIZATION.values():
            error = await error_of(call(graph))
            assert error.status == 404
    assert 580.0 < time.now - started <= SETTINGS.fresh_object_seconds
    assert "gave up" in str(error) or error.gave_up is None


async def test_a_job_that_is_new_on_an_old_principal_has_a_grace_too():
    time = FakeTime()
    script = Script(answer(201, {"id": JOB, "templateId": "aws"}), NOT_YET["404"], GOOD)
    async with client(script, time) as graph:
        await graph.synchronization.create_job(SP, "aws")
        await graph.synchronization.pause(SP, JOB)
    assert len(script.requests) == 3


@pytest.mark.parametrize("call", ONCE.values(), ids=ONCE)
@pytest.mark.parametrize("said", NOT_YET)
async def test_what_must_not_be_done_twice_is_left_to_who_can_look(call, said):
    """Graph was seen to answer 404 to an instantiate that it carried out."""
    script = Script(MADE, NOT_YET[said], GOOD)
    async with client(script) as graph:
        await make(graph)
        error = await error_of(call(graph))
    assert len(script.requests) == 2
    assert error.not_yet
    assert error.grace_seconds_left > 500.0


async def test_a_new_service_principal_may_have_no_jobs():
    script = Script(MADE, NOT_YET["404"])
    async with client(script) as graph:
        await make(graph)
        assert await graph.synchronization.jobs(SP) == []
    assert len(script.requests) == 2


@pytest.mark.parametrize("call", ["delete job", "delete"])
async def test_an_absence_that_was_asked_for_is_an_answer(call):
    calls = {
        "delete job": lambda graph: graph.synchronization.delete_job(SP, JOB),
        "delete": lambda graph: graph.applications.delete(APP),
    }
    script = Script(MADE, NOT_YET["404"])
    async with client(script) as graph:
        await make(graph)
        assert isinstance(await error_of(calls[call](graph)), errors.NotFound)
    assert len(script.requests) == 2


async def test_what_was_deleted_is_no_longer_to_come():
    script = Script(MADE, answer(204), NOT_YET["404"])
    async with client(script) as graph:
        await make(graph)
        await graph.applications.delete(APP)
        assert isinstance(await error_of(graph.applications.get(APP)), errors.NotFound)
    assert len(script.requests) == 3


async def test_a_wait_sees_each_read_itself():
    time = FakeTime()
    script = Script(MADE, GOOD, NOT_YET["404"], GOOD, GOOD)
    async with client(script, time) as graph:
        await make(graph)
        await graph.wait_until(lambda: graph.synchronization.get_job(SP, JOB), seen=2, interval_seconds=0.5)
    assert len(script.requests) == 5
    assert sum(time.slept) < 2.0


@pytest.mark.parametrize("fault", [refusal(404, "Directory_ObjectNotFound"), refusal(403, "Directory_QuotaExceeded")])
async def test_what_no_wait_heals_is_final_for_a_new_object_too(fault):
    script = Script(MADE, fault)
    async with client(script) as graph:
        await make(graph)
        await error_of(graph.synchronization.get_job(SP, JOB))
    assert len(script.requests) == 2


def token_with(*roles):
    payload = base64.urlsafe_b64encode(json.dumps({"tid": "t", "roles": roles}).encode()).decode().rstrip("=")
    return f"e30.{payload}.x"


@pytest.mark.parametrize(
    ("roles", "is_permitted"),
    [
        (["Application.ReadWrite.All"], False),
        ([], False),
        (["Synchronization.ReadWrite.All"], True),
        (["Application.ReadWrite.OwnedBy"], True),
    ],
)
@pytest.mark.parametrize("said", ["401", "403"])
@pytest.mark.parametrize("in_a_wait", [True, False], ids=["wait", "call"])
async def test_a_token_that_may_not_is_refused_at_once(roles, is_permitted, said, in_a_wait):
    time = FakeTime()
    script = Script(MADE, NOT_YET_ON_SYNCHRONIZATION[said], GOOD)
    tokens = StaticTokens(token_with(*roles))
    async with GraphClient(
        SETTINGS, tokens, transport=httpx.MockTransport(script), sleep=time.sleep, clock=time.clock
    ) as graph:
        await make(graph)
        call = lambda: graph.synchronization.get_job(SP, JOB)  # noqa: E731
        reading = graph.wait_until(call, seen=1) if in_a_wait else call()
        if is_permitted:
            await reading
        else:
            assert (await error_of(reading)).status == int(said)
    assert len(script.requests) == (3 if is_permitted else 2)


@pytest.mark.parametrize(("minutes_old", "is_new"), [(0, True), (5, True), (11, False), (60 * 24, False), (-90, False)])
async def test_graph_tells_when_an_application_was_created(minutes_old, is_new):
    """By its own clock: this machine's is three hours ahead."""
    graph_time = datetime(2026, 11, 26, 12, tzinfo=UTC)
    created = (graph_time - timedelta(minutes=minutes_old)).isoformat()
    listed = page([{"id": APP, "appId": "3", "createdDateTime": created}])
    listed.headers["date"] = format_datetime(graph_time, usegmt=True)
    script = Script(listed, page([{"id": SP, "appId": "3"}]), NOT_YET["404"], GOOD)
    time = FakeTime()
    async with GraphClient(
        SETTINGS,
        StaticTokens("opaque"),
        transport=httpx.MockTransport(script),
        sleep=time.sleep,
        clock=time.clock,
        wall_clock=lambda: graph_time + timedelta(hours=3),
    ) as graph:
        await drain(graph.applications.list())
        await drain(graph.service_principals.list())
        if is_new:
            await graph.synchronization.get_job(SP, JOB)
        else:
            await error_of(graph.synchronization.get_job(SP, JOB))


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 900), st.floats(0, 400)), max_size=30))
def test_the_grace_ends_when_the_last_object_of_a_path_is_no_longer_new(steps):
    """Against a plain model: the moments at which each was created."""
    now, created = 0.0, {}
    start = datetime(2026, 1, 1, tzinfo=UTC)
    fresh = FreshObjects(600.0, lambda: now, lambda: start + timedelta(seconds=now))
    for name, age, pause in steps:
        now += pause
        if now >= age:
            fresh.add(name, created_at=start + timedelta(seconds=now - age))
            if age < 600:
                created[name] = now - age
        for one, other in ("ab", "cd", "ef", "aa"):
            newest = max(created.get(each, -1e9) for each in (one, other))
            left = fresh.seconds_left(f"/servicePrincipals/{one.upper()}/synchronization/jobs/{other}?x=1")
            assert left == pytest.approx(max(0.0, newest + 600.0 - now), abs=1e-3)
