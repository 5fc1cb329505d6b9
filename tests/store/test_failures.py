from datetime import timedelta

from tests.store.events import AWS, BOX, MOMENT, TENANT, event, failed, succeeded


def at(hours, cycle):
    return {"activityDateTime": (MOMENT + timedelta(hours=hours)).isoformat(), "cycleId": cycle}


def test_a_quarantine_is_judged_by_the_cycles_around_it(store):
    person = {"id": "u7", "displayName": "Zoë"}
    events = [
        failed("old", "TooOld", **at(-100, "long ago")),
        failed("begin", "EntryConflict", **at(-30, "fatal")),
        failed("1", "EntryConflict", **at(-2, "fatal")),
        failed("2", "EntryConflict", "the newest", sourceIdentity=person, **at(-1, "fatal")),
        failed("3", "InsufficientRights", **at(5, "retry")),
        succeeded("4", **at(-1, "fatal")),
        failed("5", "NotOurs", servicePrincipal={"id": AWS}, **at(-1, "fatal")),
        failed("6", "NoCycle", **at(-1, None)),
    ]
    store.harvests.save(TENANT, events)
    found = store.failures.of_quarantine(BOX.upper(), MOMENT)
    assert [(each.error_code, each.count) for each in found] == [("EntryConflict", 3), ("InsufficientRights", 1)]
    assert (found[0].source_name, found[0].source_id, found[0].reason) == ("Zoë", "u7", "the newest")
    assert [each.error_code for each in store.failures.of_quarantine(BOX, MOMENT, limit=1)] == ["EntryConflict"]


def test_without_events_of_that_time_the_last_cycle_tells(store):
    store.harvests.save(TENANT, [failed("1", "A", **at(-100, "one")), failed("2", "B", **at(-90, "two"))])
    for since in (MOMENT, None):
        assert [each.error_code for each in store.failures.of_quarantine(BOX, since)] == ["B"]


def test_an_error_without_a_code_counts_too(store):
    bare = {"status": "failure", "errorInformation": None}
    store.harvests.save(TENANT, [event("1", provisioningStatusInfo=bare)])
    assert [(each.error_code, each.count) for each in store.failures.of_quarantine(BOX, MOMENT)] == [(None, 1)]


def test_an_application_without_events_has_no_failures(store):
    assert store.failures.of_quarantine(BOX, MOMENT) == []


def test_failures_of_another_job_of_the_application_are_another_story(store):
    store.harvests.save(TENANT, [failed("mine", "A", jobId="one"), failed("other", "B", jobId="two")])
    assert [each.error_code for each in store.failures.of_quarantine(BOX, MOMENT, job_id="one")] == ["A"]
    assert {each.error_code for each in store.failures.of_quarantine(BOX, MOMENT)} == {"A", "B"}
