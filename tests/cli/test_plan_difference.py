"""The words for a plan that is no longer the one that was reviewed."""

from pathlib import Path

import pytest

from flows.cli.commands.plan import PlanFile, PlanOptions, write_plan_file
from flows.plan.plan import Plan
from tests.plan.test_diff import fleet, held, plan_one


def planned(*instances):
    return Plan("f", "tenant", instances, ())


REVIEWED = plan_one(fleet(display_name="Box Uno"), held())


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ([plan_one(fleet(display_name="Box Two"), held())], "one: display_name."),
        ([plan_one(fleet(display_name="Box Uno", notes="n"), held())], "one: notes."),
        ([plan_one(fleet(), held())], "one: update became none."),
        ([], "one: is no longer in the file."),
        ([REVIEWED, plan_one(fleet(key="two"))], "two: was not in the plan."),
        (
            [plan_one(fleet(display_name="Box Uno"), held(application_id="app-2"))],
            "one: its fields in the file or its objects in the tenant changed.",
        ),
        (
            [REVIEWED, *(plan_one(fleet(key=key)) for key in ("a", "b", "c"))],
            "a: was not in the plan. b: was not in the plan. And 1 more.",
        ),
    ],
)
def test_what_differs_is_said_in_a_line(tmp_path, now, words):
    path = Path(tmp_path / "plan.json")
    write_plan_file(path, planned(REVIEWED), PlanOptions())
    assert str(PlanFile.read(path).outdated_by(planned(*now))) == (
        f"{path} is out of date; nothing was written.\n{words}\nRun plan again, and review the new plan."
    )
