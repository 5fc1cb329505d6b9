"""apply --canary as a person and a pipeline use it."""

import json

import pytest

from graph_emulator import Clock
from tests.estates import estate, fleet, instance
from tests.tenant.crowds import settle

KEYS = ("a", "b", "c")
FLEET = fleet(*(instance(key, notes="changed") for key in KEYS))
QUICKLY = ("--canary-limit", "interval_seconds=0.05", "--canary-limit", "log_minutes=0")


@pytest.fixture
def tenant(tmp_path):
    often = {"cycle_seconds": 0.4, "entry_failure_share": 0.0, "eventful_cycles": 0}
    with estate(tmp_path / "tenant", clock=Clock(), **often) as served:
        for key in KEYS:
            settle(served.emulator, key, f"App {key}")
        served.forget()
        yield served


@pytest.mark.usefixtures("tenant")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--canary-user", "x"), "it needs --canary"),
        (("--canary", "0"), "at least one canary is needed"),
        (("--canary", "1", "--canary-limit", "luck=7"), "'luck' is not one of failures_percent, deletes, instances"),
        (("--canary", "1", "--canary-limit", "deletes=many"), "'many' is not a valid value for deletes"),
        (("--canary", "1", "--canary-limit", "deletes=-1"), "'-1' is not a valid value for deletes"),
    ],
)
def test_options_that_say_nothing_are_refused_at_once(entra_fleet, write_fleet, options, said):
    result = entra_fleet("apply", write_fleet(FLEET), "--yes", *options)
    assert (result.code, result.out) == (2, "")
    assert said in " ".join(result.err.replace("│", " ").split())


def test_a_reviewed_plan_goes_in_waves(entra_fleet, write_fleet, tmp_path, tenant):
    path, plan = write_fleet(FLEET), tmp_path / "plan.json"
    assert entra_fleet("plan", path, "--out", plan).code == 0
    arguments = ("apply", path, "--plan-file", plan, "--canary", "b", *QUICKLY, "--output", "json")
    result = entra_fleet(*arguments, PREFECT_API_URL="")
    document = json.loads(result.out)
    assert (result.code, document["summary"]["updated"], document["canary"]["held"]) == (0, 3, False)
    assert [wave["keys"] for wave in document["canary"]["waves"]] == [["b"], ["a"], ["c"]]
    assert {wave["state"] for wave in document["canary"]["waves"]} == {"passed"}


def test_what_is_held_ends_with_1_and_says_how_to_go_on_and_back(entra_fleet, write_fleet, tmp_path):
    with estate(tmp_path / "slow", cycle_seconds=3600.0) as slow:
        settle(slow.emulator, "a", "App a")
        settle(slow.emulator, "b", "App b")
        wanted = write_fleet(fleet(*(instance(key, notes="changed") for key in "ab")))
        slow_rules = ("--canary-limit", "timeout_minutes=0.001", *QUICKLY)
        arguments = ("apply", wanted, "--yes", "--canary", "a", *slow_rules)
        result = entra_fleet(*arguments, PREFECT_API_URL="")
    assert result.code == 1
    assert "1 canaries  a" in result.out
    assert "wave 2 of 2 (the rest): 1 instance, not started." in result.out
    assert result.err == (
        "Held after wave 1 of 2 (canaries): a: no cycle completed within 0.001 minutes.\n"
        "Paused jobs: a. Not changed: b.\n"
        "To continue, run apply again with --force: it resumes the paused jobs and checks this wave again.\n"
        "To roll back, restore the previous fleet file and apply it; for mappings use entra-fleet schema restore.\n"
        f"The next apply resumes the jobs. Now: entra-fleet jobs start {wanted} --only a\n"
    )
