import html

import pytest

from flows.fleet_file.models import Instance
from flows.monitoring.health import JobHealth
from flows.plan.plan import Action, Conflict, FieldChange, InstancePlan, Orphan, Plan
from flows.plan.text import CHARACTERS_MAX, format_plan_markdown


def planned(key, action=Action.UPDATE, changes=(), **fields):
    instance = Instance(key=key, display_name=f"App {key}", template="Box")
    return InstancePlan("contoso", instance, action, changes=tuple(changes), **fields)


def plan(*instances, orphans=()):
    return Plan("contoso", "7928d5b5-7442-4a97-a02d-66f9a9972ec0", instances, orphans, (), len(instances))


def rows(text):
    return [line for line in text.splitlines() if line.startswith("|")][2:]


def test_each_change_is_told_and_what_is_dangerous_in_bold():
    danger = FieldChange("credentials.SyncAll", "false", "true", dangerous=True)
    changes = [danger, FieldChange("notes", None, "new")]
    text = format_plan_markdown(plan(planned("eu", changes=changes, health=JobHealth("steady", "job"))))
    (row,) = rows(text)
    assert "**credentials.SyncAll: false → true (dangerous)**<br>notes: new" in row
    assert text.startswith("### contoso: Plan: 0 to create, 1 to update, 0 in conflict.")


def test_a_conflict_says_what_to_do():
    conflict = Conflict("Namesake", "App eu is somebody's.", "entra-fleet adopt takes it in.")
    (row,) = rows(format_plan_markdown(plan(planned("eu", Action.CONFLICT, conflict=conflict))))
    assert "**App eu is somebody's.**<br>**entra-fleet adopt takes it in.**" in row


@pytest.mark.parametrize("name", ["a | b", "<script>", "[x](javascript:1)", "*bold*", "line\nbreak", "`code`"])
def test_a_name_cannot_break_out_of_its_cell(name):
    text = format_plan_markdown(plan(planned("eu", changes=[FieldChange("display_name", "old", name)])))
    (row,) = rows(text)
    assert row.count("|") == 4
    assert "<script" not in text
    assert "](" not in text


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("@org/team", "@org"),
        ("see #12", "#1"),
        ("see !12", "!1"),
        ("https://x.example", "://"),
        ("www.x.example", "www."),
        ("\u202egnp.exe", "\u202e"),
        ("\x1b[31m", "\x1b"),
    ],
)
def test_a_name_mentions_nobody_and_links_nowhere(name, read):
    (row,) = rows(format_plan_markdown(plan(planned("eu", changes=[FieldChange("display_name", "old", name)]))))
    assert read not in row
    # GitHub looks for mentions after it has read entities.
    assert read not in html.unescape(row) or "://" in read or "www" in read


def test_what_is_as_it_should_be_is_only_counted():
    text = format_plan_markdown(plan(planned("eu", Action.NONE)))
    assert (rows(text), "1 instance is up to date" in text) == ([], True)


def test_a_plan_of_thousands_fits_a_comment_and_says_what_is_left_out():
    many = plan(*(planned(f"key-{n:05}", changes=[FieldChange("notes", None, f"{n:040}")]) for n in range(5000)))
    text = format_plan_markdown(many)
    left_out = 5000 - len(rows(text))
    assert CHARACTERS_MAX * 0.8 < len(text) < 65_536
    assert f"And {left_out} more in the plan file." in text


def test_equal_changes_of_many_are_one_row_with_their_number():
    (row,) = rows(
        format_plan_markdown(plan(*(planned(f"k{n}", changes=[FieldChange("notes", "a", "b")]) for n in range(50))))
    )
    assert "50: k0, k1" in row
    assert "and 30 more" in row


def test_jobs_that_need_attention_are_listed_also_without_a_change():
    health = JobHealth("quarantined", "job", reason="Broken", held_by="Broken")
    text = format_plan_markdown(plan(planned("eu", Action.NONE, health=health)))
    assert "- eu: quarantined: Broken" in text


def test_a_refusal_and_what_lies_about_are_told():
    orphan = Orphan("gone", "App gone", "application-1", "principal-1")
    text = format_plan_markdown(plan(planned("eu", Action.NONE), orphans=(orphan,)), ValueError("40 % at once"))
    assert "**Apply will refuse this plan:** 40 % at once" in text
    assert "orphan: App gone (application-1)" in text
