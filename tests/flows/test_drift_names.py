"""Plan tells who made the tenant differ from the file, once the audit log does."""

import pytest

from flows.harvest import harvest_audits
from graph_emulator.faults.rules import FaultRule
from tests.estates import estate_behind, fleet, instance
from tests.flows.provisioning import provision, token
from tests.mappings.schemas import mappings

pytestmark = pytest.mark.usefixtures("without_prefect")

__all__ = ["token"]

TITLE = {"title": {"attribute": "jobTitle"}}
TWO = fleet(instance("one", mappings=mappings(TITLE).to_object()), instance("two"))
TEN_MINUTES = 600.0


@pytest.fixture
def dated(tmp_path):
    """A tenant whose answers tell its own time."""
    with estate_behind(tmp_path / "tenant", seconds=0) as served:
        yield served


async def planned(fleet_, **parameters):
    _, plan = await provision(fleet_, dry_run=True, **parameters)
    return {each["key"]: each["changes"] for each in plan.as_json()["instances"]}


async def test_a_changed_setting_and_a_changed_mapping_have_a_name(dated):
    controls = dated.emulator.controls
    _, outcome = await provision(TWO)
    one, two = outcome.instances
    controls.advance(TEN_MINUTES)
    assert await planned(TWO) == {"one": [], "two": []}
    controls.advance(TEN_MINUTES)
    users = list(dated.emulator.tenant.people.users.values())
    controls.act_as(users[1]["id"])
    controls.edit_mapping(one.job_id, "title", "mail")
    controls.act_as(users[2]["id"])
    controls.edit_secrets(two.service_principal_id, {"SyncAll": "false"})
    controls.advance(TEN_MINUTES)
    # Seen now, and not yet in what was harvested.
    seen = await planned(TWO)
    assert [each["changed_by"] for changes in seen.values() for each in changes] == [None, None]
    controls.advance(4 * TEN_MINUTES)
    await harvest_audits()
    (mapping,), (scope,) = (await planned(TWO)).values()
    assert (mapping["field"], scope["field"]) == ("mappings.User.attributes.title.source", "credentials.SyncAll")
    names = [each["changed_by"]["actor"] for each in (mapping, scope)]
    assert names == [users[1]["userPrincipalName"], users[2]["userPrincipalName"]]


async def test_a_look_that_may_not_read_the_settings_is_none(dated):
    controls = dated.emulator.controls
    _, outcome = await provision(fleet(instance("two")))
    principal = outcome.instances[0].service_principal_id
    controls.advance(TEN_MINUTES)
    await planned(fleet(instance("two")))
    controls.advance(TEN_MINUTES)
    controls.edit_secrets(principal, {"SyncAll": "false"})
    controls.add_faults([FaultRule("status", operation="get_secrets", status=403, code="Authorization_RequestDenied")])
    controls.advance(TEN_MINUTES)
    assert await planned(fleet(instance("two"))) == {"two": []}
    controls.clear_faults()
    controls.advance(TEN_MINUTES)
    await planned(fleet(instance("two")))
    controls.advance(4 * TEN_MINUTES)
    await harvest_audits()
    (scope,) = (await planned(fleet(instance("two"))))["two"]
    # Between the looks that could see it, and not after the one that could not.
    assert scope["changed_by"]["activity"] == "Update provisioning setting or credentials"
