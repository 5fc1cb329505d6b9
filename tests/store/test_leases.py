"""One run at a time writes for a fleet; what is dead holds nothing."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from flows.store import LeaseHolder
from flows.store.leases import EXPIRY, FLEET_LEASE, SHARD, ProcessId, is_running, this_process
from tests.store.events import TENANT

ELSEWHERE = ProcessId("other-host", "other-host 1", 4711, "100")


def wanting(*fleets, command="apply", **given):
    return LeaseHolder(tenant_id=TENANT, fleets=frozenset(fleets or {"contoso"}), command=command, **given)


@pytest.fixture
def child():
    """A process of another run; ends with the test."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def process_of(child):
    """What a process would say of itself."""
    ticks = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    started = int(ticks) / os.sysconf("SC_CLK_TCK")
    return replace(this_process(), pid=child.pid, started=f"{started:.2f}")


def age(store, holder, by):
    """Let a time pass without a renewal."""
    with store._database.write() as connection:
        mine = FLEET_LEASE.c.holder == holder.holder
        renewed = connection.execute(FLEET_LEASE.select().where(mine)).mappings().first()["renewed_at"]
        connection.execute(update(FLEET_LEASE).where(mine).values(renewed_at=renewed - by))


def test_the_second_is_told_who_has_it_until_it_is_given_back(store):
    first, second = wanting(flow_run_id="run-1"), wanting(command="rotate")
    assert store.leases.take(first) is None
    found = store.leases.take(second)
    assert (found.command, found.process, found.flow_run_id) == ("apply", this_process(), "run-1")
    assert found.held_since is not None
    assert store.leases.renew(first.holder)
    store.leases.release(first.holder)
    assert not store.leases.renew(first.holder)
    assert store.leases.take(second) is None
    assert [each.command for each in store.leases.holders(TENANT, "contoso")] == ["rotate"]


def test_other_fleets_and_tenants_go_on_and_a_renamed_fleet_is_both(store):
    assert store.leases.take(wanting("new", "old")) is None
    assert store.leases.take(wanting("other")) is None
    assert store.leases.take(replace(wanting("new"), tenant_id="another-tenant")) is None
    assert store.leases.take(wanting("old")) is not None
    assert store.leases.take(wanting("new")) is not None


def test_a_lease_of_a_process_that_was_killed_is_free_at_once(store, child):
    holder = wanting(process=process_of(child))
    assert is_running(holder.process)
    assert store.leases.take(holder) is None
    assert store.leases.take(wanting()) is not None
    child.kill()
    child.wait()
    assert store.leases.take(wanting()) is None
    assert not store.leases.renew(holder.holder)


def test_a_later_process_of_the_same_number_is_another(store):
    assert store.leases.take(wanting(process=replace(this_process(), started="long ago"))) is None
    assert store.leases.take(wanting()) is None


def test_a_lease_of_another_host_is_free_once_it_is_not_renewed(store):
    holder = wanting(process=ELSEWHERE)
    assert store.leases.take(holder) is None
    age(store, holder, EXPIRY - timedelta(seconds=30))
    assert store.leases.take(wanting()) is not None
    assert store.leases.renew(holder.holder)
    age(store, holder, EXPIRY - timedelta(seconds=30))
    assert store.leases.take(wanting()) is not None
    age(store, holder, timedelta(seconds=31))
    assert store.leases.take(wanting()) is None


def test_an_apply_and_its_shards_share_a_lease(store):
    apply = wanting()
    shard = wanting(command=SHARD, lease_id=apply.lease_id, process=ELSEWHERE)
    assert store.leases.take(apply) is None
    assert store.leases.take(shard) is None
    store.leases.release(apply.holder)
    assert store.leases.take(wanting()).command == SHARD
    assert store.leases.take(wanting(), despite_shards=True) is None
    assert store.leases.take(wanting(command=SHARD, lease_id=apply.lease_id)).command == "apply"


def test_of_many_at_once_one_gets_it(store):
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(store.leases.take, [wanting() for _ in range(8)]))
    assert found.count(None) == 1
