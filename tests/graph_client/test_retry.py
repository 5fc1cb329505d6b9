"""What is sent again, when, and how often."""

import httpx
import pytest

from graph_client import errors
from tests.graph_client.doubles import FakeTime, Script, answer, client, refusal

SP = "11111111-0000-4000-8000-000000000001"
SERVICE_PRINCIPAL = {"id": SP, "displayName": "x"}
JOB = {"id": "aws.1", "templateId": "aws"}

IDEMPOTENT = {
    "get": (lambda graph: graph.service_principals.get(SP), answer(200, SERVICE_PRINCIPAL)),
    "put": (lambda graph: graph.synchronization.save_secrets(SP, {"Url": "https://a.example"}), answer(204)),
    "patch": (lambda graph: graph.applications.patch(SP, {"notes": "x"}), answer(204)),
    "delete": (lambda graph: graph.service_principals.delete(SP), answer(204)),
    "validate": (
        lambda graph: graph.synchronization.validate_credentials(SP, {"Url": "https://a.example"}, template_id="aws"),
        answer(204),
    ),
    "pause": (lambda graph: graph.synchronization.pause(SP, "aws.1"), answer(204)),
}
ONCE = {
    "instantiate": (
        lambda graph: graph.application_templates.instantiate("t", display_name="x"),
        answer(201, {"application": {"id": "1"}, "servicePrincipal": {"id": "2"}}),
    ),
    "create job": (lambda graph: graph.synchronization.create_job(SP, "aws"), answer(201, JOB)),
    "assign": (lambda graph: graph.service_principals.assign(SP, "p", "r"), answer(201, {"id": "a"})),
    "start": (lambda graph: graph.synchronization.start(SP, "aws.1"), answer(204)),
    "restart": (lambda graph: graph.synchronization.restart(SP, "aws.1"), answer(204)),
}
HEALING = {
    **{str(status): refusal(status, "x") for status in (408, 429, 500, 502, 503, 504)},
    "concurrency": refusal(409, "Directory_ConcurrencyViolation"),
    "reset": httpx.ReadError("reset"),
    "closed": httpx.RemoteProtocolError("Server disconnected"),
    "read timeout": httpx.ReadTimeout("slow"),
    "write timeout": httpx.WriteTimeout("slow"),
    "html": httpx.Response(502, content=b"<html><title>Bad Gateway</title></html>"),
}
UNSENT = {
    "connect": httpx.ConnectError("refused"),
    "connect timeout": httpx.ConnectTimeout("slow"),
    "pool timeout": httpx.PoolTimeout("busy"),
}
FINAL = {
    **{str(status): refusal(status, "x") for status in (400, 401, 403, 404, 405, 410, 412)},
    "conflict": refusal(409, "Request_MultipleObjectsWithSameKeyValue"),
    "quota": refusal(503, "Directory_QuotaExceeded"),
    "untrusted": httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
}


def named(cases):
    return pytest.mark.parametrize("case", cases.values(), ids=cases.keys())


async def run(script, call, time=None, **changes):
    """Make one call and return its error, if any."""
    async with client(script, time, **changes) as graph:
        try:
            await call(graph)
        except errors.GraphError as error:
            assert graph.requests_sent == len(script.requests)
            return error
        assert graph.requests_sent == len(script.requests)
    return None


UNLICENSED = refusal(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant")


@pytest.mark.parametrize(
    ("calls", "refused", "sent"),
    [(IDEMPOTENT, 1, 2), (IDEMPOTENT, 5, 2), (ONCE, 1, 1)],
    ids=["once", "for good", "create"],
)
async def test_a_licence_that_is_denied_is_asked_for_once_more(calls, refused, sent):
    for call, good in calls.values():
        script = Script(*[UNLICENSED] * refused, good)
        error = await run(script, call)
        assert (error is None, len(script.requests)) == (sent > refused, sent)


@named(IDEMPOTENT)
@pytest.mark.parametrize("fault", [*HEALING, *UNSENT])
async def test_an_idempotent_call_is_repeated(case, fault):
    call, good = case
    script = Script({**HEALING, **UNSENT}[fault], good)
    assert await run(script, call) is None
    assert len(script.requests) == 2


@named(ONCE)
@pytest.mark.parametrize("fault", HEALING)
async def test_a_create_or_start_is_never_repeated_after_an_unknown_outcome(case, fault):
    call, good = case
    script = Script(HEALING[fault], good)
    error = await run(script, call)
    assert len(script.requests) == 1
    assert error.may_have_happened is (fault != "concurrency")


@named(ONCE)
@pytest.mark.parametrize("fault", UNSENT)
async def test_a_create_or_start_is_repeated_when_nothing_was_sent(case, fault):
    call, good = case
    script = Script(UNSENT[fault], good)
    assert await run(script, call) is None
    assert len(script.requests) == 2


@named(ONCE)
async def test_an_unknown_outcome_after_a_failed_connection_ends_a_create(case):
    call, good = case
    script = Script(httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), good)
    error = await run(script, call)
    assert len(script.requests) == 2
    assert error.may_have_happened


@named({**IDEMPOTENT, **ONCE})
@pytest.mark.parametrize("fault", FINAL)
async def test_what_will_not_heal_is_not_repeated(case, fault):
    call, good = case
    script = Script(FINAL[fault], good)
    assert await run(script, call) is not None
    assert len(script.requests) == 1


async def test_a_truncated_answer_to_a_read_is_read_again():
    script = Script(httpx.Response(200, content=b'{"id": "1'), answer(200, SERVICE_PRINCIPAL))
    assert await run(script, IDEMPOTENT["get"][0]) is None


