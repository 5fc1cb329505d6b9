"""What a person sees while a run lasts, and after Ctrl-C."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from flows.cli.commands import inventory
from flows.cli.output.console import RunProgress, format_steps, show_progress
from flows.run.progress import STEP, Progress, report_progress


def test_a_long_inventory_shows_how_far_it_has_come_on_a_terminal_only(monkeypatch):
    def shown(**given):
        console = Console(file=io.StringIO(), width=100, **given)
        monkeypatch.setattr(inventory, "stderr_console", lambda: console)
        with inventory._progress() as tell:
            tell("service principals", 999, 0)
            tell("service principals", 601, 0)
            tell("jobs", 400, 960)
        return console.file.getvalue()

    assert "400/960" in shown(force_terminal=True)
    assert shown() == ""


@pytest.fixture
def progress():
    return RunProgress(Bars(console=Console(file=io.StringIO())), "starting")


def told(progress, *happened):
    for each in happened:
        progress.show(each)
    return progress


FIRST = Progress("provision", 0, 5)
STEPS = [Progress(STEP, 0, 0, "create-application", key) for key in "ab"] + [Progress(STEP, 0, 0, "create-job", "c")]


def test_it_says_how_many_are_under_way_and_at_which_step(progress):
    told(progress, FIRST, *STEPS)
    assert format_steps(progress.steps) == "3 under way: 2 create-application, 1 create-job"
    told(progress, Progress(STEP, 0, 0, "start-job", "c"), Progress("provision", 1, 5, "a", "a"))
    assert format_steps(progress.steps) == "2 under way: 1 create-application, 1 start-job"


def test_an_interruption_says_what_was_finished_begun_and_left(progress):
    told(progress, FIRST, *STEPS, Progress("provision", 1, 5, "a", "a"))
    first, second = progress.format_interruption().splitlines()
    assert first == (
        "Interrupted: 1 of 5 instances finished, 2 begun, 2 left. Begun: b (create-application), c (create-job)."
    )
    assert "again" in second


@pytest.mark.parametrize("happened", [[], [Progress("monitor", 3, 12, "9 steady")], [Progress("harvest", 50, 100)]])
def test_what_begins_no_instance_is_only_interrupted(progress, happened):
    assert told(progress, *happened).format_interruption() == "Interrupted."


def test_ctrl_c_prints_it_also_without_a_terminal(capsys):
    def interrupted():
        with show_progress("starting"):
            report_progress(FIRST)
            report_progress(STEPS[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "0 of 5 instances finished, 1 begun, 4 left" in capsys.readouterr().err
