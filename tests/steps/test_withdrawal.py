"""What is sent to take back access: the least that takes away what was given, and nothing of what others use."""

from datetime import UTC, datetime

import pytest

from flows.errors import StepFailed
from flows.steps.idempotency import use_wait_limits
from flows.steps.withdrawal import _take_back, withdraw_access
from flows.store import Access, GivenAccess
from tests.estates import HASTY
from tests.graph_client.doubles import Script, answer, client

MAY = datetime(2026, 5, 1, tzinfo=UTC)
SOURCE, TARGET = "7928d5b5-7442-4a97-a02d-66f9a9972ec0", "3f2c0000-0000-4000-8000-000000000001"


def given(field, side="target", before=None):
    return GivenAccess(Access(SOURCE, "subsidiaries", "fabrikam", TARGET, side, field), before, MAY)


def allowing(**kinds):
    return {"tenantId": SOURCE} | {f"{kind}SyncInbound": {"isSyncAllowed": allowed} for kind, allowed in kinds.items()}


async def sent(taken, *answers):
    """The writes, each as its method and body."""
    script = Script(*answers)
    async with client(script) as graph:
        assert await _take_back(graph, SOURCE if taken.access.side == "target" else TARGET, taken)
    asked = zip(script.requests, script.bodies(), strict=True)
    return [(request.method, body) for request, body in asked if request.method != "GET"]


@pytest.mark.parametrize(
    ("field", "before", "there", "wanted"),
    [
        ("users", None, allowing(user=True), ("DELETE", None)),
        ("groups", None, allowing(group=True), ("DELETE", None)),
        ("users", None, allowing(user=True, group=True), ("PATCH", {"userSyncInbound": {"isSyncAllowed": False}})),
        ("groups", None, allowing(user=True, group=True), ("PATCH", {"groupSyncInbound": {"isSyncAllowed": False}})),
        # It was there before, and allowed nothing: it stays.
        ("users", "false", allowing(user=True), ("PATCH", {"userSyncInbound": {"isSyncAllowed": False}})),
        ("groups", "false", allowing(group=True), ("PATCH", {"groupSyncInbound": {"isSyncAllowed": False}})),
    ],
)
async def test_users_and_groups_are_taken_back_by_themselves(field, before, there, wanted):
    assert await sent(given(field, before=before), answer(200, there), answer(204)) == [wanted]


@pytest.mark.parametrize(("field", "there"), [("users", allowing(group=True)), ("groups", allowing(user=True))])
async def test_what_only_others_use_stays(field, there):
    assert await sent(given(field), answer(200, there)) == []


@pytest.mark.parametrize(
    ("side", "there", "wanted"),
    [
        ("target", {"inboundAllowed": True}, {"inboundAllowed": False}),
        ("source", {"outboundAllowed": True}, {"outboundAllowed": False}),
        # Whether Graph keeps the direction that is not sent is not documented.
        (
            "target",
            {"inboundAllowed": True, "outboundAllowed": True},
            {"inboundAllowed": False, "outboundAllowed": True},
        ),
        (
            "source",
            {"inboundAllowed": True, "outboundAllowed": True},
            {"inboundAllowed": True, "outboundAllowed": False},
        ),
        ("target", {"inboundAllowed": False, "outboundAllowed": True}, None),
        ("source", {"inboundAllowed": True, "outboundAllowed": False}, None),
    ],
)
async def test_redemption_is_taken_back_in_one_direction(side, there, wanted):
    partner = {"tenantId": TARGET, "automaticUserConsentSettings": there}
    writes = await sent(given("redeem", side), answer(200, partner), answer(204))
    assert writes == ([("PATCH", {"automaticUserConsentSettings": wanted})] if wanted else [])


async def test_what_shows_whatever_is_withdrawn_is_said_after_three_withdrawals():
    script = Script(lambda request: answer(200, allowing(user=True)) if request.method == "GET" else answer(204))
    with use_wait_limits(HASTY):
        async with client(script) as graph:
            with pytest.raises(StepFailed) as failed:
                await withdraw_access(graph, SOURCE, given("users"))
    assert failed.value.code == "AccessStillGiven"
    assert [request.method for request in script.requests if request.method != "GET"] == ["DELETE"] * 3
