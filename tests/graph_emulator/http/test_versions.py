"""v1.0 and beta differ where it is documented, and nowhere else."""

import pytest

from tests.graph_emulator.driver import CUSTOM, GOOD


def shape(value):
    """Names and kinds of JSON values, without the values."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items() if name != "@odata.context"}
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__


@pytest.fixture
async def busy(wire):
    application, principal = await wire.instantiate("One", CUSTOM)
    job = await wire.make_job(principal, "scim")
    await wire.save(principal, {**GOOD, "BaseAddress": "https://scim.example", "SyncAll": "true"})
    await wire.assign(principal, wire.user_ids[0])
    await wire.post(f"{job}/start")
    wire.settle()
    return wire, application, principal, job


async def both(wire, path):
    found = []
    for wire.version in ("v1.0", "beta"):
        found.append(await wire.get(path))
    return found


async def test_what_is_the_same_in_both(busy):
    wire, _, principal, job = busy
    for path in (
        *("/organization", "/users", "/groups", "/applicationTemplates", f"/servicePrincipals/{principal}", job),
        *(f"{job}/schema", f"{job}/schema/functions()", f"/servicePrincipals/{principal}/synchronization/secrets"),
    ):
        old, new = await both(wire, path)
        assert shape(old) == shape(new), path


async def test_the_application_of_beta_has_no_template_id(busy):
    wire, application, *_ = busy
    old, new = await both(wire, f"/applications/{application}")
    assert old.keys() - new.keys() == {"applicationTemplateId"}
    assert new.keys() - old.keys() == set()


async def test_the_assignment_of_beta_names_its_moment_otherwise(busy):
    wire, _, principal, _ = busy
    old, new = (page["value"][0] for page in await both(wire, f"/servicePrincipals/{principal}/appRoleAssignedTo"))
    assert (old.keys() - new.keys(), new.keys() - old.keys()) == ({"createdDateTime"}, {"creationTimestamp"})


async def test_the_metadata_of_beta_begin_with_a_small_letter(busy):
    wire, _, principal, _ = busy
    old, new = await both(wire, f"/servicePrincipals/{principal}/synchronization/templates")
    pairs = zip(old["value"][0]["metadata"], new["value"][0]["metadata"], strict=True)
    assert all(one["key"] == other["key"][0].upper() + other["key"][1:] != other["key"] for one, other in pairs)


async def test_the_log_of_beta_has_the_old_names_besides(busy):
    wire, *_ = busy
    old, new = (page["value"][0] for page in await both(wire, "/auditLogs/provisioning?$top=1"))
    assert new.keys() - old.keys() == {"action", "statusInfo"}
    assert old.keys() - new.keys() == set()
