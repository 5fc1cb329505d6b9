"""The retire command as a person uses it."""

import json
import time

import pytest

from flows.configuration.environment import add_prefect_variables
from tests.cli.conftest import finished, started
from tests.estates import estate, fleet, instance
from tests.tenant.crowds import settle

FLEET = fleet(instance("a"), instance("b"))


def wait_for_writes(tenant, count, process):
    deadline = time.monotonic() + 200
    while len(tenant.requests(writes=True)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def principals(tenant):
    made = {key: settle(tenant.emulator, key, f"App {key}") for key in ("a", "b", "orphan")}
    tenant.emulator.controls.advance(5)
    tenant.forget()
    return made


def application_of(tenant, key):
    return tenant.applications()[f"entra-fleet:contoso:{key}"][0]["id"]


def keys(tenant):
    return [tag.removeprefix("entra-fleet:contoso:") for tag in tenant.applications()]


def test_keys_are_required_and_so_is_somebody_to_ask(entra_fleet, write_fleet):
    path = write_fleet(FLEET)
    result = entra_fleet("retire", path, "--yes")
    assert (result.code, "--only" in result.err) == (2, True)
    result = entra_fleet("retire", path, "--only", "a")
    assert (result.code, result.out, "--yes" in result.err) == (2, "", True)
    result = entra_fleet("retire", path, "--only", "a", "--only", "b", "--application-id", "x", "--yes")
    assert (result.code, result.out, "--application-id" in result.err, "--only" in result.err) == (2, "", True, True)


def test_a_person_sees_what_goes_and_may_say_no(at_a_terminal, write_fleet, tenant, principals):
    application, job = application_of(tenant, "orphan"), tenant.jobs()[principals["orphan"]][0]
    result = at_a_terminal("retire", write_fleet(FLEET), "--only", "orphan", answers=["n"])
    assert (result.code, result.err.count("[y/N]"), "contoso" in result.err) == (0, 1, True)
    for told in ("orphan", "App orphan", application, principals["orphan"], job["id"]):
        assert told in result.out
    assert (tenant.requests(writes=True), keys(tenant)) == ([], ["a", "b", "orphan"])


def test_purging_asks_in_its_own_words(at_a_terminal, write_fleet, tenant, principals):
    arguments = ("retire", write_fleet(FLEET), "--only", "orphan", "--purge")
    result = at_a_terminal(*arguments, answers=["y", "n"])
    assert result.err.count("[y/N]") == 2
    assert (result.code, tenant.requests(writes=True)) == (0, [])
    result = at_a_terminal(*arguments, answers=["y", "y"], PREFECT_API_URL="")
    assert (result.code, "contoso: 1 purged;" in result.out) == (0, True)
    assert (keys(tenant), tenant.emulator.tenant.directory.deleted) == (["a", "b"], {})


@pytest.mark.usefixtures("principals")
def test_what_is_still_in_the_file_would_come_back(entra_fleet, write_fleet, tenant):
    arguments = ("retire", write_fleet(FLEET), "--only", "a", "--yes", "--output", "json")
    result = entra_fleet(*arguments, PREFECT_API_URL="")
    assert ": a." in result.err
    document = json.loads(result.out)
    assert (result.code, document["summary"]["retired"], document["instances"][0]["outcome"]) == (0, 1, "retired")
    assert keys(tenant) == ["b", "orphan"]


@pytest.mark.usefixtures("principals")
def test_a_key_that_is_nowhere(entra_fleet, write_fleet, tenant):
    arguments = ("retire", write_fleet(FLEET), "--only", "a", "--only", "typo", "--yes")
    result = entra_fleet(*arguments, PREFECT_API_URL="")
    assert (result.code, result.out, "instance typo" in result.err) == (2, "", True)
    assert tenant.requests(writes=True) == []


@pytest.mark.parametrize("writes", [*(pytest.param(number, marks=pytest.mark.proof) for number in (1, 2, 4)), 3])
def test_a_killed_run_is_completed_by_the_next(tmp_path, write_fleet, entra_fleet, writes):
    path = write_fleet(FLEET)
    arguments = ("retire", path, "--only", "a", "--purge", "--yes")
    with estate(tmp_path / "slow", latency_seconds=0.1) as tenant, add_prefect_variables({"TOKEN": "good"}):
        settle(tenant.emulator, "a", "App a")
        tenant.forget()
        process = started(*arguments, PREFECT_API_URL="")
        wait_for_writes(tenant, writes, process)
        process.kill()
        assert finished(process).code == -9
        completed = entra_fleet(*arguments, PREFECT_API_URL="")
        assert completed.code == 0, completed.err
        assert (keys(tenant), tenant.emulator.tenant.directory.deleted) == ([], {})


def test_a_person_sees_which_accounts_leave_a_target_tenant(at_a_terminal, write_fleet, tenant):
    target = "3f2c0000-0000-4000-8000-000000000001"
    principal = settle(tenant.emulator, "fabrikam", "Fabrikam", "Cross-Tenant Synchronization Preview")
    settings = {"CompanyId": target, "AuthenticationType": "SyncPolicy", "SecretToken": ""}
    tenant.emulator.controls.edit_secrets(principal, settings)
    (job,) = tenant.jobs()[principal]
    tenant.emulator.controls.act_on_job(job["id"], "restart")
    tenant.emulator.controls.advance(5)
    tenant.forget()
    result = at_a_terminal("retire", write_fleet(FLEET), "--only", "fabrikam", answers=["n"])
    assert (result.code, target in result.out, "SyncAll: true -> false" in result.out) == (0, True, True)
    assert {each.operation for each in tenant.requests(writes=True)} == {"validate_job_credentials"}
