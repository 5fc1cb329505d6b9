"""From the tenant over the harvest to the answer: what `why` tells is what the tenant's log says."""

import json
import subprocess
import sys
from collections import defaultdict

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.harvest import harvest_logs
from flows.monitor import monitor_fleet
from flows.provision import provision_fleet
from flows.run.context import open_run_context
from tests.estates import estate, fleet, instance

pytestmark = pytest.mark.usefixtures("without_prefect")

FLEET = fleet(instance("one"), instance("two"))


def why(*arguments):
    command = [sys.executable, "-m", "flows.cli", "why", *arguments, "--output", "json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=280).stdout)


async def test_the_story_of_somebody_is_that_of_the_tenants_log(tmp_path):
    with estate(tmp_path / "tenant", entry_failure_share=0.4), add_prefect_variables({"TOKEN": "good"}):
        await provision_fleet(FLEET)
        await monitor_fleet(FLEET, until="settled", interval_seconds=0.1)
        await harvest_logs()
        async with open_run_context(None) as run:
            log = [event.raw async for page in run.graph.provisioning_logs.pages() for event in page]
        people = defaultdict(list)
        for event in sorted(log, key=lambda event: event["activityDateTime"]):
            people[event["sourceIdentity"]["id"]].append(event)
        failed = next(
            events
            for events in people.values()
            if {event["provisioningStatusInfo"]["status"] for event in events} == {"failure", "success"}
            and events[0]["sourceIdentity"]["identityType"] == "User"
        )
        story = why(failed[0]["sourceIdentity"]["details"]["UserPrincipalName"].upper())
        by_name = why(failed[0]["sourceIdentity"]["displayName"], "--fleet", "contoso")
    last = {event["servicePrincipal"]["id"]: event for event in failed}
    assert story["user"]["id"] == failed[0]["sourceIdentity"]["id"]
    assert {each["service_principal_id"]: each["last"]["status"] for each in story["applications"]} == {
        id_: event["provisioningStatusInfo"]["status"] for id_, event in last.items()
    }
    assert [each["key"] for each in story["applications"]] in (["one", "two"], ["two", "one"])
    worst = story["applications"][0]
    error = last[worst["service_principal_id"]]["provisioningStatusInfo"]["errorInformation"]
    assert (worst["last"]["error_code"], worst["last"]["reason"]) == (error["errorCode"], error["reason"])
    assert worst["last"]["step"]["name"] == "EntryExportAdd"
    assert worst["explanation"]["cause"]
    assert by_name["applications"] == story["applications"]
