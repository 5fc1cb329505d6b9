"""Testing an EntraTenant block from the Prefect UI."""

import pytest
from prefect.artifacts import Artifact

from flows.configuration.blocks import EntraTenant
from flows.configuration.environment import add_prefect_variables
from flows.probe import probe_connection
from tests.estates import TENANT, estate

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_api")]

READER = ("Application.Read.All", "Synchronization.Read.All", "ProvisioningLog.Read.All")


@pytest.fixture
def probe(tmp_path):
    """Tests a block of a tenant with these roles; returns the run's state and the artifact."""

    async def run(*, roles=None, secret=None, name="probed", **parameters):
        settings = {"roles": roles} if roles else {}
        blank = dict.fromkeys(("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"), "")
        with estate(tmp_path / "tenant", **settings) as tenant, add_prefect_variables(blank):
            block = EntraTenant(
                tenant_id=TENANT,
                client_id=tenant.emulator.settings.client_id,
                client_secret=secret or tenant.emulator.settings.client_secret,
                graph_url=tenant.served.url,
                authority=tenant.served.url,
                ca_file=str(tenant.served.ca_file),
            )
            await block.save("probed", overwrite=True)
            state = await probe_connection(name, **parameters, return_state=True)
            assert tenant.requests(writes=True) == []
        return state, (await Artifact.get(f"connection-{name}")).data

    return run


async def test_a_block_that_may_do_everything(probe):
    state, shown = await probe()
    assert (state.name, state.type.value) == ("Completed", "COMPLETED")
    assert f"tenant {TENANT} as application" in shown
    assert "missing" not in shown


async def test_a_reader_is_told_what_it_lacks_for_writing_and_nothing_where_it_only_reads(probe):
    state, shown = await probe(roles=READER)
    assert state.name == "PartiallyCompleted"
    assert "Synchronization.ReadWrite.All" in shown
    assert shown.count("**missing**") == 4
    state, shown = await probe(roles=READER, reading_only=True)
    assert state.name == "Completed"
    assert "missing" not in shown


async def test_a_wrong_secret_is_named_and_not_shown(probe):
    state, shown = await probe(secret="wrong-4711")
    assert state.type.value == "FAILED"
    assert "AADSTS7000215" in shown
    assert "wrong-4711" not in shown + str(state.message)


async def test_a_block_that_does_not_exist(probe):
    state, shown = await probe(name="nobody")
    assert state.type.value == "FAILED"
    assert "'nobody'" in state.message
    assert "Prefect UI" in shown
