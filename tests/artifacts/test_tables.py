import json

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.configuration.environment import add_prefect_variables
from flows.harvest import harvest_logs
from flows.monitor import monitor_fleet
from flows.provision import provision_fleet
from tests.estates import estate, fleet, instance

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

FLEET = fleet(instance("bad", credentials={"SecretToken": "${env:BAD}"}), instance("good"), fleet="tables")


async def artifact(key):
    """The newest artifact of that key."""
    async with get_client() as client:
        found = await client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return max(found, key=lambda each: each.created)


async def test_each_flow_leaves_what_a_person_looks_for(tmp_path):
    with estate(tmp_path / "tenant"), add_prefect_variables({"TOKEN": "good", "BAD": "wrong"}):
        assert (await provision_fleet(FLEET, return_state=True)).name == "PartiallyCompleted"
        await monitor_fleet(FLEET, until="settled", interval_seconds=0.1, return_state=True)
        await harvest_logs(return_state=True)
    plan = await artifact("tables-plan")
    assert json.loads(plan.data) == [
        {
            "key": key,
            "action": "create",
            "changes": f"App {key} from Box, job running",
            "health": "",
            "credentials": "",
        }
        for key in ("bad", "good")
    ]
    assert plan.description == "Plan of tables: 2 to create, 0 to update, 0 in conflict. 12 write requests"
    outcome = await artifact("tables-outcome")
    rows = json.loads(outcome.data)
    assert [(row["key"], row["outcome"]) for row in rows] == [("bad", "failed"), ("good", "created")]
    assert "Unauthorized (401)" in rows[0]["error"]
    assert outcome.description.startswith("tables: 1 created, 1 failed; ")
    assert float((await artifact("tables-provision")).data) == 100.0
    assert "| bad | failed |  |\n| good | created | " in (await artifact("tables-apps")).data
    assert float((await artifact("tables-settling")).data) == 100.0
    shown = await artifact("tables-health")
    assert shown.description.endswith("1 missing\n\nNeeds attention: bad")
    health = json.loads(shown.data)
    assert (health[0]["key"], health[0]["state"]) == ("bad", "missing")
    assert "events; complete up to" in (await artifact("harvest")).data
    assert "**Jobs:** 1 missing" in (await artifact("report")).data


async def test_the_log_of_a_failure_has_its_key_its_step_and_its_request_id_and_little_else(tmp_path, prefect_log):
    with estate(tmp_path / "tenant"), add_prefect_variables({"TOKEN": "good", "BAD": "wrong"}):
        outcome = await (await provision_fleet(FLEET, return_state=True)).aresult(raise_on_failure=False)
    (failure,) = (each.failure for each in outcome.instances if each.failure)
    (said,) = (line for line in prefect_log.messages if "Unauthorized (401)" in line and "failed with state" in line)
    assert f"result=<bad failed at validate-credentials, request-id {failure.request_id}>" in said
    assert len(said) < 2 * len(str(failure))
