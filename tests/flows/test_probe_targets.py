"""The flow that asks target systems, which anyone with access to Prefect's API may start."""

import pytest

from flows.configuration.environment import add_prefect_variables
from flows.probe import probe_targets
from tests.estates import NON_GALLERY, estate, fleet, instance

pytestmark = pytest.mark.usefixtures("without_prefect")


@pytest.fixture
def tenant(tmp_path):
    with estate(tmp_path / "tenant") as served, add_prefect_variables({"TOKEN": "good-t0k3n"}):
        yield served


@pytest.fixture
def probe(monkeypatch):
    """Runs the flow; returns the state and the artifact."""
    published = []

    async def publish(**artifact):
        published.append(artifact)

    async def run(wanted, allowed="localhost", **parameters):
        monkeypatch.setattr("flows.run.artifacts.acreate_table_artifact", publish)
        with add_prefect_variables({"ENTRA_FLEET_TARGETS": allowed}):
            state = await probe_targets(wanted, **parameters, return_state=True)
        return state, published[-1]

    return run


def at(served, *keys):
    return fleet(
        *(
            instance(
                key,
                NON_GALLERY,
                credentials={"BaseAddress": f"{served.served.url}/scim/{key}", "SecretToken": "${env:TOKEN}"},
            )
            for key in keys
        )
    )


def asked(served):
    return [record for record in served.emulator.requests if record.path.startswith("/scim/")]


async def test_without_permission_no_address_inside_is_contacted(tenant, probe):
    state, artifact = await probe(at(tenant, "one"), allowed="")
    assert (state.type.value, asked(tenant)) == ("FAILED", [])
    ((row),) = artifact["table"]
    assert (row["rule"], row["verdict"]) == ("reachable", "blocker")
    assert "ENTRA_FLEET_TARGETS" in row["to do"]


async def test_what_is_well_completes_and_graph_is_not_asked(tenant, probe):
    tenant.emulator.tenant.scim.server("one")
    state, artifact = await probe(at(tenant, "one", "two"))
    assert (state.name, state.message) == ("Completed", "2 targets, no blocker")
    assert artifact["key"] == "contoso-targets"
    assert tenant.requests() == []
    assert {record.method for record in asked(tenant)} == {"GET"}


async def test_a_blocker_of_one_is_told_beside_what_is_well(tenant, probe):
    tenant.emulator.tenant.scim.server("two").fault = "404-for-empty"
    state, artifact = await probe(at(tenant, "one", "two"))
    assert (state.name, state.message) == ("PartiallyCompleted", "1 of 2 targets have a blocker")
    assert artifact["table"][0]["rule"] == "empty-result"
    assert artifact["table"][0]["target"].endswith("/scim/two")
    tenant.emulator.tenant.scim.server("one").fault = "404-for-empty"
    state, _ = await probe(at(tenant, "one", "two"))
    assert state.type.value == "FAILED"


async def test_only_the_instances_asked_for(tenant, probe):
    await probe(at(tenant, "one", "two"), only=["two"])
    assert {record.path.split("/")[2] for record in asked(tenant)} == {"two"}


async def test_plain_http_cannot_be_asked_for(tenant, probe):
    wanted = at(tenant, "one")
    wanted["instances"][0]["credentials"]["BaseAddress"] = "http://127.0.0.1:9/scim"
    state, artifact = await probe(wanted, allowed="127.0.0.1")
    assert (state.type.value, artifact["table"][0]["rule"]) == ("FAILED", "reachable")


async def test_a_reference_that_cannot_be_read_is_told(tenant, probe):
    wanted = at(tenant, "one", "two")
    wanted["instances"][1]["credentials"]["SecretToken"] = "${env:NOWHERE}"
    state, artifact = await probe(wanted)
    assert (state.name, "1 references cannot be read" in state.message) == ("PartiallyCompleted", True)
    assert "NOWHERE" in artifact["description"]


async def test_nobody_has_to_sign_in_to_ask_targets(tenant, probe):
    tenant.emulator.tenant.scim.server("one")
    with add_prefect_variables({"AZURE_CLIENT_ID": "", "AZURE_CLIENT_SECRET": ""}):
        state, _ = await probe(at(tenant, "one"))
    assert state.name == "Completed"
    assert [record.operation for record in tenant.emulator.requests if record.operation == "token"] == []


@pytest.mark.prefect
async def test_the_flow_on_a_prefect_server(tenant):
    from prefect.artifacts import Artifact

    tenant.emulator.tenant.scim.server("one").fault = "404-for-empty"
    with add_prefect_variables({"ENTRA_FLEET_TARGETS": "localhost"}):
        state = await probe_targets(at(tenant, "one", "two"), return_state=True)
    assert state.name == "PartiallyCompleted"
    assert "empty-result" in (await Artifact.get("contoso-targets")).data
