"""What the log says of jobs since a change: objects, not events, and each event once."""

from datetime import UTC, datetime, timedelta

import pytest

from flows.monitoring.cycle_log import collect_job_logs
from graph_client.models import ProvisioningEvent

SINCE = datetime(2026, 5, 1, tzinfo=UTC)


def event(id_, job="j1", action="create", status="success", who="u"):
    return ProvisioningEvent.parse(
        {
            "id": id_,
            "jobId": job,
            "provisioningAction": action,
            "provisioningStatusInfo": {"status": status},
            "sourceIdentity": {"id": who},
        }
    )


class Log:
    """A log of some pages, which keeps what was asked of it."""

    def __init__(self, *pages):
        self._pages = pages
        self.asked = []
        self.provisioning_logs = self

    async def pages(self, *, after, filter):  # noqa: A002  # as the client has it
        self.asked.append((after, filter))
        for page in self._pages:
            yield page


async def test_objects_are_counted_once_however_often_they_fail_or_go():
    log = Log(
        [event("1", status="failure"), event("2", status="failure"), event("3", status="failure", who="v")],
        [
            event("3", status="failure", who="v"),
            event("4", action="Disable", who="w"),
            event("5", action="delete", who="w"),
        ],
        [event("6", action="stagedDelete", status="skipped", who="x"), event("7", action="delete", status="failure")],
    )
    found = await collect_job_logs(log, ["j1"], SINCE + timedelta(seconds=0.7))
    assert (found["j1"].events, found["j1"].failing, found["j1"].deleted) == (7, {"u", "v"}, {"w", "x"})
    # The log shows whole seconds: all of the second that it began in is asked for.
    assert log.asked == [(SINCE - timedelta(microseconds=1), "jobid eq 'j1'")]


@pytest.mark.parametrize(("jobs", "requests"), [(3, 3), (4, 1)])
async def test_few_jobs_are_asked_for_and_many_are_picked_out_of_one_stream(jobs, requests):
    ids = [f"j{number}" for number in range(jobs)]
    log = Log([event("1", job="j0"), event("2", job="stranger")])
    found = await collect_job_logs(log, ids, SINCE)
    assert {id_: each.events for id_, each in found.items()} == {"j0": 1, **dict.fromkeys(ids[1:], 0)}
    assert len(log.asked) == requests
