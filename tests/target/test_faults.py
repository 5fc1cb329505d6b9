"""Each faulty target gets the verdict that names its fault, and no other; nothing is ever written."""

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import httpx
import pytest

from flows.target.http import TargetLimits
from graph_emulator import Clock
from graph_emulator.scim.server import FAULTS
from tests.target.scim import ADDRESS, RULES, checks, faults, jwt, serving, target, user, write

SHORT = TargetLimits(seconds=0.05)
EXPECTED = {
    "404-for-empty": {"empty-result": "blocker"},
    "wrong-content-type": {"content-type": "blocker"},
    "plain-json": {"content-type": "warning"},
    "string-totals": {"totals": "blocker"},
    "no-groups": {"groups": "blocker"},
    "no-group-endpoint": {"groups": "warning"},
    "slow-target": {"reachable": "blocker"},
    "redirecting": {"reachable": "blocker"},
    "no-ids": {"ids": "blocker"},
    "members-always": {"groups": "warning"},
    "no-filter": {"filter": "blocker"},
    "first-page-only": {"paging": "blocker"},
    "no-count": {"paging": "warning"},
}


def test_every_fault_of_the_embedded_target_is_expected_here():
    assert {*EXPECTED, "ending-token"} == set(FAULTS)


@pytest.mark.parametrize("fault", EXPECTED)
async def test_a_fault_is_named_and_no_other(fault):
    emulator = serving(fault)
    found = await checks(emulator, limits=SHORT if fault == "slow-target" else None)
    assert faults(found) == EXPECTED[fault]
    log = emulator.tenant.scim.server("one").log
    assert {method for method, _, _ in log} == {"GET"}
    assert len(log) <= 14
    for each in found:
        assert each.ok == (each.verdict != "blocker")
        assert (each.check, each.target) == ("target", ADDRESS)
        assert bool(each.hint) == (each.verdict != "fine")
        assert each.verdict == "fine" or "https://learn.microsoft.com/entra/identity/" in each.hint


async def test_a_healthy_target_is_fine_by_every_rule_in_eight_requests():
    emulator = serving()
    found = await checks(emulator)
    assert [each.rule for each in found] == list(RULES)
    assert faults(found) == {}
    assert [path.partition("/")[0] for _, path, _ in emulator.tenant.scim.server("one").log] == (
        ["Users"] * 6 + ["Groups"] * 2
    )


async def test_an_empty_target_is_fine_too():
    found = await checks(serving(users=0, groups=0))
    assert [each.rule for each in found] == list(RULES)
    assert faults(found) == {}


async def test_the_attributes_that_the_mapping_matches_on_are_searched():
    emulator = serving()
    matching = ('emails[type eq "work"].value', "externalId")
    assert faults(await checks(emulator, target(matching=matching))) == {}
    queries = [query for _, path, query in emulator.tenant.scim.server("one").log if "filter" in query]
    assert [unquote(query).rpartition(" eq ")[0] for query in queries] == [
        "filter=userName",
        'filter=emails[type eq "work"].value',
        "filter=externalId",
        "excludedAttributes=members&filter=displayName",
    ]


async def test_an_attribute_that_cannot_be_searched_by_blocks_only_where_the_mapping_matches_on_it():
    async def without_external_ids(request):
        if b"filter=externalId" in request.url.query:
            return httpx.Response(400, json={"detail": "externalId is not searchable"})
        return await inner.handle_async_request(request)

    inner = serving().transport()
    transport = httpx.MockTransport(without_external_ids)
    assert faults(await checks(None, transport=transport)) == {"filter": "warning"}
    assert faults(await checks(None, target(matching=("externalId",)), transport=transport)) == {"filter": "blocker"}


async def test_groups_that_are_wanted_must_be_there():
    emulator = serving("no-group-endpoint")
    assert faults(await checks(emulator, target(groups_wanted=True))) == {"groups": "blocker"}


@pytest.mark.parametrize(
    ("status", "rule"), [(401, "authorized"), (403, "authorized"), (404, "reachable"), (503, "reachable")]
)
async def test_refusals_are_told_apart(status, rule):
    asked = []

    def answer(request):
        asked.append(request)
        return httpx.Response(status, json={"detail": "no"})

    found = await checks(None, transport=httpx.MockTransport(answer))
    assert faults(found) == {rule: "blocker"}
    assert len(asked) == (1 if rule == "authorized" else 2)
    assert str(status) in next(each.message for each in found if each.rule == rule)


async def test_a_target_without_users_that_answers_404_is_not_taken_for_a_wrong_address():
    emulator = serving("404-for-empty", users=0)
    assert faults(await checks(emulator)) == {"empty-result": "blocker"}
    assert len(emulator.tenant.scim.server("one").log) == 2


