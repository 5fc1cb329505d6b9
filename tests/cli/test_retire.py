"""The retire command as a person uses it."""

import json
import re
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
    text = "retire asks before it changes anything, but there is no terminal to ask on.\nAdd --yes.\n"
    assert (result.code, result.out, result.err) == (2, "", text)
    result = entra_fleet("retire", path, "--only", "a", "--only", "b", "--application-id", "x", "--yes")
    text = "--application-id names one application, but --only names several instances.\nGive one --only.\n"
    assert (result.code, result.out, result.err) == (2, "", text)


def test_a_person_sees_what_goes_and_may_say_no(at_a_terminal, write_fleet, tenant, principals):
    application, job = application_of(tenant, "orphan"), tenant.jobs()[principals["orphan"]][0]
    result = at_a_terminal("retire", write_fleet(FLEET), "--only", "orphan", answers=["n"])
    question = "Retire 1 of fleet contoso? Applications stay in the recycle bin for 30 days. [y/N]:"
    assert (result.code, result.err) == (0, f"{question}Nothing was changed.\n")
    assert re.sub(r"\((steady|degraded)\)", "(steady)", result.out.rstrip()) == (
        "orphan: App orphan\n"
        f"  application {application}, service principal {principals['orphan']}\n"
        f"  job {job['id']} (steady), 0 assignments"
    )
    assert (tenant.requests(writes=True), keys(tenant)) == ([], ["a", "b", "orphan"])


def test_purging_asks_in_its_own_words(at_a_terminal, write_fleet, tenant, principals):
    arguments = ("retire", write_fleet(FLEET), "--only", "orphan", "--purge")
    result = at_a_terminal(*arguments, answers=["y", "n"])
    assert "Permanently delete 1? This cannot be undone. [y/N]:Nothing was changed." in result.err
    assert (result.code, tenant.requests(writes=True)) == (0, [])
    result = at_a_terminal(*arguments, answers=["y", "y"], PREFECT_API_URL="")
    assert (result.code, "contoso: 1 purged;" in result.out) == (0, True)
    assert (keys(tenant), tenant.emulator.tenant.directory.deleted) == (["a", "b"], {})


@pytest.mark.usefixtures("principals")
def test_what_is_still_in_the_file_would_come_back(entra_fleet, write_fleet, tenant):
    arguments = ("retire", write_fleet(FLEET), "--only", "a", "--yes", "--output", "json")
    result = entra_fleet(*arguments, PREFECT_API_URL="")
    assert result.err == "Still in the fleet file: a.\nRemove it there, or the next apply creates it again.\n"
    document = json.loads(result.out)
    assert (result.code, document["summary"]["retired"], document["instances"][0]["outcome"]) == (0, 1, "retired")
    assert keys(tenant) == ["b", "orphan"]


@pytest.mark.usefixtures("principals")
def test_a_key_that_is_nowhere(entra_fleet, write_fleet, tenant):
    arguments = ("retire", write_fleet(FLEET), "--only", "a", "--only", "typo", "--yes")
    result = entra_fleet(*arguments, PREFECT_API_URL="")
    assert (result.code, result.out, "instance typo" in result.err) == (2, "", True)
    assert tenant.requests(writes=True) == []


@pytest.mark.parametrize("writes", [1, *(pytest.param(number, marks=pytest.mark.proof) for number in (2, 4)), 3])
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
