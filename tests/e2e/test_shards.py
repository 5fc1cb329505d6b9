"""A fleet that is spread over deployment runs, on a real server; test_cut_short.py has processes as workers."""

import json
import re

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.store import open_store
from graph_emulator import FaultRule
from tests.e2e.runs import Runs
from tests.e2e.worker_here import deploy_here, worker_here
from tests.estates import estate, fleet, instance
from tests.proof import invariants

WRITES, SECONDS = 90, 15.0
SPLIT = {"shard_size": 3, "shards_at_once": 2}


@pytest.fixture(scope="module")
def site(tmp_path_factory, prefect_server):
    """A tenant that throttles, and a work pool with a worker."""
    directory = tmp_path_factory.mktemp("shards")
    limits = {"throttling": True, "writes_per_window": WRITES, "write_window_seconds": SECONDS}
    variables = {"ENTRA_FLEET_WRITE_BUDGET": f"{WRITES}/{SECONDS}", "TOKEN": "good", "WRONG": "a wrong token"}
    with estate(directory, **limits) as tenant, add_prefect_variables(variables):
        made = Runs(prefect_server.api_url, "shards")
        made.tenant = tenant
        made.store = f"sqlite:///{directory / 'store.db'}"
        deploy_here(made.api_url, made.pool)
        with worker_here(made.api_url, made.pool):
            yield made


@pytest.fixture(autouse=True)
def new_tenant(site):
    site.tenant.emulator.controls.reset()
    site.tenant.forget()


def applied(site, document, **parameters):
    """An apply as a run of the deployment, once it has ended."""
    return site.ended(site.run({"fleet": document} | SPLIT | parameters))


def journal(site, name):
    """What the journal has of a fleet's newest run: the run, and the outcome of each key."""
    with open_store(site.store) as store:
        run = store.journal.runs(name)[0]
        return run, {change.key: change.outcome for change in store.journal.changes(run.id)}


def without_link(line):
    """A line of Markdown without the address it leads to."""
    return re.sub(r"\]\([^)]*\)", "]", line)


def most_writes_in_a_window(tenant):
    moments = sorted(record.at for record in tenant.requests(writes=True))
    return max(sum(start <= moment < start + SECONDS for moment in moments) for start in moments)


def test_a_large_fleet_is_provisioned_by_shards_and_one_bad_instance_harms_no_other(site):
    keys = [f"k{n}" for n in range(7)]
    some = [instance(key) for key in keys]
    some[4]["credentials"] = {"SecretToken": "${env:WRONG}"}
    run = applied(site, fleet(*some, fleet="big"), change="CHG-1")
    assert (run["state"]["name"], run["state"]["message"]) == ("PartiallyCompleted", "6 created, 1 failed")
    invariants.assert_one_application_a_key(site.tenant, keys, "big")
    invariants.assert_in_order(site.tenant)
    assert [(each["name"], each["state"]["name"]) for each in site.shards("big")] == [
        ("big 1 of 3", "Completed"),
        ("big 2 of 3", "PartiallyCompleted"),
        ("big 3 of 3", "Completed"),
    ]

    # All of it is one apply in the journal, and one table in the UI that begins with what failed.
    entry, outcomes = journal(site, "big")
    assert outcomes == {key: "failed" if key == "k4" else "created" for key in keys}
    assert (entry.flow_run_id, entry.outcome, entry.ticket) == (run["id"], "partial", "CHG-1")
    assert entry.counts == {"created": 6, "adopted": 0, "updated": 0, "unchanged": 0, "pending": 0, "failed": 1}
    (table,) = site.artifacts(run["id"], "big-outcome")
    rows = [(row["key"], row["outcome"]) for row in json.loads(table["data"])]
    assert rows == [("k4", "failed"), *((key, "created") for key in keys if key != "k4")]
    _, *lines = table["description"].split("\n\n")
    assert [line.partition(": ")[2] for line in map(without_link, lines)] == [
        "PartiallyCompleted, k3 … k5",
        "Completed, k0 … k2",
        "Completed, k6",
    ]

    # No more was written in any window than the budget allows, and nothing had to be refused for it.
    assert [record for record in site.tenant.requests() if record.status == 429] == []
    assert most_writes_in_a_window(site.tenant) <= WRITES

    # What is left is little: the next apply does it by itself, and touches nothing else.
    site.tenant.forget()
    run = applied(site, fleet(*(instance(key) for key in keys), fleet="big"))
    assert (run["state"]["name"], run["state"]["message"]) == ("Completed", "1 updated, 6 unchanged")
    assert len(site.shards("big")) == 3
    assert {record.operation for record in site.tenant.requests(writes=True)} == {
        "validate_credentials",
        "create_job",
        "put_secrets",
        "start_job",
    }


@pytest.mark.long  # a second apply does the same, in tests/flows and tests/proof
def test_a_shard_that_failed_is_run_again_from_the_ui(site):
    refusal = FaultRule("status", operation="start_job", status=400, times=2)
    site.tenant.emulator.controls.add_faults([refusal])
    run = applied(site, fleet(*(instance(f"k{n}") for n in range(4)), fleet="again"), shard_size=2, shards_at_once=1)
    assert run["state"]["message"] == "2 created, 2 failed"
    first, second = site.shards("again")
    assert (first["state"]["name"], second["state"]["name"]) == ("Failed", "Completed")
    site.tenant.forget()
    site.set_state(first["id"], "SCHEDULED")
    again = site.ended(first["id"])
    assert (again["state"]["name"], again["state"]["message"], again["run_count"]) == ("Completed", "2 updated", 2)
    written = sorted(record.operation for record in site.tenant.requests(writes=True))
    assert written == ["start_job"] * 2 + ["validate_job_credentials"] * 2
    assert set(journal(site, "again")[1].values()) == {"created", "updated"}


@pytest.mark.long  # tests/flows/test_safety.py has the refusal
def test_a_plan_that_is_refused_starts_no_shard(site):
    many = [instance(f"k{n}") for n in range(6)]
    applied(site, fleet(*many, fleet="guarded"), shard_size=100)
    site.tenant.forget()
    run = applied(site, fleet(*(each | {"notes": "new"} for each in many), fleet="guarded"))
    assert run["state"]["name"] == "Failed"
    assert "update 6 of 6 instances (100 %)" in run["state"]["message"]
    assert (site.shards("guarded"), site.tenant.requests(writes=True)) == ([], [])
    run = applied(site, fleet(*(each | {"notes": "new"} for each in many), fleet="guarded"), force=True)
    assert (run["state"]["message"], len(site.shards("guarded"))) == ("6 updated", 2)
    assert {record.operation for record in site.tenant.requests(writes=True)} == {"patch_application"}


def test_a_shard_on_a_worker_with_another_store_says_so_and_writes_nothing(site):
    run = site.ended(
        site.run({"fleet": fleet(instance("one"), fleet="astray"), "run_id": "of another store"}, deployment="shard")
    )
    assert run["state_type"] == "FAILED"
    assert "Set ENTRA_FLEET_STORE to one PostgreSQL database on every worker" in run["state"]["message"]
    assert site.tenant.requests(writes=True) == []
