from datetime import date, timedelta

import pytest

from flows.report.content import build_report
from flows.store import KnownInstance, open_store
from tests.report.stores import EVIL, NOW, OTHER, furnished, totals
from tests.store.events import BOX, TENANT


@pytest.fixture
def report(store_url):
    with furnished(store_url) as store:
        yield build_report(store, days=30, now=NOW)


def test_every_event_is_counted_once(report):
    assert report.statuses == totals()
    assert list(report.statuses) == ["failure", "success"]
    assert sum(each.events for each in report.applications) == sum(totals().values())
    assert (len(report.days), min(report.days), max(report.days)) == (30, date(2026, 4, 21), NOW.date())


def test_those_that_need_somebody_come_first(report):
    assert [(each.name, each.job.state if each.job else None) for each in report.applications] == [
        ("box", "quarantined"),
        ("gone", "missing"),
        ("aws", "steady"),
        (EVIL, None),
    ]
    assert list(report.states.items()) == [("quarantined", 1), ("missing", 1), ("steady", 1)]


def test_a_quarantine_has_its_triage_and_its_episodes(report):
    triage = report.applications[0].triage
    assert "Most often" in triage.cause
    assert triage.errors[0].failure.error_code == "EntryConflict"
    assert [(each.kind, each.reason, each.ended_at) for each in report.episodes] == [
        ("quarantine", "EncounteredEscrowProportionThreshold", None),
        ("quarantine", "TooManyDeletes", NOW - timedelta(hours=20)),
        ("stall", None, None),
    ]


def test_errors_have_their_count_example_and_meaning(report):
    known, unknown = report.errors
    assert (known.triage.failure.count, known.applications, known.triage.explanation.meaning) == (
        *(10, 1),
        "exists already in the target",
    )
    assert known.triage.failure.source_name == EVIL
    assert unknown.triage.explanation.proposal.action == "microsoft"


def test_the_slowest_job_is_that_of_the_longest_cycle(report):
    (first, cycle), (second, _) = report.slowest
    assert (first.service_principal_id, second.service_principal_id) == (BOX, OTHER)
    assert cycle.seconds == 3 * 3600


def test_a_report_of_one_fleet_has_nothing_of_others(store_url):
    with furnished(store_url) as store:
        report = build_report(store, days=5, fleet="contoso", now=NOW)
        assert build_report(store, days=5, fleet="another", now=NOW).applications == []
    assert EVIL not in {each.name for each in report.applications}
    assert report.statuses == {"failure": 5, "success": 1 + 2 + 3 + 4 + 5}


def test_an_application_that_bore_a_mark_keeps_its_key(store_url):
    with furnished(store_url) as store:
        store.instances.keep(TENANT, [KnownInstance(OTHER.upper(), "retired", "old"), KnownInstance(BOX, "x", "y")])
        everything, retired = (
            build_report(store, days=5, now=NOW),
            build_report(store, days=5, fleet="retired", now=NOW),
        )
    assert [each.name for each in everything.applications] == ["box", "gone", "aws", "old"]
    assert everything.fleets == ["contoso", "retired"]
    assert [(each.name, each.events, each.job) for each in retired.applications] == [("old", 3, None)]


def test_an_empty_store_makes_an_empty_report(store_url):
    with open_store(store_url) as store:
        report = build_report(store, days=1, now=NOW)
    assert (report.applications, report.errors, report.slowest, report.statuses) == ([], [], [], {})
