"""Users, groups and owners are assigned and added once."""

import pytest

from tests.estates import fleet, instance
from tests.flows.provisioning import provision, tenant, token

pytestmark = pytest.mark.usefixtures("without_prefect")

__all__ = ["tenant", "token"]


@pytest.mark.prefect
async def test_users_and_groups_are_assigned_once(tenant):
    state = tenant.emulator.controls.state()
    assigned = [{"user": state["users"][0]["id"]}, {"group": state["groups"][0]["id"], "role": "User"}]
    wanted = fleet(instance("one", scope="assigned", assignments=assigned))
    _, outcome = await provision(wanted)
    (found,) = tenant.emulator.controls.state()["assignments"].values()
    assert {each["principalId"] for each in found} == {state["users"][0]["id"], state["groups"][0]["id"]}
    tenant.forget()
    _, outcome = await provision(wanted)
    assert (outcome.summary["unchanged"], tenant.requests(writes=True)) == (1, [])


async def test_owners_are_added_once(tenant):
    owner = tenant.emulator.controls.state()["users"][3]["id"]
    wanted = fleet(instance("one", owners=[owner]))
    _, outcome = await provision(wanted)
    application = outcome.instances[0].application_id
    assert tenant.emulator.controls.state()["owners"][application].count(owner) == 1
    tenant.forget()
    await provision(wanted)
    assert tenant.requests(writes=True) == []


async def test_a_role_that_does_not_exist_is_named_and_the_job_is_not_started(tenant):
    user = tenant.emulator.controls.state()["users"][0]["id"]
    _, outcome = await provision(fleet(instance("one", assignments=[{"user": user, "role": "Emperor"}])))
    failure = outcome.instances[0].failure
    assert (failure.step, failure.code) == ("assign-principals", "RoleNotFound")
    assert failure.message == "one has no role 'Emperor' to assign."
    assert tenant.requests("start_job") == []