@pytest.mark.parametrize("content", [b'{"id": "1', b"<html>", b"[]"])
async def test_a_create_with_an_unreadable_answer_may_have_happened(content):
    script = Script(httpx.Response(201, content=content))
    error = await run(script, ONCE["create job"][0])
    assert isinstance(error, errors.UnreadableAnswer)
    assert error.may_have_happened
    assert len(script.requests) == 1


async def test_a_created_object_without_an_id_may_have_happened():
    error = await run(Script(answer(201, {"templateId": "aws"})), ONCE["create job"][0])
    assert isinstance(error, errors.UnreadableAnswer)
    assert error.may_have_happened
    assert "id" in error.what
    assert error.path.endswith("/synchronization/jobs")


async def test_waiting_grows_with_jitter_and_is_bounded():
    time = FakeTime()
    await run(Script(refusal(503, "x")), IDEMPOTENT["get"][0], time, attempts=9, longest_backoff_seconds=8.0)
    wholes = [1, 2, 4, 8, 8, 8, 8, 8]
    assert len(time.slept) == len(wholes)
    assert all(whole / 2 <= slept <= whole for slept, whole in zip(time.slept, wholes, strict=True))
    assert len(set(time.slept)) > 4


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("2.128", 2.128), ("0", 0.0)])
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_beats_backoff(status, value, seconds):
    time = FakeTime()
    script = Script(refusal(status, "x", retry_after=value), answer(200, SERVICE_PRINCIPAL))
    assert await run(script, IDEMPOTENT["get"][0], time) is None
    assert sum(time.slept) == pytest.approx(seconds)


async def test_a_date_in_retry_after_is_obeyed():
    time = FakeTime()
    date, until = "Fri, 01 May 2026 12:00:00 GMT", "Fri, 01 May 2026 12:00:42 GMT"
    script = Script(refusal(429, "x", retry_after=until, date=date), answer(200, SERVICE_PRINCIPAL))
    assert await run(script, IDEMPOTENT["get"][0], time) is None
    assert sum(time.slept) == pytest.approx(42.0)


async def test_attempts_are_bounded():
    script = Script(refusal(500, "x", "down"))
    error = await run(script, IDEMPOTENT["get"][0], attempts=4)
    assert len(script.requests) == 4
    assert isinstance(error, errors.ServerFailed)
    assert error.gave_up.startswith("gave up after 4 attempts")
    assert len(str(error).splitlines()) == 3


@pytest.mark.parametrize("retry_after", ["0", "0.04", "7"])
async def test_who_is_asked_to_come_back_does_so_until_it_succeeds_and_ever_more_seldom(retry_after):
    time = FakeTime()
    refused = refusal(429, "TooManyRequests", retry_after=retry_after)
    script = Script(*[refused] * 9, answer(200, SERVICE_PRINCIPAL))
    assert await run(script, IDEMPOTENT["get"][0], time, attempts=4) is None
    assert len(script.requests) == 10
    assert sum(time.slept[:3]) == pytest.approx(3 * float(retry_after))
    assert all(15.0 <= slept <= 30.0 for slept in time.slept[-6:])


async def test_who_is_asked_to_come_back_for_ever_gives_up():
    time = FakeTime()
    script = Script(refusal(429, "TooManyRequests", retry_after="0"))
    error = await run(script, IDEMPOTENT["get"][0], time)
    assert isinstance(error, errors.Throttled)
    assert 255.0 <= sum(time.slept) <= 300.0
    assert len(script.requests) < 30


async def test_total_time_is_bounded():
    time = FakeTime()
    script = Script(refusal(503, "x", retry_after="40"))
    error = await run(script, IDEMPOTENT["get"][0], time, attempts=100, total_retry_seconds=100.0)
    assert len(script.requests) == 3
    assert sum(time.slept) == 80.0
    assert "asks to wait 40 s, 20 s of the retry budget are left" in str(error)


async def test_a_retry_after_beyond_the_budget_ends_at_once():
    time = FakeTime()
    script = Script(refusal(429, "TooManyRequests", retry_after="3600"))
    error = await run(script, IDEMPOTENT["get"][0], time)
    assert (len(script.requests), time.slept) == (1, [])
    assert error.retry_after_seconds == 3600.0
    assert "asks to wait 3600 s, 300 s of the retry budget are left" in str(error)


async def test_a_deleted_object_that_is_gone_after_a_lost_answer_was_deleted():
    script = Script(httpx.ReadTimeout("slow"), refusal(404, "Request_ResourceNotFound"))
    assert await run(script, IDEMPOTENT["delete"][0]) is None


async def test_a_delete_of_nothing_is_an_error():
    for script in (Script(refusal(404, "x")), Script(httpx.ConnectError("no"), refusal(404, "x"))):
        assert isinstance(await run(script, IDEMPOTENT["delete"][0]), errors.NotFound)


async def test_what_an_earlier_attempt_may_have_done_is_not_forgotten():
    script = Script(httpx.ReadTimeout("slow"), refusal(400, "x", "wrong"))
    assert (await run(script, IDEMPOTENT["patch"][0])).may_have_happened
    script = Script(httpx.ReadTimeout("slow"), refusal(400, "x", "wrong"))
    assert not (await run(script, IDEMPOTENT["get"][0])).may_have_happened


async def test_every_attempt_has_an_id_of_its_own():
    script = Script(refusal(503, "x"), refusal(503, "x"), answer(200, SERVICE_PRINCIPAL))
    await run(script, IDEMPOTENT["get"][0])
    assert len({request.headers["client-request-id"] for request in script.requests}) == 3
