"""What `check` says of target tenants: sign-in and permissions of each, and what it leaves alone."""

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.configuration.sign_in import open_client, read_identity
from flows.configuration.target_tenants import TargetTenants
from flows.fleet_file.loader import fleet_from_object
from flows.plan.target_preflight import check_target_tenants
from tests.proof.subsidiary import TARGET, Subsidiary, two_tenants


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with two_tenants(tmp_path_factory.mktemp("world")) as made:
        yield made


@pytest.fixture
def made(world):
    return Subsidiary(world, started=False)


def check(made, wanted=None):
    async def run():
        fleet = fleet_from_object(wanted or made.fleet)
        identity = await read_identity(None, fleet.tenant_id)
        async with open_client(None, fleet.tenant_id) as (graph, _), TargetTenants(identity) as targets:
            return await check_target_tenants(graph, targets, fleet.instances, fleet.tenant_id, reading_only=False)

    return made.world.run(run())


def test_a_target_is_signed_in_to_and_its_permissions_are_named_by_tenant(made):
    checks = check(made)
    assert [(each.check, each.ok) for each in checks] == [
        ("licence", True),
        ("sign-in", True),
        ("permission", True),
        ("permission", True),
    ]
    assert all(TARGET in each.message for each in checks[1:])
    assert made.target_writes() == []


def test_a_permission_that_is_missing_in_the_target_fails_the_check(tmp_path):
    with two_tenants(tmp_path, target_roles=("Policy.Read.All",)) as narrow:
        checks = check(Subsidiary(narrow, started=False))
    (failed,) = [each for each in checks if not each.ok]
    assert failed.check == "permission"
    assert TARGET in failed.message
    assert "Policy.ReadWrite.CrossTenantAccess" in failed.message


def test_a_sign_in_that_is_refused_fails_the_check_of_its_target_alone(made):
    with add_prefect_variables({"FABRIKAM_AZURE_CLIENT_SECRET": "wrong"}):
        (failed,) = [each for each in check(made) if not each.ok]
    assert (failed.check, TARGET in failed.message) == ("sign-in", True)


def test_a_target_without_a_sign_in_is_left_to_its_administrators(made):
    wanted = made.fleet
    del wanted["instances"][1]["cross_tenant"]["sign_in"]
    _, waiting = check(made, wanted)
    assert (waiting.check, waiting.ok, bool(waiting.hint)) == ("sign-in", True, True)


def test_a_multitenant_organization_is_said_and_left_alone(made):
    made.source.controls.edit_partner(TARGET, {"isInMultiTenantOrganization": True})
    (said,) = [each for each in check(made) if each.check == "policy"]
    assert (said.ok, bool(said.hint)) == (True, True)
