"""Cutting a fleet into parts that plan as the whole does."""

import json
from dataclasses import replace

import pytest

from flows.apply.shard_pool import restrict_to, split_plan
from flows.fleet_file.loader import fleet_from_object
from flows.plan.plan import Action, Conflict, FieldChange, InstancePlan, Orphan, Plan
from tests.estates import DATABRICKS, fleet, instance

USER = "11111111-2222-4333-8444-555555555555"
FLEET = fleet_from_object(
    fleet(
        *(instance(f"k{n}", DATABRICKS, renamed_from=f"old{n}", assignments=[{"user": USER}]) for n in range(7)),
        renamed_from="former",
        defaults={"notes": "kept", "job": "paused"},
    )
)


MADE = (FieldChange("application", None, "Box"),)


def plan_of(each, action=Action.CREATE, changes=MADE):
    return InstancePlan(FLEET.fleet, each, action, changes=tuple(changes))


def whole(*instances):
    return Plan(FLEET.fleet, FLEET.tenant_id, instances, orphans=(Orphan("theirs", "x", None, None),))


def test_the_parts_are_the_fleet_with_all_that_its_instances_say():
    parts = split_plan(FLEET, map(plan_of, FLEET.instances), 3)
    assert [part.keys for part in parts] == [("k0", "k1", "k2"), ("k3", "k4", "k5"), ("k6",)]
    assert [part.number for part in parts] == [1, 2, 3]
    again = [fleet_from_object(part.fleet) for part in parts]
    assert [each for part in again for each in part.instances] == list(FLEET.instances)
    assert {(part.fleet, part.tenant_id, part.renamed_from) for part in again} == {
        ("contoso", FLEET.tenant_id, "former")
    }


def test_only_what_needs_something_is_in_a_part():
    (part,) = split_plan(FLEET, map(plan_of, FLEET.instances[2:4]), 100)
    assert part.keys == ("k2", "k3")


@pytest.mark.parametrize("action", [Action.CREATE, Action.UPDATE])
def test_a_part_is_as_large_as_prefect_takes_and_no_larger(action):
    long = [
        replace(plan_of(each, action), changes=(FieldChange("notes", "é" * 500, "ü" * 500),))
        for each in FLEET.instances
    ]
    parts = split_plan(FLEET, long, 100, bytes_max=8_000)
    assert [key for part in parts for key in part.keys] == [each.key for each in FLEET.instances]
    sizes = [len(json.dumps([part.fleet, part.planned]).encode()) for part in parts]
    assert max(sizes) < 8_000 + 300
    assert (len(parts) > 1) == (action is Action.UPDATE)


def test_an_instance_that_is_too_large_has_a_part_for_itself():
    assert [part.keys for part in split_plan(FLEET, map(plan_of, FLEET.instances[:2]), 100, bytes_max=10)] == [
        ("k0",),
        ("k1",),
    ]


def test_the_digest_is_that_of_what_is_to_be_done():
    def digest(*changes):
        (part,) = split_plan(FLEET, [plan_of(FLEET.instances[0], changes=changes)], 100)
        return part.digest

    assert digest() == digest() != digest(FieldChange("notes", None, "new"))


NOTES = FieldChange("notes", "before", "after")
OTHER = FieldChange("display_name", "before", "after")
REMOVAL = FieldChange("assignments.x", "User", None, dangerous=True)


def after(now, planned_changes, action=Action.UPDATE):
    """What is left of an instance's plan, where the plan of the whole fleet had other changes."""
    (part,) = split_plan(FLEET, [plan_of(FLEET.instances[0], Action.UPDATE, planned_changes)], 100)
    (left,) = restrict_to(
        whole(plan_of(FLEET.instances[0], action, now)), json.loads(json.dumps(part.planned))
    ).instances
    return left


@pytest.mark.parametrize(
    ("now", "planned"),
    [
        ([NOTES, REMOVAL], [NOTES, REMOVAL]),
        ([REMOVAL], [NOTES, REMOVAL]),
        ([], [NOTES]),
        ([replace(NOTES, before="in between")], [NOTES]),
    ],
)
def test_what_was_planned_or_less_is_done(now, planned):
    left = after(now, planned)
    assert (left.action, left.changes) == (Action.UPDATE, tuple(now))


@pytest.mark.parametrize(
    ("now", "action"),
    [
        ([NOTES, OTHER], Action.UPDATE),
        ([replace(REMOVAL, before="Admin")], Action.UPDATE),
        ([replace(NOTES, after="else")], Action.ADOPT),
        ([NOTES], Action.CREATE),
    ],
)
def test_what_was_not_planned_is_left_alone(now, action):
    left = after(now, [NOTES, REMOVAL], action)
    assert (left.action, left.conflict.code, left.changes, left.writes) == (Action.CONFLICT, "PlanChanged", (), 0)


def test_what_was_planned_to_be_made_is_made_or_finished():
    (part,) = split_plan(FLEET, [plan_of(FLEET.instances[0])], 100)
    unfinished = plan_of(FLEET.instances[0], Action.UPDATE, [FieldChange("job", None, "default")])
    assert restrict_to(whole(unfinished), part.planned).instances == (unfinished,)


def test_a_conflict_stays_what_it_is_and_the_others_of_the_fleet_are_no_orphans():
    double = replace(
        plan_of(FLEET.instances[0], Action.CONFLICT, ()), conflict=Conflict("TwoApplications", "two", "one")
    )
    held = restrict_to(whole(double), {"k0": []})
    assert (held.instances, held.orphans) == ((double,), ())
