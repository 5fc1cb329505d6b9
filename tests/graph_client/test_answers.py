"""Every error answer to every kind of call: sent again or not, after how long, and what the person is told."""

from itertools import chain, repeat

import httpx
import pytest
import respx

from graph_client import GraphClient, StaticTokens
from graph_client.errors import CredentialsRefused, GraphError
from graph_client.settings import GraphSettings
from tests.graph_client.doubles import GRAPH, SIGN_IN, FakeTime, refusal

ATTEMPTS = 3
SP = "11111111-0000-4000-8000-000000000001"
SETTINGS = GraphSettings(graph_url=GRAPH, authority=SIGN_IN, attempts=ATTEMPTS)
SECRETS = {"Url": "https://a.example"}

REPEATABLE = {
    "read": lambda graph: graph.service_principals.get(SP),
    "rename": lambda graph: graph.applications.patch(SP, {"displayName": "x"}),
    "read jobs": lambda graph: graph.synchronization.jobs(SP),
    "validate": lambda graph: graph.synchronization.validate_credentials(SP, SECRETS, template_id="aws"),
    "save": lambda graph: graph.synchronization.save_secrets(SP, SECRETS),
}
ONCE = {
    "create": lambda graph: graph.application_templates.instantiate("t", display_name="x"),
    "create job": lambda graph: graph.synchronization.create_job(SP, "aws"),
    "start": lambda graph: graph.synchronization.start(SP, "aws.1"),
    "assign": lambda graph: graph.service_principals.assign(SP, "p", "r"),
    "add owner": lambda graph: graph.applications.add_owner(SP, "o"),
}
CALLS = REPEATABLE | ONCE
ON_SYNCHRONIZATION = ("read jobs", "validate", "save", "create job", "start")

OWNED = "; Application.ReadWrite.OwnedBy is enough only if the caller owns the service principal"
ASKED_FOR = {
    "read": "Application.Read.All with admin consent",
    "read jobs": "Synchronization.Read.All with admin consent",
    **dict.fromkeys(("rename", "create"), f"Application.ReadWrite.All with admin consent{OWNED}"),
    **dict.fromkeys(
        ("validate", "save", "create job", "start"), f"Synchronization.ReadWrite.All with admin consent{OWNED}"
    ),
    "assign": "AppRoleAssignment.ReadWrite.All and Application.Read.All with admin consent",
    "add owner": f"Application.ReadWrite.All and Directory.Read.All with admin consent{OWNED}",
}
PERMISSION = {call: f"grant the application permission {names}" for call, names in ASKED_FOR.items()}
UNKNOWN = "check tenant, cloud and permissions of the signed-in application"
TOKEN = "the token was rejected: check tenant, clock, and that authority and Graph URL belong to one cloud"
ABSENT = "check the id (the object id, not the appId); new objects take a while to appear"
ABSENT_JOB = "check the job id and the service principal's object id (not the appId); new ones take minutes to appear"
TENANT = "wrong tenant or cloud for this token, or the directory is not ready"
BUSY = "other changes are in progress: try again"
TAKEN = "it already exists or is being changed: read it again before you repeat the change"
QUOTA = (
    "an app-only caller may be limited to 250 directory objects (deleted ones count for 30 days): "
    "purge deletedItems, or use another identity or an administrator's"
)
FAULT = "a fault in Graph: try again later; if it persists, give Microsoft the request-id"
REJECTED = "the target system rejected the credentials, or could not be reached: check its address, user and secret"
NOT_ON_SYNCHRONIZATION = dict.fromkeys(CALLS, UNKNOWN)
BY_PATH = {call: ABSENT_JOB if call in ON_SYNCHRONIZATION else ABSENT for call in CALLS}

# Status, code, Retry-After; whether a repeatable call is sent again; the hint, or the hint of each call.
TABLE = [
    (400, "Request_BadRequest", None, False, {"validate": REJECTED}),
    (401, "InvalidAuthenticationToken", None, False, TOKEN),
    (
        401,
        "UnknownError",
        None,
        False,
        NOT_ON_SYNCHRONIZATION | {call: PERMISSION[call] for call in ON_SYNCHRONIZATION},
    ),
    (403, "Authorization_RequestDenied", None, False, PERMISSION),
    (403, "Directory_QuotaExceeded", None, False, QUOTA),
    (503, "Directory_QuotaExceeded", None, False, QUOTA),
    (404, "Request_ResourceNotFound", None, False, BY_PATH),
    (404, "Directory_ObjectNotFound", None, False, TENANT),
    (405, "Request_BadRequest", None, False, None),
    (408, "RequestTimeout", None, True, None),
    (409, "Directory_ConcurrencyViolation", None, True, BUSY),
    (409, "Request_MultipleObjectsWithSameKeyValue", None, False, TAKEN),
    (412, "", None, False, None),
    (429, "TooManyRequests", None, True, "wait, then continue with fewer concurrent requests"),
    (429, "TooManyRequests", 7, True, "wait 7 s, then continue with fewer concurrent requests"),
    (429, "TooManyRequests", 2.128, True, "wait 2.128 s, then continue with fewer concurrent requests"),
    (429, "TooManyRequests", 3600, False, "wait 3600 s, then continue with fewer concurrent requests"),
    (500, "InternalServerError", None, True, FAULT),
    (501, "NotImplemented", None, False, FAULT),
    (502, "", None, True, FAULT),
    (503, "ServiceUnavailable", 7, True, FAULT),
    (504, "", None, True, FAULT),
    (509, "", None, False, FAULT),
]


