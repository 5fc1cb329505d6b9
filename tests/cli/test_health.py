"""What a person sees of a sweep."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flows.cli.output.console import use_fleet_file
from flows.cli.output.health import show_health
from flows.monitoring.health import JobHealth
from flows.monitoring.sweep import Reading, Sweep, Target
from flows.monitoring.triage import explain_quarantine

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATE = NOON - timedelta(hours=5)
COUNTS = {"imported": 12, "exported": 3}


def reading(key, state="steady", **fields):
    return Reading(Target(key, "sp-1"), JobHealth(state, "scim.1", last_execution=LATE, counts=COUNTS, **fields))


def quarantined(key):
    found = reading(key, "quarantined", reason="EncounteredQuarantineException", since=LATE, error_code="Unauthorized")
    triage = explain_quarantine(key, "EncounteredQuarantineException", "Unauthorized", None, ())
    return replace(found, triage=triage)


@pytest.fixture
def shown(capsys, monkeypatch):
    """What a sweep is shown as: in a pipe, or on a terminal of some width with 30 lines."""

    def show(*readings, columns=None, verbose=False):
        if columns:
            monkeypatch.setenv("COLUMNS", str(columns))
            monkeypatch.setenv("LINES", "30")
            monkeypatch.setenv("TTY_COMPATIBLE", "1")
            monkeypatch.setenv("TERM", "dumb")
        show_health(Sweep("contoso", readings), verbose=verbose)
        return capsys.readouterr().out.splitlines()

    return show


def test_what_needs_attention_comes_first_and_a_pipe_has_every_column(shown):
    header, *rows = [line.split() for line in shown(reading("a"), reading("b", "missing"), reading("c"))]
    assert header == ["key", "state", "since", "last", "execution", "counts", "why"]
    assert [row[0] for row in rows[:3]] == ["b", "a", "c"]


def test_the_summary_counts_jobs_by_state(shown):
    assert shown(reading("a"), reading("b"), reading("c", "degraded"))[-1] == "3 jobs: 1 degraded, 2 steady."
    assert shown(reading("a"))[-1] == "1 job: 1 steady."


@pytest.mark.parametrize(("columns", "heads"), [(100, "key state last execution counts why"), (40, "key state why")])
def test_one_line_an_instance_with_the_columns_that_fit(shown, columns, heads):
    lines = shown(*(reading(f"instance-{n}") for n in range(9)), columns=columns)
    assert " ".join(lines[0].split()).replace("since ", "") == heads
    assert len([line for line in lines if line.startswith("instance-")]) == 9
    assert max(map(len, lines)) <= columns


def test_steady_jobs_beyond_a_screenful_are_counted_on_a_terminal_only(shown):
    readings = [*(reading(f"k{n:03}") for n in range(300)), reading("ill", "missing")]
    assert len(shown(*readings)) > 300
    folded = shown(*readings, columns=100)
    assert len(folded) < 10
    assert folded[1].startswith("ill")
    assert "300 steady" in "\n".join(folded)
    assert len(shown(*readings, columns=100, verbose=True)) > 300


def test_equal_quarantines_are_one_with_commands_for_all(shown):
    use_fleet_file("my fleet.yaml")
    # "us" is a part of "cause", too.
    lines = shown(*(quarantined(key) for key in ("eu", "us", "jp")), columns=200)
    (command,) = [line.strip() for line in lines if "jobs restart" in line]
    assert command == "entra-fleet jobs restart 'my fleet.yaml' --only eu --only jp --only us"
    assert len([line for line in lines if "quarantined: " in line]) == 1
    unfolded = shown(*(quarantined(f"k{n}") for n in range(3)), columns=200, verbose=True)
    assert len([line for line in unfolded if "jobs restart" in line]) == 3
    use_fleet_file(None)
