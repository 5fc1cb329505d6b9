import json

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows.environment import with_variables
from flows.harvest import harvest_logs
from flows.monitor import monitor_fleet
from flows.provision import provision_fleet
from tests.estates import estate, fleet, instance

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

FLEET = fleet(instance("bad", credentials={"SecretToken": "${env:BAD}"}), instance("good"), fleet="seen")


async def artifact(key):
    """The newest artifact of that key."""
    async with get_client() as client:
        found = await client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    return max(found, key=lambda each: each.created)


async def test_each_flow_leaves_what_a_person_looks_for(tmp_path):
    with estate(tmp_path / "tenant"), with_variables({"TOKEN": "good", "BAD": "wrong"}):
        await provision_fleet(FLEET, return_state=True)
        await monitor_fleet(FLEET, until="settled", interval_seconds=0.1, return_state=True)
        await harvest_logs(return_state=True)
    plan = await artifact("seen-plan")
    assert json.loads(plan.data) == [
        {
            "key": key,
            "action": "create",
            "changes": f"App {key} from Box, job running",
            "health": "missing",
            "credentials": "",
        }
        for key in ("bad", "good")
    ]
    assert plan.description == "Plan of seen: 2 create; 12 writes"
    outcome = await artifact("seen-outcome")
    rows = json.loads(outcome.data)
    assert [(row["key"], row["outcome"]) for row in rows] == [("bad", "failed"), ("good", "created")]
    assert "401 Unauthorized" in rows[0]["error"]
    assert outcome.description.startswith("seen: 1 created, 1 failed; ")
    assert float((await artifact("seen-settling")).data) == 100.0
    health = json.loads((await artifact("seen-health")).data)
    assert (health[0]["key"], health[0]["state"]) == ("bad", "missing")
    assert "events; complete up to" in (await artifact("harvest")).data
    assert "**Jobs:** 1 missing" in (await artifact("report")).data