async def asked(call, *answers):
    """Make one call of a Graph that gives these answers; its error, the requests sent, and the seconds waited."""
    time = FakeTime()
    with respx.mock(base_url=GRAPH) as graph_mock:
        route = graph_mock.route().mock(side_effect=chain(answers, repeat(answers[-1])))
        async with GraphClient(SETTINGS, StaticTokens("t"), sleep=time.sleep, clock=time.clock) as graph:
            with pytest.raises(GraphError) as caught:
                await CALLS[call](graph)
        return caught.value, route.call_count, sum(time.slept)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("status", "code", "retry_after", "again", "hint"), TABLE, ids=lambda value: str(value)[:24])
async def test_an_error_answer(call, status, code, retry_after, again, hint):
    headers = {"retry_after": str(retry_after)} if retry_after else {}
    error, sent, waited = await asked(call, refusal(status, code, "no", **headers))
    repeated = again and call in REPEATABLE
    # A 404 may say that there are no jobs: whether it is the service principal that is absent is asked, too.
    asks_twice = (call, code) == ("read jobs", "Request_ResourceNotFound")
    asked_back = repeated and status == 429 and retry_after
    assert asked_back or sent == (ATTEMPTS if repeated else 1 + asks_twice)
    if not repeated:
        assert waited == 0
    elif asked_back:
        # As often as it takes, within the time that a call has.
        assert (sent > ATTEMPTS, waited <= SETTINGS.total_retry_seconds) == (True, True)
    elif retry_after:
        assert waited == pytest.approx((ATTEMPTS - 1) * retry_after)
    else:
        assert 0.5 + 1 <= waited <= 1 + 2, "one second, then two, each less up to half of it"
    assert error.hint == (hint.get("read" if asks_twice else call) if isinstance(hint, dict) else hint)
    gave_up = f"gave up after {sent} attempts" if repeated else None
    assert (error.gave_up or "").startswith(gave_up or "")
    assert len(str(error).splitlines()) <= 3


@pytest.mark.parametrize(
    ("call", "status", "code", "message", "hint"),
    [
        (
            "rename",
            400,
            "Request_BadRequest",
            "'1' does not reference a valid application object.",
            "a new application is not replicated yet: try again in a minute",
        ),
        (
            "assign",
            400,
            "Request_BadRequest",
            "Permission being assigned already exists on the object",
            "this assignment already exists",
        ),
        ("save", 400, "SystemForCrossDomainIdentityManagementCredentialValidationUnavailable", "no", REJECTED),
    ],
)
async def test_an_answer_that_its_words_or_its_code_explain(call, status, code, message, hint):
    error, sent, _ = await asked(call, refusal(status, code, message))
    assert (error.hint, sent) == (hint, 1)


LONG = "SystemForCrossDomainIdentityManagementCredentialValidationUnavailable"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 424, 429, 500, 503])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": LONG, "message": "Unauthorized (401)"}, LONG),
        ({"code": "CredentialValidationUnavailable", "message": "404 Not Found"}, "CredentialValidationUnavailable"),
        # As recorded, but for where the long one was.
        ({"code": "CredentialValidationUnavailable", "message": f"… {LONG} … Unauthorized (401) …"}, LONG),
        ({"code": "BadRequest", "message": "no", "innerError": {"innerError": {"code": LONG}}}, LONG),
        ({"code": "UnknownError", "message": "", "details": [{"code": LONG, "message": "no"}]}, LONG),
    ],
)
async def test_credentials_that_cannot_be_validated_are_known_by_the_word_whatever_the_status(status, error, code):
    found, sent, _ = await asked("validate", httpx.Response(status, json={"error": error}))
    assert isinstance(found, CredentialsRefused)
    assert (found.code, found.status, found.hint, sent) == (code, status, REJECTED, 1)
    assert not found.not_yet
    assert not found.may_have_happened


@pytest.mark.parametrize("call", ["validate", "save"])
async def test_a_key_that_graph_does_not_know_is_not_tried_again(call):
    """Recorded for a validation, in an issue of the SDK for Java."""
    unknown = refusal(500, "InternalError", "Requested value 'baseAddress' was not found.")
    error, sent, _ = await asked(call, unknown)
    assert (error.status, sent) == (500, 1)
    assert "case-sensitive" in error.hint


@pytest.mark.parametrize("call", CALLS)
async def test_a_page_of_a_gateway_in_place_of_an_answer(call):
    error, sent, _ = await asked(call, httpx.Response(502, html="<html><title>Bad Gateway</title></html>"))
    assert (error.hint, sent) == (FAULT, ATTEMPTS if call in REPEATABLE else 1)
    assert "<html>" not in str(error)


@pytest.mark.parametrize("call", CALLS)
async def test_a_fault_and_then_a_refusal_ends_with_the_refusal(call):
    faults = (refusal(503, "x"), refusal(403, "Authorization_RequestDenied"))
    error, sent, _ = await asked(call, *faults)
    if call in ONCE:
        assert (error.status, sent) == (503, 1)
    else:
        assert (error.status, error.hint, sent) == (403, PERMISSION[call], 2)
