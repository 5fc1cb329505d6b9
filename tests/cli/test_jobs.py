"""The jobs command as a person uses it."""

import json

import pytest

from tests.estates import fleet, instance
from tests.tenant.crowds import settle

FLEET = fleet(instance("a"), instance("b"))


@pytest.fixture
def principals(tenant):
    made = {key: settle(tenant.emulator, key, f"App {key}") for key in ("a", "b")}
    tenant.emulator.controls.advance(5)
    tenant.forget()
    return made


@pytest.fixture
def job_ids(tenant, principals):
    return {key: tenant.jobs()[principal][0]["id"] for key, principal in principals.items()}


def states(tenant, principals):
    return [tenant.jobs()[principal][0]["schedule"]["state"] for principal in principals.values()]


def test_without_a_terminal_nobody_can_be_asked(entra_fleet, write_fleet, tenant):
    for verb in ("start", "pause", "restart"):
        result = entra_fleet("jobs", verb, write_fleet(FLEET))
        text = f"jobs {verb} asks before it changes anything, but there is no terminal to ask on.\nAdd --yes.\n"
        assert (result.code, result.out, result.err) == (2, "", text)
    assert tenant.on_wire() == 0


def test_pausing_tells_what_was_done(entra_fleet, write_fleet, tenant, principals, job_ids):
    path = write_fleet(FLEET)
    arguments = ("jobs", "pause", path, "--only", "a", "--yes", "--output", "json")
    result = entra_fleet(*arguments, PREFECT_API_URL="")
    document = json.loads(result.out)
    assert (result.code, result.err) == (0, "")
    assert document["summary"] == {"paused": 1, "unchanged": 0, "failed": 0}
    (one,) = document["instances"]
    assert (one["key"], one["outcome"], one["job_state"], one["error"]) == ("a", "paused", "paused", None)
    assert (one["service_principal_id"], one["job_id"]) == (principals["a"], job_ids["a"])
    assert states(tenant, principals) == ["Paused", "Active"]


def test_a_person_sees_what_would_be_done_and_may_say_no(at_a_terminal, write_fleet, tenant, principals, job_ids):
    tenant.emulator.controls.act_on_job(job_ids["b"], "pause")
    result = at_a_terminal("jobs", "pause", write_fleet(FLEET), answers=["n"])
    assert (result.code, result.err) == (0, "Pause 1 of 2 jobs? [y/N]:Nothing was changed.\n")
    lines = [line.split() for line in result.out.splitlines()]
    assert lines[0] == ["key", "state", "would", "be"]
    assert (lines[1][0], lines[1][-1]) == ("a", "paused")
    assert tenant.requests(writes=True) == []
    assert states(tenant, principals) == ["Active", "Paused"]


def test_interrupted_at_the_question_it_ends_as_everywhere(at_a_terminal, write_fleet, tenant, principals):
    end_of_input = "\x04"
    result = at_a_terminal("jobs", "pause", write_fleet(FLEET), answers=[end_of_input])
    assert (result.code, tenant.requests(writes=True)) == (130, [])
    assert result.err.endswith("Nothing was changed.\n")


@pytest.mark.usefixtures("principals")
def test_if_there_is_nothing_to_do_nobody_is_asked(at_a_terminal, write_fleet):
    result = at_a_terminal("jobs", "start", write_fleet(FLEET), answers=[])
    assert (result.code, result.err, result.out) == (0, "", "contoso: nothing to start.\n")


def test_held_deletions_are_left_to_a_person(entra_fleet, write_fleet, tenant, job_ids):
    tenant.emulator.controls.quarantine(job_ids["a"], "TooManyDeletes")
    arguments = ("jobs", "restart", write_fleet(FLEET), "--yes", "--force")
    result = entra_fleet(*arguments, PREFECT_API_URL="")
    assert result.err == (
        "\na failed at restart-job:\n"
        "The job of a is held because it would delete too many accounts; entra-fleet never overrides that.\n"
        "In the portal, open Provisioning of the application and check the logs for who would be deleted.\n"
        "Then choose Allow deletes, or bring them back into scope and choose Restart provisioning.\n"
    )
    assert "contoso: 1 unchanged, 1 failed;" in result.out
    assert (result.code, tenant.requests(writes=True)) == (1, [])


@pytest.mark.usefixtures("tenant")
def test_dangerous_and_unknown_resets_are_explained(entra_fleet, write_fleet):
    path = write_fleet(FLEET)
    result = entra_fleet("jobs", "restart", path, "--yes", "--reset", "watermark")
    assert (result.code, result.out, result.err) == (
        1,
        "",
        "A reset of Watermark needs --force.\n"
        "Watermark reads and evaluates every object again, in an initial cycle that may take hours.\n",
    )
    result = entra_fleet("jobs", "restart", path, "--yes", "--reset", "ForceDeletes", "--force")
    assert (result.code, result.err) == (
        1,
        "ForceDeletes carries out the deletions held by the delete threshold, which only a person may decide.\n"
        "In the portal: Enterprise applications > the application > Provisioning > Allow deletes.\n",
    )
    result = entra_fleet("jobs", "restart", path, "--yes", "--reset", "Everything")
    assert (result.code, "Traceback" in result.err) == (2, False)
    assert "'everything' is not one of QuarantineState, Watermark" in " ".join(result.err.replace("│", " ").split())
