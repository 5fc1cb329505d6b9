"""What our Prefect server does otherwise than Prefect's own."""

import asyncio
from datetime import UTC, datetime

import pytest
from prefect.server.schemas import schedules

from flows.cli.processes.server_process import schedule_cron_lines


@pytest.mark.parametrize(("timezone", "hour"), [("UTC", 3), ("Europe/Berlin", 2), (None, 3)])
def test_a_cron_line_has_its_times_on_every_python(monkeypatch, timezone, hour):
    name = "_whenever_zdt_from_py"
    monkeypatch.setattr(schedules, name, getattr(schedules, name))
    schedule_cron_lines()
    nightly = schedules.CronSchedule(cron="0 3 * * *", timezone=timezone)
    (first,) = asyncio.run(nightly.get_dates(1, start=datetime(2026, 12, 1, tzinfo=UTC)))
    assert first.astimezone(UTC) == datetime(2026, 12, 1, hour, tzinfo=UTC)
