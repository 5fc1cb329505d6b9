"""Which jobs the journal knows to be paused by us."""

from datetime import timedelta

import pytest

from flows.store import ChangeError, FieldChange
from tests.store.test_journal import MOMENT, TENANT, change, run

FAILED_AT = {
    step: {"outcome": "failed", "error": ChangeError(step=step, message="no")} for step in ("job", "pause-job")
}


def state(before, after, **fields):
    return {"fields": (FieldChange(field="job_state", before=before, after=after),), **fields}


PAUSED, STARTED = state("running", "paused"), state("paused", "running")


@pytest.mark.parametrize(
    ("changes", "ours"),
    [
        ([], False),
        ([PAUSED], True),
        ([PAUSED, {"fields": (FieldChange(field="display_name", before="a", after="b"),)}], True),
        ([PAUSED, STARTED], False),
        ([STARTED, PAUSED], True),
        ([PAUSED | FAILED_AT["pause-job"]], False),
        # What failed before it came to the job has left it as it was.
        ([PAUSED, STARTED | FAILED_AT["job"]], True),
    ],
)
def test_a_job_is_paused_by_us_if_our_last_change_of_its_state_was_a_pause(store, changes, ours):
    for hour, fields in enumerate(changes):
        run_id = store.journal.begin(run(id=str(hour)))
        moment = MOMENT + timedelta(hours=hour)
        store.journal.record(run_id, change(**{"recorded_at": moment, "job_id": "job-1", **fields}))
    assert store.journal.paused_jobs(TENANT) == (frozenset({"job-1"}) if ours else frozenset())


def test_other_tenants_jobs_are_not_ours(store):
    store.journal.record(store.journal.begin(run(tenant_id="another")), change(job_id="job-1", **PAUSED))
    assert store.journal.paused_jobs(TENANT) == frozenset()