async def test_a_wrong_token_is_refused_and_an_ending_one_a_minute_later():
    emulator = serving(clock=Clock.frozen(), rejected_words=("revoked",))
    assert faults(await checks(emulator, target(token="revoked-one"))) == {"authorized": "blocker"}
    emulator.tenant.scim.server("one").fault = "ending-token"
    # The frozen clock is not this machine's.
    skewless = {"authorized": "blocker"}
    assert "authorized" not in faults(await checks(emulator))
    emulator.clock.advance(61)
    assert faults(await checks(emulator)) == skewless


@pytest.mark.parametrize(
    ("days", "expected"),
    [(365, {}), (12, {"token-expiry": "warning"}), (-1, {"token-expiry": "blocker", "authorized": "blocker"})],
)
async def test_a_token_that_tells_its_end(days, expected):
    end = datetime.now(UTC) + timedelta(days=days, hours=1)
    found = await checks(serving(), target(token=jwt(exp=int(end.timestamp()))))
    assert faults(found) == expected
    shown = next(each.message for each in found if each.rule == "token-expiry")
    assert f"{end:%Y-%m-%d}" in shown


async def test_a_clock_that_is_wrong():
    def answer(request):
        late = "Thu, 01 Jan 2026 00:00:00 GMT"
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": 0, "Resources": []}
        return httpx.Response(200, json=body, headers={"content-type": "application/scim+json", "date": late})

    assert faults(await checks(None, transport=httpx.MockTransport(answer))) == {"token-expiry": "warning"}


async def test_without_a_token_nothing_is_said_of_what_it_opens():
    found = await checks(serving(), target(token=None))
    assert {each.rule: each.verdict for each in found} == {"reachable": "fine", "authorized": "warning"}


async def test_a_user_whose_activity_is_a_text_speaks_the_old_dialect():
    def answer(request):
        page = {**user(0), "id": "1", "active": "True"}
        if request.url.path.endswith("/Users/1"):
            return httpx.Response(200, json=page, headers={"content-type": "application/scim+json"})
        listed = [] if b"entra-fleet" in request.url.query or "Groups" in request.url.path else [page]
        body = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": len(listed)}
        headers = {"content-type": "application/scim+json"}
        return httpx.Response(200, json={**body, "Resources": listed}, headers=headers)

    found = await checks(None, transport=httpx.MockTransport(answer))
    assert faults(found) == {"patch-dialect": "warning"}
    assert "?aadOptscim062020" in next(each.hint for each in found if each.rule == "patch-dialect")


async def test_the_flag_of_the_dialect_is_for_entra_and_not_sent_to_the_target():
    emulator = serving()
    flagged = [target(f"{ADDRESS}?{flag}") for flag in ("aadOptscim062020", "AzureAdScimPatch2017")]
    found = await checks(emulator, *flagged)
    assert [each.verdict for each in found if each.rule == "patch-dialect"] == ["fine", "warning"]
    assert all("scim" not in query.lower() for _, _, query in emulator.tenant.scim.server("one").log)


async def test_a_slow_answer_is_a_warning():
    ticks = iter(range(0, 10_000, 7))
    assert faults(await checks(serving(), clock=lambda: next(ticks))) == {"reachable": "warning"}


async def test_a_target_that_breaks_off_in_the_middle_is_not_reachable():
    emulator = serving()
    inner, asked = emulator.transport(), []

    async def break_off(request):
        asked.append(request)
        if len(asked) == 3:
            raise httpx.ReadError("connection reset", request=request)
        return await inner.handle_async_request(request)

    found = await checks(None, transport=httpx.MockTransport(break_off))
    assert (faults(found), len(asked)) == ({"reachable": "blocker"}, 3)


async def test_what_is_not_scim_at_all():
    def page(request):
        return httpx.Response(200, html="<html><title>Sign in</title></html>")

    assert faults(await checks(None, transport=httpx.MockTransport(page))) == {"content-type": "blocker"}

    def array(request):
        return httpx.Response(200, json=[1], headers={"content-type": "application/scim+json"})

    assert faults(await checks(None, transport=httpx.MockTransport(array))) == {"empty-result": "blocker"}


async def test_answers_are_bounded(monkeypatch):
    emulator = serving()
    for number in range(10, 200):
        write(emulator, "Users", user(number))
    found = await checks(emulator, limits=TargetLimits(seconds=5, bytes_max=2_000))
    assert faults(found) == {}
    emulator.tenant.scim.server("one").fault = "no-count"
    found = await checks(emulator, limits=TargetLimits(seconds=5, bytes_max=2_000))
    assert faults(found) == {"paging": "warning"}
