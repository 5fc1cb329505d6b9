"""The adopt command as a person uses it."""

import pytest

from flows.fleet_file.loader import load_fleet
from tests.estates import DATABRICKS, TENANT
from tests.tenant.crowds import settle


@pytest.fixture
def by_hand(tenant):
    settle(tenant.emulator, None, "By hand", DATABRICKS)
    tenant.forget()


@pytest.mark.usefixtures("by_hand")
def test_it_writes_a_file_that_loads_and_is_never_written_over(entra_fleet, tenant, tmp_path):
    path = tmp_path / "adopted.yaml"
    arguments = ("adopt", "--template", DATABRICKS, "--fleet", "contoso", "--out", path)
    result = entra_fleet(*arguments)
    text = f"contoso: 1 instance. Fill in the references, then run: entra-fleet plan {path}\n"
    assert (result.code, result.out, result.err) == (0, "", text)
    assert [each.key for each in load_fleet(path).instances] == ["by-hand"]
    asked = tenant.on_wire()
    result = entra_fleet(*arguments)
    assert (result.code, result.err) == (1, f"{path} already exists.\nName another file.\n")
    assert (tenant.on_wire(), tenant.requests(writes=True)) == (asked, [])


@pytest.mark.usefixtures("by_hand")
def test_without_a_file_it_prints_and_plans_without_a_secret(entra_fleet, write_fleet):
    result = entra_fleet("adopt", "--template", DATABRICKS)
    name = "azure-databricks-scim-provisioning-conne"
    assert (result.code, result.err) == (0, f"{name}: 1 instance.\n")
    assert f"fleet: {name}\ntenant_id: {TENANT}\n" in result.out
    plan = entra_fleet("plan", write_fleet(result.out), "--detailed-exitcode")
    assert (plan.code, "1 to adopt" in plan.out, "1 write request" in plan.out) == (2, True, True)


@pytest.mark.usefixtures("tenant")
def test_what_it_cannot_do_is_said(entra_fleet):
    result = entra_fleet("adopt")
    options = ("--template", "--tag", "--service-principal")
    assert (result.code, [each in result.err for each in options]) == (2, [True] * 3)
    result = entra_fleet("adopt", "--tag", "team:")
    assert (result.code, result.out, len(result.err.splitlines())) == (1, "", 1)
    result = entra_fleet("adopt", "--template", "Bx")
    assert (result.code, "'Bx'" in result.err, "'Box'" in result.err) == (1, True, True)
    result = entra_fleet("adopt", "--template", "Box", "--fleet", "Not a name")
    assert (result.code, result.err.startswith("--fleet: 'Not a name' is not a fleet name.\n")) == (2, True)
