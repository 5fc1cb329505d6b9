"""Who goes first, and whether a plan is what is left of a roll-out."""

from dataclasses import replace

import pytest

from flows.errors import StepFailed
from flows.fleet_file.models import Instance
from flows.monitoring.health import JobHealth
from flows.plan.plan import Action, FieldChange, InstancePlan, Plan
from flows.run.waves import fingerprint_changes, same_rollout, split_into_waves
from tests.estates import TENANT


def planned(key, action=Action.UPDATE, *, accounts=10, state="steady", job="running", escrowed=0, change="x", **given):
    health = JobHealth(state, counts={"entitled": accounts, "escrowed": escrowed})
    wanted = Instance(key=key, display_name=f"App {key}", template="Box", job=job)
    changes = () if action is Action.NONE else (FieldChange("notes", "before", change),)
    return InstancePlan("contoso", wanted, action, "t", changes, health, **given)


def plan(*instances):
    return Plan("contoso", TENANT, instances, ())


def test_a_running_well_job_with_the_fewest_accounts_goes_first():
    order = [
        planned("d-few", accounts=3),
        planned("c-many", accounts=500),
        planned("b-ailing", accounts=2, escrowed=1),
        planned("a-new", Action.CREATE, accounts=0, state="missing"),
        planned("a-paused", job="paused", accounts=0),
    ]
    waves = split_into_waves(plan(*reversed(order)), 4)
    assert waves == [("d-few", "c-many", "b-ailing", "a-new"), ("a-paused",)]


def test_the_same_plan_has_the_same_canaries_whatever_its_order():
    instances = [planned(f"k{number}") for number in range(20)]
    assert split_into_waves(plan(*instances), 2) == split_into_waves(plan(*reversed(instances)), 2)


@pytest.mark.parametrize(
    ("count", "canary", "sizes"),
    [(1, 1, [1]), (2, 1, [1, 1]), (3, 5, [3]), (12, 1, [1, 2, 9]), (100, 3, [3, 10, 87]), (0, 1, [])],
)
def test_the_second_wave_is_a_tenth_and_empty_ones_are_left_out(count, canary, sizes):
    waves = split_into_waves(plan(*(planned(f"k{number:03}") for number in range(count))), canary)
    assert [len(each) for each in waves] == sizes


def test_what_is_not_changed_is_in_no_wave():
    instances = (planned("a"), planned("b", Action.NONE), planned("c", Action.CONFLICT))
    assert split_into_waves(plan(*instances), 1) == [("a",)]


def test_named_canaries_have_to_be_there_and_to_change():
    instances = plan(planned("a"), planned("b", Action.NONE))
    for canaries, code in ((["a", "nope"], "CanaryUnknown"), (["b"], "CanaryUnchanged")):
        with pytest.raises(StepFailed, match=canaries[-1]) as refused:
            split_into_waves(instances, canaries)
        assert refused.value.code == code
    assert split_into_waves(instances, ["a", "b"]) == [("a",)]


FIRST = plan(planned("a"), planned("b"), planned("c"))


@pytest.mark.parametrize(
    ("now", "same"),
    [
        (FIRST, True),
        (plan(planned("a", Action.NONE), planned("b"), planned("c")), True),
        (plan(planned("a", change="half"), planned("b"), planned("c")), True),
        (plan(planned("a", job="paused"), planned("b"), planned("c")), False),
        (plan(planned("a", Action.NONE), planned("b", change="other"), planned("c")), False),
        (plan(planned("a", Action.NONE), planned("b", Action.NONE), planned("c")), False),
        (plan(planned("a", Action.NONE), planned("b"), planned("c"), planned("d")), False),
        (plan(planned("a", Action.NONE), planned("b"), planned("c"), planned("d", Action.NONE)), True),
        (plan(planned("a", Action.NONE), planned("b")), False),
    ],
    ids=[
        "all of it",
        "the canary is done",
        "the canary is half done",
        "the file wants something else of the canary",
        "something else is to be done to the others",
        "somebody did it to another one",
        "one more is to be changed",
        "one more stands in the file",
        "one is left out",
    ],
)
def test_what_is_left_of_a_rollout_is_known_again(now, same):
    assert same_rollout(now, fingerprint_changes(FIRST), {"a"}) is same


def test_health_does_not_make_it_another_plan():
    tired = replace(FIRST, instances=tuple(replace(each, health=JobHealth("degraded")) for each in FIRST.instances))
    assert same_rollout(tired, fingerprint_changes(FIRST), set())
