from email.utils import parsedate_to_datetime

import httpx
import pytest

from graph_emulator import Emulator, EmulatorError, EmulatorSettings, FaultRule
from graph_emulator.faults.rules import read_rule
from tests.graph_emulator.driver import AWS, error_of

PATH = f"/applicationTemplates/{AWS}/instantiate"
BODY = {"displayName": "x"}


async def outcome(wire, method="POST", path=PATH, body=BODY):
    """The status of a request, or the name of what the client saw instead."""
    try:
        return (await wire.send(method, path, body if method == "POST" else None)).status_code
    except httpx.TransportError as error:
        return type(error).__name__


@pytest.mark.parametrize("after_commit", [False, True])
@pytest.mark.parametrize("status", [404, 429, 500, 502, 503, 504])
async def test_a_status_before_or_after_the_write(open_tenant, status, after_commit):
    rule = FaultRule("status", operation="instantiate", status=status, occurrence=2, after_commit=after_commit)
    wire = await open_tenant(faults=[rule])
    assert [await outcome(wire) for _ in range(3)] == [201, status, 201]
    assert len(wire.emulator.controls.state()["applications"]) == (3 if after_commit else 2)
    faults = [record.fault for record in wire.emulator.requests if record.operation == "instantiate"]
    assert faults == [None, f"status-{status}-{'after' if after_commit else 'before'}", None]


@pytest.mark.parametrize("after_commit", [False, True])
async def test_a_connection_is_reset_before_or_after_the_write(open_tenant, after_commit):
    rule = FaultRule("reset", operation="instantiate", occurrence=1, after_commit=after_commit)
    wire = await open_tenant(faults=[rule])
    assert [await outcome(wire), await outcome(wire)] == ["ReadError", 201]
    assert len(wire.emulator.controls.state()["applications"]) == 1 + after_commit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("2.128", 2.128), ("86400", 86_400)],
)
async def test_retry_after_as_it_is_written(open_tenant, text, seconds):
    wire = await open_tenant(faults=[FaultRule("status", status=429, retry_after=text)])
    answer = await wire.send("GET", "/organization")
    assert error_of(answer) == (429, "TooManyRequests")
    assert float(answer.headers["Retry-After"]) == seconds


async def test_retry_after_as_a_date(open_tenant):
    wire = await open_tenant(faults=[FaultRule("status", status=503, retry_after="date:60")])
    answer = await wire.send("GET", "/organization")
    assert parsedate_to_datetime(answer.headers["Retry-After"]).year > 2000


async def test_a_truncated_answer(open_tenant):
    wire = await open_tenant(faults=[FaultRule("truncate", operation="instantiate")])
    answer = await wire.send("POST", PATH, BODY)
    assert answer.status_code == 201
    with pytest.raises(ValueError, match=r".+"):
        answer.json()
    assert len(wire.emulator.controls.state()["applications"]) == 1


@pytest.mark.parametrize("after_commit", [False, True])
async def test_a_page_of_some_gateway(open_tenant, after_commit):
    rule = FaultRule("html", operation="instantiate", status=502, after_commit=after_commit)
    wire = await open_tenant(faults=[rule])
    answer = await wire.send("POST", PATH, BODY)
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")
    assert answer.text.startswith("<!DOCTYPE html>")
    assert len(wire.emulator.controls.state()["applications"]) == after_commit


async def test_a_link_that_leads_elsewhere(open_tenant):
    wire = await open_tenant(faults=[FaultRule("hostile_next_link", method="GET")])
    page = await wire.get("/servicePrincipals")
    assert not page["@odata.nextLink"].startswith(str(wire.client.base_url))


async def test_a_refused_token_stays_refused_and_a_new_one_is_good(open_tenant):
    wire = await open_tenant(faults=[FaultRule("expired_token", times=1)])
    for _ in range(2):
        assert error_of(await wire.send("GET", "/organization")) == (401, "InvalidAuthenticationToken")
    await wire.sign_in()
    assert (await wire.send("GET", "/organization")).status_code == 200


