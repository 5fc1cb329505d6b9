"""One episode however often it is seen, however the status flaps."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flows.store import JobObservation

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
TENANT = "7928d5b5-7442-4a97-a02d-66f9a9972ec0"


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def seen(minutes, state, **given):
    return JobObservation(
        **{
            "tenant_id": TENANT,
            "fleet": "contoso",
            "key": "eu",
            "observed_at": at(minutes),
            "state": state,
            "job_id": "scim.1",
            "service_principal_id": "sp-1",
            **given,
        }
    )


def quarantined(minutes, since=5, **given):
    given = {"since": at(since), "reason": "TooManyDeletes", "error_code": "TooManyDeletes", **given}
    return seen(minutes, "quarantined", **given)


def steady(minutes, success=None, **given):
    ended = at(minutes if success is None else success)
    return seen(minutes, "steady", **{"last_execution_at": ended, "last_success_at": ended, **given})


def told(store):
    """What is told now: word and moment of its episode; and it is told for good."""
    news = [(each, word) for each in store.job_episodes.untold(TENANT, "contoso") for word in each.untold()]
    store.job_episodes.mark_reported(news, NOON)
    return [(word, each.began_at) for each, word in news]


def story(store, *observations):
    """What is told after each observation."""
    words = []
    for observation in observations:
        store.jobs.record_all([observation])
        words.append([word for word, _ in told(store)])
    return words


def test_a_quarantine_is_told_once_with_its_recovery(store):
    store.jobs.record_all([steady(0)])
    assert told(store) == [("steady", at(0))]
    observations = [quarantined(minutes, observed_at=at(minutes)) for minutes in (10, 20, 30)]
    observations[2] = replace(observations[2], reason="EncounteredQuarantineException", since=at(25))
    assert story(store, *observations) == [["quarantined"], [], []]
    assert story(store, steady(40), steady(50)) == [["recovered"], []]
    (initial, quarantine) = store.job_episodes.of_fleet(TENANT, "contoso")
    assert (initial.kind, initial.ended_at) == ("initial-cycle", at(0))
    assert (quarantine.began_at, quarantine.noticed_at, quarantine.ended_at) == (at(5), at(10), at(40))
    assert (quarantine.reason, quarantine.error_code) == ("TooManyDeletes", "TooManyDeletes")


def test_a_status_that_flaps_is_one_quarantine_and_one_recovery(store):
    words = story(
        store,
        steady(0),
        quarantined(10),
        steady(20, success=0),
        quarantined(30),
        seen(40, "initial-cycle", last_success_at=at(0)),
        quarantined(50, since=45),
        seen(60, "missing", job_id=None),
        quarantined(70),
        seen(80, "paused"),
        steady(90),
    )
    assert words == [["steady"], ["quarantined"], [], [], [], [], [], [], [], ["recovered"]]


def test_a_second_quarantine_is_told_again(store):
    words = story(store, quarantined(10), steady(20), quarantined(30, since=25), steady(40))
    assert words == [["quarantined"], ["recovered", "steady"], ["quarantined"], ["recovered"]]


def test_a_job_that_tells_of_no_success_has_recovered_once_it_is_steady(store):
    words = story(store, quarantined(10), seen(20, "initial-cycle"), seen(30, "degraded"), seen(40, "steady"))
    assert words == [["quarantined"], [], ["steady"], ["recovered"]]


def test_a_quarantine_without_a_date_began_when_it_was_first_seen(store):
    store.jobs.record_all([replace(quarantined(10), since=None)])
    assert told(store) == [("quarantined", at(10))]


@pytest.mark.parametrize("state", ["steady", "degraded"])
def test_the_end_of_the_initial_cycle_is_told_once(store, state):
    begun = [seen(0, "created"), seen(10, "initial-cycle")]
    words = story(store, *begun, seen(20, state), steady(30), seen(40, "created"))
    assert words == [[], [], ["steady"], [], []]


def test_a_job_that_was_replaced_has_not_recovered_and_the_new_one_has_a_story_of_its_own(store):
    words = story(store, quarantined(10), steady(20, job_id="scim.2"), quarantined(30, job_id="scim.2"))
    assert words == [["quarantined"], ["steady"], ["quarantined"]]
    assert [each.ended_at for each in store.job_episodes.of_fleet(TENANT, "contoso") if each.job_id == "scim.1"] == [
        at(20)
    ]


def test_a_stall_is_told_once_and_over_when_the_job_runs(store):
    stalled = steady(300, success=0, stalled_since=at(240))
    words = story(
        store,
        steady(0),
        stalled,
        replace(stalled, observed_at=at(310)),
        replace(stalled, observed_at=at(320), state="paused", stalled_since=None),
        replace(stalled, observed_at=at(330)),
        steady(340),
    )
    assert words == [["steady"], ["stalled"], [], [], [], ["recovered"]]


def test_what_was_not_told_is_told_later(store):
    store.jobs.record_all([quarantined(10)])
    store.jobs.record_all([steady(20)])
    assert told(store) == [("quarantined", at(5)), ("recovered", at(5)), ("steady", at(20))]
    assert told(store) == []


def test_an_end_that_comes_while_the_beginning_is_told_is_told_too(store):
    store.jobs.record_all([quarantined(10)])
    news = [(each, word) for each in store.job_episodes.untold(TENANT, "contoso") for word in each.untold()]
    store.jobs.record_all([steady(20)])
    store.job_episodes.mark_reported(news, NOON)
    assert [word for word, _ in told(store)] == ["recovered", "steady"]


def test_sweeps_at_once_make_one_episode(store):
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(store.jobs.record_all, [[quarantined(10)]] * 8))
    assert len(store.job_episodes.of_fleet(TENANT, "contoso")) == 1


def test_an_episode_is_written_with_the_row_that_shows_it_or_not_at_all(store_to_break):
    with store_to_break._database.write() as connection:
        connection.exec_driver_sql("DROP TABLE job_episode")
    with pytest.raises(Exception, match="job_episode"):
        store_to_break.jobs.record_all([quarantined(10)])
    assert store_to_break.jobs.latest(TENANT, "contoso") == []


def test_episodes_are_of_one_fleet_and_since_a_moment(store):
    store.jobs.record_all([quarantined(10), quarantined(10, fleet="other"), quarantined(10, tenant_id="other")])
    assert len(store.job_episodes.of_fleet(TENANT, "contoso")) == 1
    store.jobs.record_all([steady(20)])
    assert [each.kind for each in store.job_episodes.of_fleet(TENANT, "contoso", since=at(20))] == [
        "quarantine",
        "initial-cycle",
    ]
    assert store.job_episodes.of_fleet(TENANT, "contoso", since=at(21)) == []
