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
        assert (result.code, result.out, f"jobs {verb}" in result.err, "--yes" in result.err) == (2, "", True, True)
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
    assert (result.code, "1 of 2" in result.err, "[y/N]" in result.err) == (0, True, True)
    lines = [line.split() for line in result.out.splitlines()]
    assert lines[0] == ["key", "state", "would", "be"]
    assert (lines[1][0], lines[1][-1]) == ("a", "paused")
    assert tenant.requests(writes=True) == []
    assert states(tenant, principals) == ["Active", "Paused"]


def test_interrupted_at_the_question_it_ends_as_everywhere(at_a_terminal, write_fleet, tenant, principals):
    end_of_input = "\x04"
    result = at_a_terminal("jobs", "pause", write_fleet(FLEET), answers=[end_of_input])
    assert (result.code, tenant.requests(writes=True)) == (130, [])


@pytest.mark.usefixtures("principals")
def test_if_there_is_nothing_to_do_nobody_is_asked(at_a_terminal, write_fleet):
    result = at_a_terminal("jobs", "start", write_fleet(FLEET), answers=[])
    assert (result.code, result.err, len(result.out.splitlines())) == (0, "", 1)


def test_held_deletions_are_left_to_a_person(entra_fleet, write_fleet, tenant, job_ids):
    tenant.emulator.controls.quarantine(job_ids["a"], "TooManyDeletes")
    arguments = ("jobs", "restart", write_fleet(FLEET), "--yes", "--force")
    result = entra_fleet(*arguments, PREFECT_API_URL="")
    assert "a failed at restart-job" in result.err
    assert "contoso: 1 unchanged, 1 failed;" in result.out
    assert (result.code, tenant.requests(writes=True)) == (1, [])


@pytest.mark.usefixtures("tenant")
def test_dangerous_and_unknown_resets_are_refused(entra_fleet, write_fleet):
    path = write_fleet(FLEET)
    result = entra_fleet("jobs", "restart", path, "--yes", "--reset", "watermark")
    assert (result.code, result.out) == (1, "")
    assert "Watermark" in result.err
    assert "--force" in result.err
    result = entra_fleet("jobs", "restart", path, "--yes", "--reset", "ForceDeletes", "--force")
    assert (result.code, result.out, "ForceDeletes" in result.err, "--force" in result.err) == (1, "", True, False)
    result = entra_fleet("jobs", "restart", path, "--yes", "--reset", "Everything")
    assert (result.code, "Traceback" in result.err) == (2, False)
    assert "'everything' is not one of QuarantineState, Watermark" in " ".join(result.err.replace("│", " ").split())