async def test_renewing_once_for_each_refusal_always_gets_through(open_tenant):
    wire = await open_tenant(faults=[FaultRule("expired_token", probability=0.5)])
    renewals = 0
    for _ in range(200):
        if (await wire.send("GET", "/organization")).status_code == 401:
            renewals += 1
            await wire.sign_in()
            assert (await wire.send("GET", "/organization")).status_code == 200
    assert renewals > 10


async def test_values_nobody_has_seen_and_fields_that_are_missing(open_tenant):
    rules = [FaultRule("unknown_enum", operation="get_job"), FaultRule("missing_schedule", operation="get_job")]
    wire = await open_tenant(faults=rules)
    _, job = await wire.running_job()
    shown = await wire.get(job)
    assert shown["status"]["code"] == "unknownFutureValue"
    assert "schedule" not in shown
    assert "unknownProperty" in shown
    wire.emulator.controls.clear_faults()
    assert (await wire.get(job))["status"]["code"] == "NotRun"


async def test_faults_compose_and_the_first_that_stops_wins(open_tenant):
    rules = [
        FaultRule("missing_schedule", operation="list_jobs"),
        FaultRule("status", path="*/jobs", status=503, occurrence=2),
        FaultRule("reset", path="*/jobs", occurrence=2),
    ]
    wire = await open_tenant(faults=rules, no_jobs="empty")
    _, principal = await wire.instantiate()
    path = f"/servicePrincipals/{principal}/synchronization/jobs"
    assert [await outcome(wire, "GET", path) for _ in range(3)] == [200, 503, 200]
    assert [r.fault for r in wire.emulator.requests][-2] == "missing_schedule,status-503-before,reset-before"


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        ({"method": "write"}, {"instantiate"}),
        ({"method": "get"}, {"list_applications", "list_organization"}),
        ({"operation": "list_*"}, {"list_applications", "list_organization"}),
        ({"path": "/organization"}, {"list_organization"}),
        ({}, {"instantiate", "list_applications", "list_organization"}),
    ],
)
async def test_which_requests_a_rule_is_about(open_tenant, rule, struck):
    wire = await open_tenant(faults=[FaultRule("status", **rule)])
    await wire.send("POST", PATH, BODY)
    await wire.send("GET", "/applications")
    await wire.send("GET", "/organization")
    assert {record.operation for record in wire.emulator.requests if record.fault} == struck


async def test_a_share_of_requests_is_struck_by_seed(open_tenant):
    async def pattern(seed):
        wire = await open_tenant(seed=seed, faults=[FaultRule("status", probability=0.3)])
        return [await outcome(wire, "GET", "/organization") for _ in range(100)]

    first = await pattern(1)
    assert 15 < first.count(503) < 45
    assert await pattern(1) == first != await pattern(2)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({}, "effect is missing"),
        ({"effect": "explode"}, "unknown effect 'explode'; known: status"),
        ({"effect": "status", "statsu": 5}, "unknown field 'statsu'; known: after_commit"),
        ({"effect": "status", "status": "503"}, "status: '503' is of the wrong type"),
        ({"effect": "status", "status": 200}, "status 200 is no error"),
        ({"effect": "status", "occurrence": True}, "occurrence: True is of the wrong type"),
        ({"effect": "status", "occurrence": 0}, "counted from 1"),
        ({"effect": "status", "probability": 2}, "not between 0 and 1"),
        ({"effect": "reset", "after_commit": 1}, "after_commit: 1 is of the wrong type"),
        (["effect"], "a JSON object is expected"),
    ],
)
def test_a_rule_that_cannot_be_says_why(rule, words):
    with pytest.raises(EmulatorError) as refused:
        read_rule(rule)
    assert words in str(refused.value)


def test_an_unknown_profile_names_the_known_ones():
    with pytest.raises(EmulatorError, match="unknown profile 'clam'; known: calm, laggy, throttled"):
        Emulator(EmulatorSettings(profile="clam"))
