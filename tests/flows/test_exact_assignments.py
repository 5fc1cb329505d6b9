"""assignments_mode exact, names that are checked, and roles that have yet to be imported."""

import pytest

from flows.configuration.sign_in import open_client
from flows.steps.assignments import assign_principals
from graph_emulator import EmulatorSettings
from tests.estates import AWS, estate, fleet, instance
from tests.flows.provisioning import provision, tenant, token, writes

pytestmark = pytest.mark.usefixtures("without_prefect")

__all__ = ["tenant", "token"]


def people_of(tenant):
    state = tenant.emulator.controls.state()
    return [{"user": user["id"]} for user in state["users"]], [{"group": group["id"]} for group in state["groups"]]


def assigned(tenant):
    (found,) = tenant.emulator.controls.state()["assignments"].values()
    return {each["principalId"] for each in found}


def only(assignments, **fields):
    return fleet(instance("one", assignments=assignments, assignments_mode="exact", **fields))


@pytest.mark.prefect
async def test_whom_the_file_does_not_name_is_taken_away_after_the_others_were_added(tenant):
    users, groups = people_of(tenant)
    await provision(fleet(instance("one", assignments=[users[0], groups[0]])))
    group = next(each for each in tenant.emulator.controls.state()["groups"] if each["id"] == groups[0]["group"])
    members = len(tenant.emulator.tenant.people.members[group["id"]])
    tenant.forget()
    wanted = only([users[0], users[1]])
    _, plan = await provision(wanted, dry_run=True)
    added, removed = plan.instances[0].changes
    assert (added.field, added.before, added.dangerous) == (f"assignments.{users[1]['user']}", None, False)
    assert removed.as_json() == {
        "field": f"assignments.{group['id']}",
        "before": f"{group['displayName']} as User",
        "after": None,
        "dangerous": True,
        "members": members,
        "changed_by": None,
    }
    await provision(wanted)
    assert writes(tenant) == ["assign", "unassign"]
    assert assigned(tenant) == {users[0]["user"], users[1]["user"]}
    tenant.forget()
    await provision(wanted)
    assert writes(tenant) == []


async def test_a_group_that_may_not_be_read_is_shown_without_its_size(tmp_path):
    roles = tuple(role for role in EmulatorSettings().roles if not role.startswith(("Group", "Directory")))
    with estate(tmp_path / "tenant", roles=roles) as tenant:
        users, groups = people_of(tenant)
        await provision(fleet(instance("one", assignments=[users[0], groups[0]])))
        _, plan = await provision(only([users[0]]), dry_run=True)
        (removed,) = plan.instances[0].changes
        assert (removed.after, removed.members) == (None, None)
        assert any(record.status == 403 for record in tenant.requests("count_members"))


async def test_more_removals_than_can_be_meant_are_a_conflict_without_force(tenant):
    users, _ = people_of(tenant)
    await provision(fleet(instance("one", assignments=users[:12])))
    tenant.forget()
    _, outcome = await provision(only(users[:1]))
    failure = outcome.instances[0].failure
    assert (failure.code, writes(tenant)) == ("TooManyRemovals", [])
    for named in ("11 of the 12", "one", "91.7 %", "10"):
        assert named in failure.message
    assert "--force" in failure.hint
    await provision(only(users[:1]), force=True)
    assert writes(tenant) == ["unassign"] * 11


async def test_nobody_is_taken_away_if_somebody_cannot_be_added(tenant):
    users, _ = people_of(tenant)
    await provision(fleet(instance("one", assignments=users[:2])))
    tenant.forget()
    _, outcome = await provision(only([users[0], {**users[2], "role": "Emperor"}]))
    assert (outcome.instances[0].failure.code, writes(tenant)) == ("RoleNotFound", [])


async def test_whoever_is_assigned_after_the_plan_is_not_taken_away(tenant):
    users, _ = people_of(tenant)
    await provision(fleet(instance("one", assignments=users[:2])))
    _, plan = await provision(only(users[:1]), dry_run=True)
    (planned,) = plan.instances
    principal = tenant.emulator.tenant.directory.live["servicePrincipal"][planned.service_principal_id]
    role = planned.removals[0].role_id
    tenant.emulator.tenant.assignments.add(principal, users[2]["user"], role, tenant.emulator.clock.now())
    async with open_client(None) as (graph, _):
        await assign_principals(graph, planned, planned.service_principal_id)
    assert assigned(tenant) == {users[0]["user"], users[2]["user"]}


async def test_another_name_than_the_file_gives_is_said_and_the_id_decides(tenant):
    users, groups = people_of(tenant)
    named = [{**users[0], "name": "Somebody Else"}, {**groups[0], "name": "SG-Wrong"}]
    wanted = fleet(instance("one", assignments=named))
    state = tenant.emulator.controls.state()
    names = {each["id"]: each["displayName"] for each in (*state["users"], *state["groups"])}
    said = [
        f"assignments.{each.get('user') or each.get('group')}: named {each['name']!r} in the file but "
        f"{names[each.get('user') or each.get('group')]!r} in the tenant; the id decides"
        for each in named
    ]
    for _ in range(2):
        _, plan = await provision(wanted, dry_run=True)
        assert list(plan.instances[0].warnings) == said
        await provision(wanted)
    assert assigned(tenant) == {users[0]["user"], groups[0]["group"]}


async def test_a_role_that_has_yet_to_be_imported_is_pending_until_it_is(tenant):
    users, _ = people_of(tenant)
    waiting = instance("one", AWS, assignments=[{**users[0], "role": "Admin,Idp", "name": "Ann"}])
    _, plan = await provision(fleet(waiting), dry_run=True)
    assert plan.instances[0].as_json()["pending"] == ["Ann as Admin,Idp"]
    for summary in ("created", "unchanged"):
        state, outcome = await provision(fleet(waiting))
        assert (state.name, outcome.summary[summary]) == ("Completed", 1)
        assert outcome.instances[0].as_json()["pending"] == ["Ann as Admin,Idp"]
    principal = tenant.emulator.tenant.directory.live["servicePrincipal"][outcome.instances[0].service_principal_id]
    role = dict(principal.value["appRoles"][0], id="0d0e0f00-0000-4000-8000-000000000001", displayName="Admin,Idp")
    principal.value["appRoles"].append(role)
    _, outcome = await provision(fleet(waiting))
    assert (outcome.summary["updated"], outcome.instances[0].pending) == (1, ())
    assert assigned(tenant) == {users[0]["user"]}
