"""The demo's comparison of what the flows reported with what the tenant holds."""

import pytest

from flows.cli.demo.result import DemoResult
from flows.errors import StepFailed
from flows.monitoring.health import JobHealth
from flows.monitoring.sweep import Reading, Sweep, Target
from flows.plan.outcome import InstanceOutcome
from flows.run.journal import FleetOutcome


def rehearsal(*keys_that_failed):
    outcomes = []
    for key in keys_that_failed:
        outcome = InstanceOutcome(key, "created")
        outcome.fail(StepFailed("Throttled", "Graph: wait.", step="create-job"))
        outcomes.append(outcome)
    return DemoResult(Fleet, FleetOutcome("demo", outcomes, 1, 1.0), Sweep("demo", []), [], [])


class Fleet:
    fleet = "demo"


def tenant(*tags):
    applications = [
        {"appId": str(n), "displayName": "x", "tags": [f"entra-fleet:demo:{tag}"]} for n, tag in enumerate(tags)
    ]
    principals = [{"appId": each["appId"], "id": f"sp-{each['appId']}"} for each in applications]
    return {"applications": applications, "servicePrincipals": principals, "jobs": {}, "events": {}}


def test_an_instance_that_failed_contradicts_nothing_whatever_was_made_of_it():
    assert rehearsal("one", "two").differences(tenant("one")) == []


def test_two_applications_of_one_key_do_all_the_same():
    (difference,) = rehearsal("one").differences(tenant("one", "one"))
    assert difference.startswith("one: 2 applications")


def test_what_the_flows_know_nothing_of_is_told():
    (difference,) = rehearsal("one").differences(tenant("one", "stray"))
    assert difference.startswith("stray: ")


@pytest.mark.parametrize(("state", "differs"), [("missing", False), ("unknown", False), ("steady", True)])
def test_a_job_that_graph_did_not_show_contradicts_nothing(state, differs):
    made = InstanceOutcome("one", "created", service_principal_id="sp-0")
    seen = Sweep("demo", [Reading(Target("one", "sp-0"), JobHealth(state))])
    found = DemoResult(Fleet, FleetOutcome("demo", [made], 1, 1.0), seen, [], [])
    assert bool(found.differences(tenant("one"))) is differs
