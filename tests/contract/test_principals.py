"""Users and groups, as our client reads them from the embedded tenant."""

import pytest

from graph_client.errors import Forbidden, NotFound
from graph_emulator import EmulatorSettings
from tests.tenant.crowds import crowd, graph_of, wire_of


async def test_the_members_of_a_group_are_counted_by_a_request_of_their_own():
    emulator, _ = crowd(1)
    people = emulator.tenant.people
    group = next(iter(people.groups))
    async with await graph_of(emulator) as graph:
        assert await graph.batched.groups.member_count(group) == len(people.members[group])
        assert (await graph.groups.get(group)).display_name == people.groups[group]["displayName"]
        user = people.members[group][0]
        assert (await graph.users.get(user, select=("id", "displayName"))).display_name
        with pytest.raises(NotFound):
            await graph.groups.member_count("00000000-0000-4000-8000-000000000000")
    assert wire_of(emulator)[:2] == ["count_members", "get_group"]


async def test_who_may_not_read_members_is_told_which_permission_to_grant():
    roles = tuple(role for role in EmulatorSettings().roles if not role.startswith(("Group", "Directory")))
    emulator, _ = crowd(1, roles=roles)
    async with await graph_of(emulator) as graph:
        with pytest.raises(Forbidden, match="GroupMember"):
            await graph.groups.member_count(next(iter(emulator.tenant.people.groups)))
