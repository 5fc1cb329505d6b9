"""A year of a tenant, looked at four times a day: what it leaves behind is bounded."""

import tracemalloc
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from flows.inventory.watch import build_sweep, record_sweep
from flows.store import Kind, open_store
from flows.store.tables import JOB_EPISODE, JOB_HISTORY, TENANT_JOB, TENANT_LOOK, TENANT_PRINCIPAL
from tests.inventory.looking import DAY, shown

KEPT_DAYS = 10


async def measure(tenant):
    """The sizes of the tables, and the most memory that one more look takes, the tenant's own included."""
    tracemalloc.start()
    await tenant.look()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {**sizes(tenant.url), "bytes": peak}


def sizes(url):
    tables = (TENANT_LOOK, TENANT_PRINCIPAL, TENANT_JOB, JOB_HISTORY, JOB_EPISODE)
    with open_store(url) as store, store._database.read() as connection:
        return {table.name: connection.scalar(select(func.count()).select_from(table)) for table in tables}


async def lived_through(tenant, days, looks_a_day):
    """The sizes each time the tables were pruned; a job is made every day, one deleted every other day."""
    template = "Snowflake for Microsoft Entra ID"
    made, after = [], []
    for day in range(days):
        made.append(tenant.instantiate(template, f"App {day}"))
        tenant.emulator.tenant.jobs.create(made[-1], "snowFlake")
        if day % 2:
            tenant.controls.delete(made[day // 2].id, purge=True)
        for _ in range(looks_a_day):
            tenant.controls.advance(DAY / looks_a_day)
            found = await tenant.look()
            with open_store(tenant.url) as store:
                record_sweep(store, build_sweep(found), tenant.now)
        present = tenant.emulator.tenant.directory.live["servicePrincipal"]
        assert shown(found) == {each for each in tenant.truth() if each[0] in present}
        if day % KEPT_DAYS == KEPT_DAYS - 1:
            with open_store(tenant.url) as store:
                for _ in store.older_than(tenant.now - timedelta(days=KEPT_DAYS)).prune(Kind.JOBS):
                    pass
            after.append(await measure(tenant))
    return after


@pytest.mark.parametrize(
    ("days", "looks_a_day"), [(20, 1), pytest.param(360, 4, marks=[pytest.mark.proof, pytest.mark.timeout(3000)])]
)
async def test_tables_hold_what_is_there_and_what_was_lately(open_tenant, days, looks_a_day):
    tenant = open_tenant(40, no_jobs="empty")
    after = await lived_through(tenant, days, looks_a_day)
    present = tenant.emulator.tenant.directory.live["servicePrincipal"]
    jobs = sum(each[0] in present for each in tenant.truth())
    last = after[-1]
    assert last["tenant_look"] == 1
    # What is there, and what was deleted in the time that is kept: one every second day.
    assert last["tenant_principal"] <= len(present) + KEPT_DAYS
    assert last["tenant_job"] <= jobs + KEPT_DAYS
    # At most one row of a job for each look in that time, and how it was before.
    assert last["job_history"] <= (jobs + KEPT_DAYS) * (KEPT_DAYS * looks_a_day + 1)
    assert len(after) == 1 or last["job_history"] <= 2 * after[0]["job_history"] + jobs
    # The initial cycle of each, and little else in a quiet tenant.
    assert last["job_episode"] <= 2 * (jobs + KEPT_DAYS)
    # Memory is that of the rows there are, whatever has been before.
    first = after[0]
    assert last["bytes"] / _rows(last) <= 2 * first["bytes"] / _rows(first)


def _rows(measured):
    return measured["tenant_principal"] + measured["tenant_job"]
