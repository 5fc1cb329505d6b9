"""Cross-tenant access: partners, automatic redemption, and what may be synchronized into a tenant."""

import pytest

from graph_client import errors
from graph_client.hints import needed
from tests.graph_client.doubles import GRAPH, Script, answer, client, page, refusal

PARTNER = "10000000-0000-4000-8000-000000000002"
PATH = f"/v1.0/policies/crossTenantAccessPolicy/partners/{PARTNER}"
# As recordings/partner-create.json has it.
CREATED = {
    "tenantId": PARTNER,
    "inboundTrust": None,
    "automaticUserConsentSettings": {"inboundAllowed": None, "outboundAllowed": None},
}
DUPLICATE = refusal(409, "Request_MultipleObjectsWithSameKeyValue")


async def test_a_partner_is_created_with_its_id_alone():
    script = Script(answer(201, CREATED))
    async with client(script) as graph:
        made = await graph.cross_tenant_access.create_partner(PARTNER)
    (request,) = script.requests
    assert (request.method, request.url.path) == ("POST", PATH.rpartition("/")[0])
    assert script.bodies() == [{"tenantId": PARTNER}]
    assert (made.tenant_id, made.inbound_allowed, made.outbound_allowed) == (PARTNER, None, None)


@pytest.mark.parametrize("lost", [answer(503), answer(504)])
async def test_a_creation_of_unknown_outcome_is_not_sent_again(lost):
    script = Script(lost)
    async with client(script) as graph:
        with pytest.raises(errors.ServerFailed) as caught:
            await graph.cross_tenant_access.create_partner(PARTNER)
    assert (len(script.requests), caught.value.may_have_happened) == (1, True)


async def test_a_missing_partner_is_believed_at_once_even_if_it_is_new():
    script = Script(answer(201, CREATED), refusal(404, "Request_ResourceNotFound"))
    async with client(script) as graph:
        await graph.cross_tenant_access.create_partner(PARTNER)
        with pytest.raises(errors.NotFound):
            await graph.cross_tenant_access.get_partner(PARTNER)
    assert len(script.requests) == 2


async def test_a_change_of_a_new_partner_waits_for_its_replication():
    script = Script(answer(201, CREATED), refusal(404, "Request_ResourceNotFound"), answer(204))
    async with client(script) as graph:
        await graph.cross_tenant_access.create_partner(PARTNER)
        await graph.cross_tenant_access.put_identity_synchronization(PARTNER, users=True)
    assert [request.method for request in script.requests] == ["POST", "PUT", "PUT"]


@pytest.mark.parametrize(
    ("named", "body"),
    [
        ({"inbound_allowed": True}, {"inboundAllowed": True}),
        ({"outbound_allowed": False}, {"outboundAllowed": False}),
        ({"inbound_allowed": True, "outbound_allowed": True}, {"inboundAllowed": True, "outboundAllowed": True}),
    ],
)
async def test_of_a_partner_nothing_but_consent_is_written(named, body):
    script = Script(answer(204))
    async with client(script) as graph:
        await graph.cross_tenant_access.patch_consent(PARTNER, **named)
    assert [(each.method, each.url.path) for each in script.requests] == [("PATCH", PATH)]
    assert script.bodies() == [{"automaticUserConsentSettings": body}]


async def test_a_second_put_is_a_conflict_that_is_not_repeated():
    script = Script(DUPLICATE)
    async with client(script) as graph:
        with pytest.raises(errors.Conflict) as caught:
            await graph.cross_tenant_access.put_identity_synchronization(PARTNER, users=True)
    assert (len(script.requests), caught.value.may_have_happened) == (1, False)


async def test_a_conflict_after_a_lost_answer_says_that_the_first_put_may_have_happened():
    script = Script(answer(503), DUPLICATE)
    async with client(script) as graph:
        with pytest.raises(errors.Conflict) as caught:
            await graph.cross_tenant_access.put_identity_synchronization(PARTNER, users=True)
    assert caught.value.may_have_happened


async def test_groups_are_read_and_written_in_beta_and_users_alone_in_the_version_of_the_client():
    found = {"tenantId": PARTNER, "userSyncInbound": {"isSyncAllowed": True}, "groupSyncInbound": None}
    script = Script(answer(204), answer(204), answer(200, found), answer(200, found))
    async with client(script) as graph:
        access = graph.cross_tenant_access
        await access.patch_identity_synchronization(PARTNER, users=True)
        await access.patch_identity_synchronization(PARTNER, groups=True)
        await access.get_identity_synchronization(PARTNER)
        read = await access.get_identity_synchronization(PARTNER, groups=True)
    assert [request.url.path.split("/")[1] for request in script.requests] == ["v1.0", "beta", "v1.0", "beta"]
    assert script.bodies()[:2] == [
        {"userSyncInbound": {"isSyncAllowed": True}},
        {"groupSyncInbound": {"isSyncAllowed": True}},
    ]
    assert (read.users_allowed, read.groups_allowed) == (True, False)


async def test_a_read_of_another_version_is_left_out_of_batches():
    partner, groups = {"tenantId": PARTNER}, {"groupSyncInbound": {"isSyncAllowed": True}}
    script = Script(answer(200, groups), answer(200, partner))
    async with client(script) as graph:
        found = await graph.batched.cross_tenant_access.get_identity_synchronization(PARTNER, groups=True)
    assert [str(each.url) for each in script.requests] == [f"{GRAPH}/beta{PATH[5:]}/identitySynchronization"]
    assert found.groups_allowed


async def test_partners_are_listed():
    script = Script(page([{"tenantId": PARTNER, "isInMultiTenantOrganization": True}]))
    async with client(script) as graph:
        found = [each async for each in graph.cross_tenant_access.list_partners()]
    assert [(each.tenant_id, each.is_in_multi_tenant_organization) for each in found] == [(PARTNER, True)]


def test_reading_takes_less_than_writing():
    assert needed("GET", PATH)[0] == ("Policy.Read.All", "Policy.ReadWrite.CrossTenantAccess")
    for method, path in (
        ("POST", PATH.rpartition("/")[0]),
        ("PATCH", PATH),
        ("PUT", f"{PATH}/identitySynchronization"),
    ):
        assert needed(method, path) == (("Policy.ReadWrite.CrossTenantAccess",),)
