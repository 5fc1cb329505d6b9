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
        (("--canary-user", "x"), "it says how canaries are judged, and there are none"),
        (("--canary", "0"), "at least one instance has to go first"),
        (("--canary", "1", "--canary-limit", "luck=7"), "'luck' is none of failures_percent, deletes, instances"),
        (("--canary", "1", "--canary-limit", "deletes=many"), "'many' is no number that deletes can be"),
        (("--canary", "1", "--canary-limit", "deletes=-1"), "'-1' is no number that deletes can be"),
    ],
)
def test_options_that_say_nothing_are_refused_at_once(entra_fleet, write_fleet, options, said):
    result = entra_fleet("apply", write_fleet(FLEET), "--yes", *options)
    assert (result.code, result.out) == (2, "")
    assert said in " ".join(result.err.replace("│", " ").split())


def test_a_reviewed_plan_goes_in_waves(entra_fleet, write_fleet, tmp_path, tenant, prefect_server):
    path, plan = write_fleet(FLEET), tmp_path / "plan.json"
    assert entra_fleet("plan", path, "--out", plan).code == 0
    arguments = ("apply", path, "--plan-file", plan, "--canary", "b", *QUICKLY, "--output", "json")
    result = entra_fleet(*arguments, PREFECT_API_URL=prefect_server.api_url)
    document = json.loads(result.out)
    assert (result.code, document["summary"]["updated"], document["canary"]["held"]) == (0, 3, False)
    assert [wave["keys"] for wave in document["canary"]["waves"]] == [["b"], ["a"], ["c"]]
    assert {wave["state"] for wave in document["canary"]["waves"]} == {"passed"}


def test_what_is_held_ends_with_1_and_says_how_to_go_on_and_back(entra_fleet, write_fleet, tmp_path, prefect_server):
    with estate(tmp_path / "slow", cycle_seconds=3600.0) as slow:
        settle(slow.emulator, "a", "App a")
        settle(slow.emulator, "b", "App b")
        wanted = write_fleet(fleet(*(instance(key, notes="changed") for key in "ab")))
        slow_rules = ("--canary-limit", "timeout_minutes=0.001", *QUICKLY)
        arguments = ("apply", wanted, "--yes", "--canary", "a", *slow_rules)
        result = entra_fleet(*arguments, PREFECT_API_URL=prefect_server.api_url)
    assert result.code == 1
    assert "1 canaries  a" in result.out
    assert "wave 2 of 2 (the rest): 1 instances, not begun." in result.out
    assert result.err == (
        "Held after wave 1 of 2 (canaries): a: no cycle has ended within 0.001 minutes.\n"
        "Paused: a. Not touched: b.\n"
        "To go on: the same apply with --force; it starts what is paused and looks at this wave anew.\n"
        "To go back: the fleet file as it was before, and apply that; entra-fleet schema restore for mappings.\n"
        "The jobs run again by the next apply, or by: entra-fleet jobs start FLEET --only a\n"
    )
