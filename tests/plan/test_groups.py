"""Equal changes of many instances are read once."""

import pytest

from flows.fleet_file.models import Instance
from flows.monitoring.health import JobHealth
from flows.plan.plan import Action, Conflict, FieldChange, InstancePlan, Plan
from flows.plan.text import format_changes, format_keys, group_instances, verb_of

NOTES = FieldChange("notes", None, "reviewed")


def planned(key, action=Action.UPDATE, changes=(), adopt=None, **fields):
    instance = Instance(key=key, display_name=f"App {key}", template="Box", adopt=adopt)
    return InstancePlan("contoso", instance, action, changes=tuple(changes), **fields)


def plan(*instances):
    return Plan("contoso", "7928d5b5-7442-4a97-a02d-66f9a9972ec0", instances, (), (), len(instances))


def test_one_edit_on_many_instances_is_one_group():
    (group,) = group_instances(plan(*(planned(f"k{n}", changes=[NOTES]) for n in range(300))))
    assert (group.verb, len(group.plans), group.lines) == ("update", 300, ("notes: reviewed",))


def test_what_differs_is_another_group():
    other = FieldChange("notes", "old", "reviewed")
    groups = group_instances(plan(planned("a", changes=[NOTES]), planned("b", changes=[other])))
    assert [group.keys for group in groups] == [["a"], ["b"]]


def test_an_instances_own_key_and_name_do_not_set_it_apart():
    named = [FieldChange("display_name", None, f"App {key} at https://contoso-{key}.example") for key in "ab"]
    (group,) = group_instances(plan(planned("a", changes=named[:1]), planned("b", changes=named[1:])))
    assert group.lines == ("display_name: {display_name} at https://contoso-{key}.example",)
    (alone,) = group_instances(plan(planned("a", changes=named[:1])))
    assert alone.lines == ("display_name: App a at https://contoso-a.example",)


def test_a_key_within_another_word_is_no_key():
    changes = [FieldChange("notes", None, f"plan{key}") for key in "12"]
    groups = group_instances(plan(planned("1", changes=changes[:1]), planned("2", changes=changes[1:])))
    assert len(groups) == 2


def test_one_typo_in_a_shared_file_is_one_conflict():
    conflicts = [
        Conflict("MappingsInvalid", f"maps.yaml:3: no attribute (job of {key}).", "Correct it.") for key in "ab"
    ]
    plans = (planned(key, Action.CONFLICT, conflict=each) for key, each in zip("ab", conflicts, strict=True))
    (group,) = group_instances(plan(*plans))
    assert group.lines == ("maps.yaml:3: no attribute (job of {key}).", "Correct it.")


def test_unfolded_every_instance_stands_by_itself():
    groups = group_instances(plan(*(planned(f"k{n}", changes=[NOTES]) for n in range(3))), unfold=True)
    assert [group.keys for group in groups] == [["k0"], ["k1"], ["k2"]]


def test_conflicts_come_last_and_what_is_up_to_date_not_at_all():
    plans = (
        planned("stuck", Action.CONFLICT, conflict=Conflict("C", "m", "h")),
        planned("same", Action.NONE),
        planned("new", Action.CREATE),
    )
    assert [group.verb for group in group_instances(plan(*plans))] == ["create", "conflict"]


@pytest.mark.parametrize(
    ("found", "verb"),
    [
        (planned("a", Action.ADOPT, [FieldChange("mark", None, "a")]), "finish"),
        (planned("a", Action.ADOPT, adopt="884026d9-4bf7-4a8b-857c-8bf8b28d89ff"), "adopt"),
        (planned("a", changes=[FieldChange("job_state", "created", "running")], health=JobHealth("created")), "finish"),
        (planned("a", changes=[NOTES], health=JobHealth("missing")), "update"),
        (planned("a", changes=[FieldChange("job_state", "paused", "running")], health=JobHealth("paused")), "update"),
    ],
)
def test_what_an_earlier_apply_began_is_finished(found, verb):
    assert verb_of(found) == verb
    assert found.as_json()["action"] == str(found.action)


def test_the_counts_name_what_would_be_done_and_what_is_up_to_date():
    assert format_changes(plan(planned("a", Action.NONE))) == "No changes. 1 instance is up to date"
    mixed = plan(planned("a", Action.CREATE, [FieldChange("application", None, "Box")]), planned("b", Action.NONE))
    assert format_changes(mixed) == "1 to create, 0 to update, 0 in conflict. 1 up to date, 1 write request"


@pytest.mark.parametrize(("count", "text"), [(2, "k0, k1"), (3, "k0, k1, k2"), (4, "k0, k1 and 2 more")])
def test_keys_are_listed_up_to_a_number(count, text):
    assert format_keys([f"k{n}" for n in range(count)], 2) == text
