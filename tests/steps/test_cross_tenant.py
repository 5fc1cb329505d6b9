"""What is sent to change the policy of one tenant about another."""

import pytest

from flows.fleet_file.cross_tenant import CrossTenant
from flows.steps.cross_tenant import PolicyWriter
from flows.store import open_store
from graph_client.models import CrossTenantPartner
from tests.graph_client.doubles import Script, answer, client, refusal

SOURCE, TARGET = "7928d5b5-7442-4a97-a02d-66f9a9972ec0", "3f2c0000-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("side", "there", "sent"),
    [
        ("target", {}, {"inboundAllowed": True}),
        ("source", {}, {"outboundAllowed": True}),
        # Whether Graph keeps the direction that is not sent is not documented.
        ("target", {"outboundAllowed": True}, {"inboundAllowed": True, "outboundAllowed": True}),
        ("target", {"outboundAllowed": False}, {"inboundAllowed": True, "outboundAllowed": False}),
        ("source", {"inboundAllowed": True}, {"inboundAllowed": True, "outboundAllowed": True}),
        ("source", {"outboundAllowed": True}, None),
    ],
)
async def test_the_other_direction_of_redemption_stays_as_it_is(tmp_path, side, there, sent):
    partner = CrossTenantPartner.parse({"tenantId": TARGET, "automaticUserConsentSettings": there})
    script = Script(answer(204))
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        async with client(script) as graph:
            writer = PolicyWriter(graph, side, store, "subsidiaries", "fabrikam", SOURCE, TARGET)
            await writer.allow_redemption(partner, allowed=True)
        given = store.given_access.of(SOURCE, "subsidiaries", "fabrikam")
    assert script.bodies() == ([{"automaticUserConsentSettings": sent}] if sent else [])
    assert [(each.access.side, each.access.field) for each in given] == ([(side, "redeem")] if sent else [])
    partner_id = SOURCE if side == "target" else TARGET
    assert [request.url.path.rpartition("/")[2] for request in script.requests] == [partner_id] * bool(sent)


@pytest.mark.parametrize("by_an_earlier_run", [False, True])
async def test_a_conflict_with_what_a_replica_did_not_show_is_ours_only_if_we_intended_it_before(
    tmp_path, by_an_earlier_run
):
    there = {"tenantId": SOURCE, "userSyncInbound": {"isSyncAllowed": True}}
    script = Script(
        refusal(404, "Directory_ObjectNotFound"),
        refusal(409, "Request_MultipleObjectsWithSameKeyValue"),
        answer(200, there),
    )
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        async with client(script) as graph:
            writer = PolicyWriter(graph, "target", store, "subsidiaries", "fabrikam", SOURCE, TARGET)
            if by_an_earlier_run:
                store.given_access.intend(writer._access("users"), None)
            await writer.allow_synchronization(CrossTenant(tenant_id=TARGET, users=True))
        given = store.given_access.of(SOURCE, "subsidiaries", "fabrikam")
    assert [request.method for request in script.requests] == ["GET", "PUT", "GET"]
    assert [bool(each.confirmed_at) for each in given] == [True] * by_an_earlier_run
